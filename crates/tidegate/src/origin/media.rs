//! Which media types are documents (RFC 9110 §8.3).

use http::{HeaderMap, header};
use tidegate_core::Form;

/// `+json` types that are a stream of JSON texts and not one.
const JSON_STREAMS: [&str; 1] = ["application/stream+json"];

/// `text` types that are streams.
const TEXT_STREAMS: [&str; 3] = ["text/event-stream", "text/x-ndjson", "text/ndjson"];

/// Types outside `text/*`, `+xml` and `+yaml` that are text.
const ALSO_TEXT: [&str; 15] = [
    "application/xml",
    "application/xml-dtd",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/graphql",
    "application/sql",
    "application/x-www-form-urlencoded",
    "application/n-triples",
    "application/n-quads",
    "application/trig",
    "application/openmetrics-text",
];

/// What sort of document an answer is, or none: binary, a stream of its own, in a charset other than UTF-8, or without
/// exactly one media type.
pub(crate) fn form(fields: &HeaderMap) -> Option<Form> {
    let mut values = fields.get_all(header::CONTENT_TYPE).iter();
    let (value, more) = (values.next()?, values.next());
    if more.is_some() {
        return None;
    }
    let mut parts = value.to_str().ok()?.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| is_utf8(charset.trim().trim_matches('"')));
    let (kind, subtype) = media.split_once('/')?;
    let suffix = subtype.rsplit_once('+').map(|(_, suffix)| suffix);
    let form = match suffix {
        _ if JSON_STREAMS.contains(&&*media) || TEXT_STREAMS.contains(&&*media) => return None,
        Some("json") => Form::Json,
        Some("xml" | "yaml") => Form::Text,
        _ if media == "application/json" || media == "text/json" => Form::Json,
        _ if kind == "text" || ALSO_TEXT.contains(&&*media) => Form::Text,
        _ => return None,
    };
    utf8.then_some(form)
}

/// UTF-8 and its subset. (JSON needs no charset, RFC 8259 §11; one that says otherwise is believed.)
fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_documents_or_pass_through() {
        for (value, expected) in [
            ("application/json", Some(Form::Json)),
            ("Application/JSON; charset=UTF-8", Some(Form::Json)),
            ("application/json;charset=\"utf8\"", Some(Form::Json)),
            ("application/json;charset=utf-16", None),
            ("application/problem+json", Some(Form::Json)),
            ("application/geo+json", Some(Form::Json)),
            ("application/geo+json-seq", None),
            ("application/json-seq", None),
            ("application/x-ndjson", None),
            ("application/stream+json", None),
            ("application/jsonl", None),
            ("text/json", Some(Form::Json)),
            ("text/plain", Some(Form::Text)),
            ("text/plain; version=0.0.4; charset=utf-8", Some(Form::Text)),
            ("text/html; charset=us-ascii", Some(Form::Text)),
            ("text/html; charset=iso-8859-1", None),
            ("text/html; charset=utf-8; charset=latin1", None),
            ("text/csv", Some(Form::Text)),
            ("text/event-stream", None),
            ("text/x-ndjson", None),
            ("application/xml", Some(Form::Text)),
            ("application/atom+xml", Some(Form::Text)),
            ("image/svg+xml", Some(Form::Text)),
            ("application/javascript", Some(Form::Text)),
            ("application/yaml", Some(Form::Text)),
            ("application/openapi+yaml", Some(Form::Text)),
            ("multipart/mixed; boundary=a", None),
            ("application/grpc", None),
            ("application/grpc+proto", None),
            ("application/octet-stream", None),
            ("image/png", None),
            ("json", None),
            ("", None),
        ] {
            let fields = [(header::CONTENT_TYPE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(form(&fields), expected, "{value:?}");
        }
        assert_eq!(form(&HeaderMap::new()), None);
        let mut two = HeaderMap::new();
        two.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        two.append(header::CONTENT_TYPE, "text/html".parse().unwrap());
        assert_eq!(form(&two), None);
    }
}
