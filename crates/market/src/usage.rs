//! What each caller used: requests and bytes on the wire, by API key and endpoint.
//!
//! Bytes are those of HTTP/1.1 as serialised: the start line, the fields and the body, without TCP and IP. A request
//! counts when its head has been read, its answer when it has been made. Bounded: [`MOST_KEYS`] names are told
//! apart, all later ones share the name [`OTHERS`].

use std::collections::BTreeMap;
use std::ops::AddAssign;

use http::{HeaderMap, Request, StatusCode};
use serde::Serialize;

/// The name of callers that give no key.
pub const ANONYMOUS: &str = "anonymous";

/// The name that keys share once [`MOST_KEYS`] others are known.
pub const OTHERS: &str = "others";

/// The most API keys that are told apart.
pub const MOST_KEYS: usize = 64;

/// The endpoints of the API, each for all of its symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Endpoint {
    /// `/`: the list of endpoints.
    #[serde(rename = "/")]
    Index,
    /// `/quotes`: all quotes.
    #[serde(rename = "/quotes")]
    Quotes,
    /// `/quotes/{symbol}`: one quote.
    #[serde(rename = "/quotes/{symbol}")]
    Quote,
    /// `/quotes/{symbol}/trades`: the latest trades of a symbol.
    #[serde(rename = "/quotes/{symbol}/trades")]
    Trades,
    /// `/orderbook/{symbol}`: the ten best prices on each side.
    #[serde(rename = "/orderbook/{symbol}")]
    OrderBook,
    /// `/usage`: these counts.
    #[serde(rename = "/usage")]
    Usage,
    /// Paths that do not exist.
    #[serde(rename = "other")]
    Other,
}

/// Totals since the market started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests whose head was read, whatever became of them.
    pub requests: u64,
    /// Answers without a body because the caller's copy was still right (304).
    pub not_modified: u64,
    /// Bytes of the answers: status line, fields and body.
    pub bytes_out: u64,
    /// Bytes of the requests: request line and fields.
    pub bytes_in: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.requests += other.requests;
        self.not_modified += other.not_modified;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
    }
}

/// The counts of every key and endpoint that was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// By API key ([`ANONYMOUS`] and [`OTHERS`] among them), then by endpoint.
    pub keys: BTreeMap<String, BTreeMap<Endpoint, Counts>>,
}

impl Usage {
    /// What a key used of one endpoint; zeros where it never asked.
    pub fn of(&self, key: &str, endpoint: Endpoint) -> Counts {
        self.keys.get(key).and_then(|endpoints| endpoints.get(&endpoint)).copied().unwrap_or_default()
    }

    /// What a key used of all endpoints.
    pub fn of_key(&self, key: &str) -> Counts {
        sum(self.keys.get(key).into_iter().flat_map(BTreeMap::values))
    }

    /// What everyone used.
    pub fn total(&self) -> Counts {
        sum(self.keys.values().flat_map(BTreeMap::values))
    }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut total = Counts::default();
    counts.for_each(|counts| total += *counts);
    total
}

/// Where the counts of one request go. Made by [`Meter::arrived`].
#[derive(Debug)]
pub(crate) struct Account {
    key: String,
    endpoint: Endpoint,
}

/// Keeps the counts.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    usage: Usage,
}

impl Meter {
    /// Counts a request and says where its answer counts.
    pub(crate) fn arrived(&mut self, key: Option<&str>, endpoint: Endpoint, bytes_in: u64) -> Account {
        let key = self.name(key.unwrap_or(ANONYMOUS));
        let account = Account { key, endpoint };
        self.add(&account, Counts { requests: 1, bytes_in, ..Counts::default() });
        account
    }

    /// Counts the answer.
    pub(crate) fn answered(&mut self, account: &Account, status: StatusCode, bytes_out: u64) {
        let not_modified = u64::from(status == StatusCode::NOT_MODIFIED);
        self.add(account, Counts { not_modified, bytes_out, ..Counts::default() });
    }

    /// The counts so far.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    fn name(&self, key: &str) -> String {
        let keys = &self.usage.keys;
        let shared = |name: &str| name == ANONYMOUS || name == OTHERS;
        let known = keys.keys().filter(|name| !shared(name)).count();
        let free = shared(key) || keys.contains_key(key) || known < MOST_KEYS;
        if free { key.to_owned() } else { OTHERS.to_owned() }
    }

    fn add(&mut self, account: &Account, counts: Counts) {
        let endpoints = self.usage.keys.entry(account.key.clone()).or_default();
        *endpoints.entry(account.endpoint).or_default() += counts;
    }
}

/// The bytes of a request's head: request line, fields, empty line. Exact for a sender that puts one space after the
/// colon, as all common ones do.
pub(crate) fn request_head_len<B>(request: &Request<B>) -> u64 {
    let target = match request.uri().authority() {
        None => request.uri().path_and_query().map_or(1, |target| target.as_str().len()),
        Some(_) => request.uri().to_string().len(),
    };
    let line = request.method().as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    line as u64 + fields_len(request.headers())
}

/// The bytes of an answer's head: status line, fields, empty line.
pub(crate) fn response_head_len(status: StatusCode, headers: &HeaderMap) -> u64 {
    let reason = status.canonical_reason().unwrap_or_default();
    let line = "HTTP/1.1 200 ".len() + reason.len() + "\r\n".len();
    line as u64 + fields_len(headers)
}

fn fields_len(headers: &HeaderMap) -> u64 {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
    };
    (headers.iter().map(field).sum::<usize>() + "\r\n".len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_measured_as_serialised() {
        for (target, head) in [
            ("/quotes?apikey=a", "GET /quotes?apikey=a HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n"),
            ("/", "GET / HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n"),
            ("http://x/quotes", "GET http://x/quotes HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n"),
        ] {
            let request =
                Request::get(target).header("host", "x").header("accept", "*/*").body(()).expect("valid");
            assert_eq!(request_head_len(&request), head.len() as u64, "{target}");
        }
        let response =
            http::Response::builder().header("vary", "a").header("vary", "b").body(()).expect("valid");
        let expected = "HTTP/1.1 404 Not Found\r\nvary: a\r\nvary: b\r\n\r\n".len() as u64;
        assert_eq!(response_head_len(StatusCode::NOT_FOUND, response.headers()), expected);
    }

    #[test]
    fn counts_go_to_their_key_and_endpoint() {
        let mut meter = Meter::default();
        let quotes = meter.arrived(Some("page"), Endpoint::Quotes, 100);
        let again = meter.arrived(Some("page"), Endpoint::Quotes, 110);
        let trades = meter.arrived(None, Endpoint::Trades, 50);
        meter.answered(&quotes, StatusCode::OK, 9_000);
        meter.answered(&again, StatusCode::NOT_MODIFIED, 200);
        meter.answered(&trades, StatusCode::OK, 700);
        let usage = meter.usage().clone();
        let page = Counts { requests: 2, not_modified: 1, bytes_out: 9_200, bytes_in: 210 };
        assert_eq!(usage.of("page", Endpoint::Quotes), page);
        assert_eq!(usage.of_key("page"), page);
        assert_eq!(usage.of("page", Endpoint::Trades), Counts::default());
        assert_eq!(usage.of_key(ANONYMOUS).bytes_out, 700);
        assert_eq!(usage.total().requests, 3);
        let json = serde_json::to_value(&usage).expect("JSON");
        assert_eq!(json["keys"]["page"]["/quotes"]["not_modified"], 1);
        assert_eq!(json["keys"]["anonymous"]["/quotes/{symbol}/trades"]["bytes_in"], 50);
    }

    #[test]
    fn keys_beyond_the_limit_share_a_name() {
        let mut meter = Meter::default();
        meter.arrived(None, Endpoint::Quotes, 1);
        for key in 0..200 {
            meter.arrived(Some(&format!("k{key}")), Endpoint::Quotes, 1);
        }
        meter.arrived(Some("k3"), Endpoint::Quotes, 1);
        meter.arrived(None, Endpoint::Quotes, 1);
        let usage = meter.usage();
        assert_eq!(usage.keys.len(), MOST_KEYS + 2);
        assert_eq!(usage.of_key("k3").requests, 2);
        assert_eq!(usage.of_key(ANONYMOUS).requests, 2);
        assert_eq!(usage.of_key(OTHERS).requests, 200 - MOST_KEYS as u64);
        assert_eq!(usage.total().requests, 203);
    }
}
