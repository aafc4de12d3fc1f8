//! Whether a `POST` is a GraphQL query: an operation that changes nothing, so that it may be sent again and for others.
//!
//! Invariant: only what every reader takes for a query is one. A mutation that was taken for a query would be polled,
//! that is, done again and again; a query that is not taken for one is merely passed through. So whatever servers are
//! known to read in different ways is no query here: members that are given twice or spelt in another case, parts of
//! the request in its URL, batches, persisted queries (their text is the server's), contents in a coding.

mod document;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tidegate_core::sharing::connection_options;

use self::document::{Kind, operations};

/// The parameters of a GraphQL request, as clients send them in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    query: String,
    #[serde(rename = "operationName", default)]
    operation_name: Option<String>,
    #[serde(rename = "variables", default)]
    _variables: Option<IgnoredAny>,
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

/// Whether the request is a query beyond doubt. `query` is the URL's, if it has one.
pub(super) fn is_query(query: Option<&str>, fields: &HeaderMap, content: &[u8]) -> bool {
    if fields.contains_key(CONTENT_ENCODING) || query.is_some_and(says_more) {
        return false;
    }
    match media_type(fields) {
        Some(Media::Json) => is_query_in_json(content),
        Some(Media::Document) => std::str::from_utf8(content).is_ok_and(|text| selects_a_query(text, None)),
        None => false,
    }
}

enum Media {
    Json,
    Document,
}

/// The media type, where it is one of the two that are read, in UTF-8, and travels to the origin.
fn media_type(fields: &HeaderMap) -> Option<Media> {
    let mut values = fields.get_all(CONTENT_TYPE).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    if connection_options(fields).contains("content-type") {
        return None;
    }
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let is_utf8 = |parameter: &str| {
        let parameter = parameter.replace('"', "").to_ascii_lowercase();
        parameter == "charset=utf-8" || parameter.is_empty()
    };
    if !parts.all(is_utf8) {
        return None;
    }
    match &*media {
        "application/json" => Some(Media::Json),
        "application/graphql" => Some(Media::Document),
        _ => None,
    }
}

/// Whether a URL's query holds a part of the request: some servers take it from there, before the content. One that
/// cannot be read might.
fn says_more(query: &str) -> bool {
    const PARTS: [&str; 4] = ["query", "operationname", "variables", "extensions"];
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        percent_decode_str(name).decode_utf8().map_or(true, |name| {
            !name.is_ascii() || PARTS.contains(&name.trim().to_ascii_lowercase().as_str())
        })
    })
}

fn is_query_in_json(content: &[u8]) -> bool {
    // Of an array, the parameters could be read as well, in order; to servers it is a batch.
    if content.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let Ok(parameters) = serde_json::from_slice::<Parameters>(content) else { return false };
    let is_persisted = |name: &String| !name.is_ascii() || name.eq_ignore_ascii_case("persistedQuery");
    !parameters.extensions.is_some_and(|extensions| extensions.keys().any(is_persisted))
        && selects_a_query(&parameters.query, parameters.operation_name.as_deref())
}

/// Whether the operation that is to be executed is a query: the one with the name, or the only one there is
/// (GraphQL, October 2021, §6.1).
fn selects_a_query(text: &str, name: Option<&str>) -> bool {
    let Some(operations) = operations(text) else { return false };
    let mut selected = operations.iter().filter(|operation| name.is_none() || operation.name == name);
    matches!((selected.next(), selected.next()), (Some(operation), None) if operation.kind == Kind::Query)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judged(query: Option<&str>, types: &[&'static str], content: &str) -> bool {
        let fields = types.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))).collect();
        is_query(query, &fields, content.as_bytes())
    }

    fn json(content: &str) -> bool {
        judged(None, &["application/json"], content)
    }

    #[test]
    fn queries_are_found() {
        for content in [
            r#"{"query":"{ a }"}"#,
            r#" {"query":"query Q { a }","operationName":"Q","variables":{"a":[1]},"extensions":{"clientLibrary":{"name":"x"}}}"#,
            r#"{"query":"query { a }","operationName":null,"variables":null,"extensions":null}"#,
            r#"{"query":"mutation M { a } query Q { b }","operationName":"Q"}"#,
            "{\"query\":\"# mutation\\nquery Q($a: [Int!]! = [1]) @d(x: {y: \\\"}\\\"}) { a(b: \\\"\\\"\\\" mutation { \\\"\\\"\\\") }\"}",
        ] {
            assert!(json(content), "{content}");
        }
        assert!(judged(None, &["Application/GraphQL; charset=\"UTF-8\""], "query { a }"));
        assert!(judged(Some("a=1&v=2"), &["application/json; charset=utf-8"], r#"{"query":"{ a }"}"#));
    }

    #[test]
    fn whatever_may_be_something_else_is_none() {
        for content in [
            "",
            "{}",
            "null",
            r#""{ a }""#,
            r#"{"query":null}"#,
            r#"{"query":""}"#,
            r#"{"query":"mutation { a }"}"#,
            r#"{"query":"subscription { a }"}"#,
            r#"{"query":"mutation M { a } query Q { b }","operationName":"M"}"#,
            r#"{"query":"mutation M { a } query Q { b }"}"#,
            r#"{"query":"query Q { a } query Q { b }","operationName":"Q"}"#,
            r#"{"query":"query Q { a }","operationName":"R"}"#,
            r#"{"query":"query Q { a }","operationName":""}"#,
            r#"{"query":"query Q { a }","operationName":1}"#,
            r#"{"query":"{ a }","query":"mutation { b }"}"#,
            r#"{"query":"mutation { b }","query":"{ a }"}"#,
            r#"{"query":"{ a }","Query":"mutation { b }"}"#,
            r#"{"query":"{ a }","\u0071uery":"mutation { b }"}"#,
            r#"{"query":"{ a }","id":"mutation"}"#,
            r#"{"query":"{ a }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}"#,
            r#"{"query":"{ a }","extensions":{"PersistedQuery":1}}"#,
            r#"{"query":"{ a }","extensions":{"per\u017fistedQuery":1}}"#,
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}"#,
            r#"{"query":"{ a }"} {"query":"mutation { b }"}"#,
            r#"[{"query":"{ a }"}]"#,
            r#"["{ a }"]"#,
            r#"["{ a }",null,null,null]"#,
            "\u{feff}{\"query\":\"{ a }\"}",
            r#"{"query":"fragment F on T { a }"}"#,
        ] {
            assert!(!json(content), "{content}");
        }
    }

    #[test]
    fn the_rest_of_the_request_counts_too() {
        let content = r#"{"query":"{ a }"}"#;
        for query in [
            "query=mutation{a}",
            "a=1&%71uery=x",
            "QUERY=x",
            "a=1;query=x",
            "operationName=M",
            "extensions={}",
            "%ff=1",
        ] {
            assert!(!judged(Some(query), &["application/json"], content), "{query}");
        }
        for types in [
            &[][..],
            &["application/json", "application/json"],
            &["application/json, text/plain"],
            &["application/json; charset=utf-16"],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["application/graphql"],
        ] {
            assert!(!judged(None, types, content), "{types:?}");
        }
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert!(is_query(None, &fields, content.as_bytes()));
        for (name, value) in [("connection", "Content-Type"), ("content-encoding", "gzip")] {
            let mut fields = fields.clone();
            fields.insert(http::HeaderName::from_static(name), HeaderValue::from_static(value));
            assert!(!is_query(None, &fields, content.as_bytes()), "{name}");
        }
    }
}
