//! A route's word on what chooses the content beside the path: who shares a feed, and which requests may.
//!
//! Owns the settings, what makes each of them wrong, and the way from them to what core takes. Header fields have a
//! room of their own (`header`), because credentials are among them.

use http::Method;
use tidegate_core::{CookieNames, IgnoredQuery};

use super::quantity::ByteSize;
use super::read::{At, Fields, Reader};
use super::value::{Sourced, ValueError};

/// What a route says about what chooses the content.
#[derive(Clone, Debug, PartialEq)]
pub struct SharingSettings {
    /// Query parameters that do not; one that ends in `*` stands for all that begin so.
    pub ignore_query: Vec<Sourced<String>>,
    /// The cookies that do; `None` if any may.
    pub cookies: Option<Vec<Sourced<String>>>,
    /// Methods beside `GET` and `HEAD` whose requests change nothing, so that their content is part of the key.
    pub safe_methods: Vec<Sourced<Method>>,
    /// The most bytes of such a request's content.
    pub max_query_body: Sourced<ByteSize>,
    /// Whether `POST`s are GraphQL, of which only queries change nothing.
    pub graphql: Sourced<bool>,
}

impl SharingSettings {
    /// The query parameters that do not choose the content.
    pub fn ignored_query(&self) -> IgnoredQuery {
        IgnoredQuery::new(self.ignore_query.iter().map(|name| name.as_str()))
    }

    /// The cookies that choose the content, if not all may.
    pub fn cookie_names(&self) -> Option<CookieNames> {
        let names = self.cookies.as_ref()?;
        Some(CookieNames::new(names.iter().map(|name| String::clone(name))))
    }
}

/// What a route's table says. `None` if anything in it is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<SharingSettings> {
    let ignore_query = reader.list(fields, "ignore_query", query_name);
    let cookies = reader.list_or_all(fields, "cookies", cookie_name);
    let safe_methods = reader.list(fields, "safe_methods", safe_method);
    let max_query_body = reader.size(fields, "max_query_body");
    let graphql = reader.value(fields, "graphql", super::route::parse_flag);
    Some(SharingSettings {
        ignore_query: values(ignore_query?),
        cookies: cookies?.map(values),
        safe_methods: values(safe_methods?),
        max_query_body: max_query_body?.value,
        graphql: graphql?.value,
    })
}

fn values<T>(list: Vec<At<T>>) -> Vec<Sourced<T>> {
    list.into_iter().map(|at| at.value).collect()
}

/// Names are compared decoded, so what only an encoded query holds is a slip.
fn query_name(text: &str) -> Result<String, ValueError> {
    let name = text.strip_suffix('*').unwrap_or(text);
    let is_slip = |c: char| {
        matches!(c, '&' | ';' | '=' | '+' | '%' | '#' | '*' | '?') || c.is_whitespace() || c.is_control()
    };
    match text.is_empty() || name.contains(is_slip) {
        true => Err(ValueError::QueryName),
        false => Ok(text.to_owned()),
    }
}

/// A token (RFC 6265 §4.1.1), and none of the attributes of old, which begin with `$`.
fn cookie_name(text: &str) -> Result<String, ValueError> {
    let is_token =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    match is_token && !text.is_empty() && !text.starts_with('$') {
        true => Ok(text.to_owned()),
        false => Err(ValueError::CookieName),
    }
}

/// The methods that are safe by their definition (`QUERY`; `SEARCH`, RFC 5323; `REPORT`, RFC 3253; `PROPFIND`,
/// RFC 4918), and `POST`, which may be. No others: a `PUT` or a `DELETE` that changes nothing is a mistake.
fn safe_method(text: &str) -> Result<Method, ValueError> {
    match text {
        "POST" | "QUERY" | "SEARCH" | "REPORT" | "PROPFIND" => {
            Method::from_bytes(text.as_bytes()).map_err(|_| ValueError::SafeMethod)
        }
        _ => Err(ValueError::SafeMethod),
    }
}
