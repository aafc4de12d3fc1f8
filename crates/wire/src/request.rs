//! What a client asks for on a connection that carries several subscriptions: WebSocket messages, and the lists that are
//! posted to multiplexed event streams.
//!
//! Reading is strict: a member that is not known, or is there twice, is an error whose text names it and what is valid, so
//! that a misspelt wish is never a wish unheard. What the texts in `mode`, `select` and `rate` may say is the business of
//! whoever reads the header fields of the same meaning.

mod fields;
mod members;
#[cfg(test)]
mod tests;

use std::fmt;

use http::HeaderMap;
use http::uri::PathAndQuery;

use members::{Member, Members, TARGET, read_text, target};

/// The most bytes of a target, and of any other text: what the head of a request may have, too.
pub const MAX_TEXT: usize = 8 << 10;

/// The most header fields of one subscription.
pub const MAX_FIELDS: usize = 64;

/// The most elements of a list.
pub const MAX_REQUESTS: usize = 1024;

/// The highest number of a subscription: 2³¹ − 1, an integer in every language.
pub const MAX_SUB: u32 = i32::MAX as u32;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A new subscription.
    Subscribe(Box<Subscribe>),
    /// The end of one.
    Unsubscribe {
        /// Its number.
        sub: u32,
    },
}

/// A new subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The number that its messages are to carry.
    pub sub: u32,
    /// The target, in origin form (RFC 9112 §3.2.1).
    pub url: PathAndQuery,
    /// Where to resume from; as `Last-Event-ID`.
    pub id: Option<String>,
    /// As `Tidegate-Mode`.
    pub mode: Option<String>,
    /// As `Tidegate-Select`.
    pub select: Option<String>,
    /// As `Tidegate-Rate`.
    pub rate: Option<String>,
    /// As `Cache-Control: max-age`, in seconds.
    pub max_age: Option<u32>,
    /// Header fields, which win over those of the handshake.
    pub headers: HeaderMap,
}

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// The subscription that it would have been about, where that could be read.
    pub sub: Option<u32>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for RequestError {}

const SUBSCRIBE: &[&str] = &["sub", "url", "id", "mode", "select", "rate", "max_age", "headers"];
const UNSUBSCRIBE: &[&str] = &["sub"];

impl Request {
    /// Reads the message of a WebSocket.
    pub fn read(text: &[u8]) -> Result<Request, RequestError> {
        Request::of(read_json(text)?)
    }

    /// Reads a list, as it is posted to a stream that runs.
    pub fn read_list(text: &[u8]) -> Result<Vec<Request>, RequestError> {
        read_list(text, Request::of)
    }

    fn of(members: Members<'_>) -> Result<Request, RequestError> {
        let sub = members.sub();
        let error = |detail| RequestError { sub, detail };
        match members.get("op").map(read_text) {
            Some(Some(op)) if op == "subscribe" => {
                Ok(Request::Subscribe(Box::new(Subscribe::of(members, "`subscribe`", &["op"])?)))
            }
            Some(Some(op)) if op == "unsubscribe" => {
                members.check("`unsubscribe`", &[&["op"], UNSUBSCRIBE]).map_err(error)?;
                Ok(Request::Unsubscribe { sub: Member::new(&members, "sub").sub().map_err(error)? })
            }
            Some(_) => Err(error("`op` has to be \"subscribe\" or \"unsubscribe\"".to_owned())),
            None => Err(error("`op` is missing: \"subscribe\" or \"unsubscribe\"".to_owned())),
        }
    }
}

impl Subscribe {
    /// A subscription to a target that a query parameter of the name `url` gave, with nothing else said.
    pub fn to(sub: u32, url: &str) -> Result<Subscribe, RequestError> {
        let error = || RequestError {
            sub: Some(sub),
            detail: format!("`url` has to be {TARGET}, of at most {MAX_TEXT} bytes"),
        };
        Ok(Subscribe {
            sub,
            url: target(url).ok_or_else(error)?,
            id: None,
            mode: None,
            select: None,
            rate: None,
            max_age: None,
            headers: HeaderMap::new(),
        })
    }

    /// Reads a list, as it is posted to open a stream: subscriptions without `op`, each with another number.
    pub fn read_list(text: &[u8]) -> Result<Vec<Subscribe>, RequestError> {
        let list = read_list(text, |members| Subscribe::of(members, "a subscription", &[]))?;
        let mut subs: Vec<u32> = list.iter().map(|subscribe| subscribe.sub).collect();
        subs.sort_unstable();
        match subs.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(&[sub, _]) => {
                Err(RequestError { sub: Some(sub), detail: format!("`sub` {sub} is there twice") })
            }
            _ => Ok(list),
        }
    }

    fn of(members: Members<'_>, what: &str, more: &[&str]) -> Result<Subscribe, RequestError> {
        let sub = members.sub();
        let read = || -> Result<Subscribe, String> {
            members.check(what, &[more, SUBSCRIBE])?;
            let member = |name| Member::new(&members, name);
            Ok(Subscribe {
                sub: member("sub").sub()?,
                url: member("url").target()?,
                id: member("id").position()?,
                mode: member("mode").text()?,
                select: member("select").text()?,
                rate: member("rate").text()?,
                max_age: member("max_age").seconds()?,
                headers: fields::read(members.get("headers"))?,
            })
        };
        read().map_err(|detail| RequestError { sub, detail })
    }
}

fn read_json<'de, T: serde::Deserialize<'de>>(text: &'de [u8]) -> Result<T, RequestError> {
    serde_json::from_slice(text)
        .map_err(|error| RequestError { sub: None, detail: format!("this cannot be read: {error}") })
}

fn read_list<'a, T>(
    text: &'a [u8],
    of: fn(Members<'a>) -> Result<T, RequestError>,
) -> Result<Vec<T>, RequestError> {
    let list: Vec<Members<'a>> = read_json(text)?;
    if list.len() > MAX_REQUESTS {
        return Err(RequestError {
            sub: None,
            detail: format!("a list has at most {MAX_REQUESTS} elements"),
        });
    }
    let numbered = list.into_iter().enumerate();
    let elements = numbered.map(|(index, members)| {
        of(members).map_err(|error| RequestError { detail: format!("[{index}]: {}", error.detail), ..error })
    });
    elements.collect()
}
