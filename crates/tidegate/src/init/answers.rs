//! What a GET answers with, as its document says, and whether that can be live.

use serde_json::Value;

use super::document::{At, Dialect, Document};

/// Whether a GET can be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers with JSON.
    Live,
    /// The document does not say with what it answers.
    Unknown,
    /// It cannot, or need not; why, to be read after its path.
    Not(String),
}

impl Verdict {
    fn not(why: impl Into<String>) -> Verdict {
        Verdict::Not(why.into())
    }
}

/// Media types of answers that are streams already.
const STREAMS: [&str; 9] = [
    "text/event-stream",
    "multipart/x-mixed-replace",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/stream+json",
    "application/json-seq",
    "application/x-json-stream",
];

/// Judges a GET; why its answers cannot be looked at, if they refer to nothing.
pub(super) fn judge(document: &Document, get: &At<'_>) -> Result<Verdict, (String, String)> {
    let Some(answers) = get.get("responses") else { return Ok(Verdict::Unknown) };
    let Some(members) = answers.value.as_object() else { return Ok(Verdict::Unknown) };
    let statuses: Vec<&str> =
        members.keys().map(String::as_str).filter(|key| !key.starts_with("x-")).collect();
    let named = |wanted: &[&str]| statuses.iter().copied().find(|status| wanted.contains(status));
    let success = named(&["200"]).or_else(|| named(&["2XX", "2xx"]));
    let Some(status) = success.or_else(|| named(&["203"])).or_else(|| named(&["default"])) else {
        let other = |digit: char| statuses.iter().find(|status| status.starts_with(digit));
        return Ok(match (other('2'), other('3')) {
            (Some(&"204"), _) => Verdict::not("answers without a body (204)"),
            (Some(&"206"), _) => Verdict::not("answers in parts (206)"),
            (Some(status), _) => Verdict::not(format!("answers with {status}, never with 200")),
            (None, Some(status)) => Verdict::not(format!("answers with a redirect ({status})")),
            (None, None) => Verdict::Unknown,
        });
    };
    let Some(answer) = answers.get(status) else { return Ok(Verdict::Unknown) };
    let pointer = answer.pointer.clone();
    let answer = document.resolve(answer).map_err(|why| (pointer, why))?;
    Ok(match document.dialect {
        Dialect::OpenApi => {
            by_types(answer.get("content").map(|content| keys(content.value)).unwrap_or_default())
        }
        Dialect::Swagger => {
            let is_file = answer.get("schema").and_then(|schema| schema.text("type")) == Some("file");
            let produces = get.get("produces").or_else(|| document.top().get("produces"));
            match by_types(produces.map(|types| texts(types.value)).unwrap_or_default()) {
                Verdict::Live | Verdict::Unknown if is_file => Verdict::not("answers with a file"),
                verdict => verdict,
            }
        }
    })
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn by_types(types: Vec<String>) -> Verdict {
    let types: Vec<_> = types.iter().map(|media| essence(media)).collect();
    if let Some(stream) = types.iter().find(|media| STREAMS.contains(&media.as_str())) {
        return Verdict::not(format!("has a stream of its own ({stream})"));
    }
    if types.iter().any(|media| is_json(media)) {
        return Verdict::Live;
    }
    if types.is_empty() || types.iter().any(|media| media.ends_with("/*")) {
        return Verdict::Unknown;
    }
    Verdict::not(format!("answers with {}, not with JSON", types.join(", ")))
}

/// A media type in lower case, without its parameters.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(media: &str) -> bool {
    media == "application/json" || media == "text/json" || (media.contains('/') && media.ends_with("+json"))
}
