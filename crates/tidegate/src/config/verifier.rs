//! `[[verifier]]`: whose word about callers counts, and the settings of routes that follow it.
//!
//! Owns what is held against what: names are unique, every algorithm has a key and every key an algorithm, and no route
//! tells its origin of a claim that does not divide its callers. Secrets come from the environment or from a file, and
//! nothing of a key is ever shown.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;

use super::credentials;
use super::error::Problem;
use super::origin::{OriginConfig, OriginName};
use super::read::{At, Fields, Reader, nearest};
use super::value::{Sourced, ValueError};
use crate::identity::{Algorithm, JwtVerifier, Key, Verifier};

/// Somebody whose word about callers counts.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifierConfig {
    /// Its name, unique among the verifiers.
    pub name: Sourced<OriginName>,
    /// How what callers bear is verified.
    pub verifier: Arc<Verifier>,
}

/// What a route asks of its callers.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerConfig {
    /// Whose word counts.
    pub verifier: Arc<VerifierConfig>,
    /// The claims that divide callers; if there are none, their tokens do.
    pub partition_by: Vec<Sourced<String>>,
    /// The fields that tell the origin of claims. Each of these divides callers, unless the route is not live.
    pub headers: Vec<(Sourced<HeaderName>, Sourced<String>)>,
}

/// A verifier, as far as it could be read.
pub(super) struct VerifierDraft {
    name: Option<At<OriginName>>,
    verifier: Option<Arc<VerifierConfig>>,
}

/// Fields that clients send for themselves, and that mean something else to an origin.
const OF_CLIENTS: [&str; 14] = [
    "accept",
    "accept-charset",
    "accept-language",
    "authorization",
    "cache-control",
    "content-language",
    "content-type",
    "cookie",
    "date",
    "origin",
    "pragma",
    "priority",
    "referer",
    "user-agent",
];

pub(super) fn read(reader: &mut Reader<'_>, tables: &[Fields<'_>]) -> Vec<VerifierDraft> {
    let mut first_by_name: HashMap<String, usize> = HashMap::new();
    let mut drafts = Vec::with_capacity(tables.len());
    for fields in tables {
        reader.unknown_keys(fields);
        let name = reader.value(fields, "name", OriginName::parse);
        if let Some(At { value, span: Some(span) }) = &name {
            let first = *first_by_name.entry(value.as_str().to_owned()).or_insert(span.start);
            if first != span.start {
                let first_line = reader.source.line(first);
                let shown = value.to_string();
                reader.report(span, Problem::SameName { what: "verifier", shown, first_line });
            }
        }
        let verifier = jwt(reader, fields);
        let build = || {
            let (name, verifier) = (name.clone()?.value, Arc::new(Verifier::Jwt(verifier?)));
            Some(Arc::new(VerifierConfig { name, verifier }))
        };
        let verifier = build();
        drafts.push(VerifierDraft { name, verifier });
    }
    drafts
}

fn jwt(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<JwtVerifier> {
    let public = reader.entries(fields, "public_keys", text, |pem| Key::public(pem).map_err(ValueError::Key));
    let secrets =
        reader.entries(fields, "secrets", text, |text| Key::secret(text.as_bytes()).map_err(ValueError::Key));
    let written = reader.list(fields, "algorithms", |name| {
        Algorithm::named(name).ok_or(ValueError::OneOf(&Algorithm::NAMES))
    });
    let issuer = reader.value(fields, "issuer", text);
    let audience = reader.value(fields, "audience", text);
    let leeway = reader.time(fields, "leeway");
    let (public, secrets, written) = (public?, secrets?, written?);
    let of = |(name, key): &(Sourced<String>, Sourced<Key>)| (String::clone(name), Key::clone(key));
    let keys: Vec<(String, Key)> = public.iter().chain(&secrets).map(of).collect();
    if keys.is_empty() {
        reader.report(&fields.header(), Problem::NoKeys);
        return None;
    }
    let mut right = true;
    let fits = |algorithm: Algorithm, key: &Key| {
        key.kind() == algorithm.kind()
            && (algorithm.least_secret() == 0 || key.len() >= algorithm.least_secret())
    };
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for At { value, span } in &written {
        if !keys.iter().any(|(_, key)| fits(**value, key)) {
            let span = span.clone().unwrap_or_else(|| fields.header());
            reader.report(&span, Problem::NoKeyFor { algorithm: value.name() });
            right = false;
        }
        algorithms.push(**value);
    }
    if written.is_empty() {
        for (_, key) in &keys {
            let usual = key.kind().usual();
            if !algorithms.contains(&usual) {
                algorithms.push(usual);
            }
        }
    }
    for (table, entries) in [("public_keys", &public), ("secrets", &secrets)] {
        for (name, key) in entries {
            if !algorithms.iter().any(|algorithm| fits(*algorithm, key)) {
                let span = fields.key_span(table).unwrap_or_else(|| fields.header());
                let (shown, usual) = (name.to_string(), key.kind().usual().name());
                reader.report(&span, Problem::UnusedKey { key: table, shown, usual });
                right = false;
            }
        }
    }
    let (issuer, audience) = (String::clone(&issuer?.value), String::clone(&audience?.value));
    right.then_some(JwtVerifier { keys, algorithms, issuer, audience, leeway: *leeway?.value })
}

/// What a route's table says of its callers; `None` inside where it verifies none. `None` if anything in it is wrong.
pub(super) fn of_route(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    verifiers: &[VerifierDraft],
    origin: Option<&OriginConfig>,
    is_live: bool,
) -> Option<Option<CallerConfig>> {
    let name = reader.value(fields, "verifier", |text| match text {
        "" => Ok(None),
        text => OriginName::parse(text).map(Some),
    });
    let partition_by = reader.list(fields, "partition_by", claim);
    let headers = reader.entries(fields, "claim_headers", header, claim);
    let (At { value, span }, partition_by, headers) = (name?, partition_by?, headers?);
    let mut right = true;
    if value.is_none() {
        for (key, written) in
            [("partition_by", !partition_by.is_empty()), ("claim_headers", !headers.is_empty())]
        {
            if let (true, Some(span)) = (written, fields.key_span(key)) {
                reader.report(&span, Problem::Needs { key, needed: "verifier" });
                right = false;
            }
        }
        return right.then_some(None);
    }
    if let (false, Some(span)) = (is_live, fields.key_span("partition_by")) {
        reader.report(&span, Problem::NotLive { key: "partition_by" });
        right = false;
    }
    let told_span = fields.key_span("claim_headers").unwrap_or_else(|| fields.header());
    for (field, claim) in &headers {
        if is_live && !partition_by.iter().any(|at| *at.value == **claim) {
            reader.report(&told_span, Problem::ClaimNotInKey { shown: claim.to_string() });
            right = false;
        }
        if origin.is_some_and(|origin| origin.credentials.headers.iter().any(|(own, _)| **own == **field)) {
            reader.report(&told_span, Problem::SetByOrigin { shown: field.to_string() });
            right = false;
        }
    }
    let shown = value.as_ref().map(ToString::to_string).unwrap_or_default();
    let is_hidden = value.is_hidden();
    let wanted = (*value).clone()?;
    let verifier = find(reader, &wanted, is_hidden, span.as_ref(), verifiers, &value_shown(&value, shown))?;
    let partition_by = partition_by.into_iter().map(|at| at.value).collect();
    right.then_some(Some(CallerConfig { verifier, partition_by, headers }))
}

/// A name as it may be shown.
fn value_shown(value: &Sourced<Option<OriginName>>, plain: String) -> String {
    if value.is_hidden() { format!("{value:?}") } else { plain }
}

fn find(
    reader: &mut Reader<'_>,
    wanted: &OriginName,
    is_hidden: bool,
    span: Option<&std::ops::Range<usize>>,
    verifiers: &[VerifierDraft],
    shown: &str,
) -> Option<Arc<VerifierConfig>> {
    let names = || verifiers.iter().filter_map(|draft| draft.name.as_ref().map(|at| &at.value));
    let same = |draft: &&VerifierDraft| draft.name.as_ref().is_some_and(|at| *at.value == *wanted);
    if let Some(draft) = verifiers.iter().find(same) {
        return draft.verifier.clone();
    }
    // The name of one that could not be read may be the one meant: its own error is enough.
    if let (Some(span), true) = (span, names().count() == verifiers.len()) {
        // A suggestion is near to what was written, so it would tell what a variable holds.
        let candidates = names().filter(|known| !known.is_hidden() && !is_hidden);
        let suggestion = nearest(wanted.as_str(), candidates.map(|known| known.as_str())).map(str::to_owned);
        let known = names().map(ToString::to_string).collect();
        reader.report(span, Problem::UnknownVerifier { shown: shown.to_owned(), suggestion, known });
    }
    None
}

fn text(text: &str) -> Result<String, ValueError> {
    Ok(text.to_owned())
}

/// The name of a claim. It may hold anything that a name in JSON may, but for what could not be written in a message.
fn claim(text: &str) -> Result<String, ValueError> {
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(ValueError::ClaimName),
        false => Ok(text.to_owned()),
    }
}

fn header(text: &str) -> Result<HeaderName, ValueError> {
    let name = credentials::name(text)?;
    if OF_CLIENTS.contains(&name.as_str()) { Err(ValueError::ClaimHeader) } else { Ok(name) }
}
