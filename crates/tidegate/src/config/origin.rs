//! `[[origin]]`: the APIs behind the gateway.
//!
//! Owns what is held against what among origins: names are unique, and time-outs are in order.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::budget::{self, BudgetConfig};
use super::connections::{self, ConnectionConfig};
use super::credentials::{self, CredentialConfig};
use super::error::Problem;
use super::origin_tls::{self, OriginTls};
use super::quantity::display_duration;
use super::read::{At, Fields, Reader, nearest};
use super::url::OriginUrl;
use super::value::{Sourced, ValueError};

/// An API behind the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginConfig {
    /// Its name, unique among the origins.
    pub name: Sourced<OriginName>,
    /// Where it is.
    pub url: Sourced<OriginUrl>,
    /// How long connecting may take; at most `head_timeout`.
    pub connect_timeout: Sourced<Duration>,
    /// How long the head of an answer may take.
    pub head_timeout: Sourced<Duration>,
    /// How long the body of a fetched representation may take.
    pub body_timeout: Sourced<Duration>,
    /// How much it may be asked.
    pub budget: BudgetConfig,
    /// What the gateway sends of its own.
    pub credentials: CredentialConfig,
    /// How many redirects of a read are followed; 0 passes them on.
    pub follow_redirects: Sourced<usize>,
    /// How it is connected to.
    pub connections: ConnectionConfig,
    /// How TLS is spoken to it.
    pub tls: OriginTls,
}

/// How long an origin may take.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeOuts {
    /// Connecting; at most `head`.
    pub connect: Sourced<Duration>,
    /// The head of an answer.
    pub head: Sourced<Duration>,
    /// The body of a fetched representation.
    pub body: Sourced<Duration>,
}

/// The settings of how long an origin may take.
pub(super) const TIME_OUTS: [&str; 3] = ["connect_timeout", "head_timeout", "body_timeout"];

/// How long an origin may take, from its table. `None` if anything in it is wrong.
pub(super) fn time_outs(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<TimeOuts> {
    let [connect, head, body] = TIME_OUTS.map(|key| reader.time(fields, key));
    if let (Some(connect), Some(head)) = (&connect, &head) {
        bounds(reader, ("connect_timeout", connect), ("head_timeout", head));
    }
    Some(TimeOuts { connect: connect?.value, head: head?.value, body: body?.value })
}

/// The name of an origin: 1 to 64 letters, digits, `-`, `_` or `.`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OriginName(String);

/// An origin, as far as it could be read.
pub(super) struct OriginDraft {
    name: Option<At<OriginName>>,
    origin: Option<Arc<OriginConfig>>,
}

pub(super) fn read(reader: &mut Reader<'_>, tables: &[Fields<'_>], folder: &Path) -> Vec<OriginDraft> {
    let mut drafts: Vec<OriginDraft> = Vec::with_capacity(tables.len());
    let mut first_by_name: HashMap<String, usize> = HashMap::new();
    for fields in tables {
        reader.unknown_keys(fields);
        let name = reader.value(fields, "name", OriginName::parse);
        let url = reader.value(fields, "url", OriginUrl::parse);
        let time_outs = time_outs(reader, fields);
        let redirects = reader.count(fields, "follow_redirects");
        let budget = budget::read(reader, fields);
        let credentials = credentials::read(reader, fields);
        let connections = connections::read(reader, fields);
        let tls = origin_tls::read(reader, fields, url.as_ref().map(|at| &*at.value), folder);
        if let Some(At { value, span: Some(span) }) = &name {
            let first = *first_by_name.entry(value.as_str().to_owned()).or_insert(span.start);
            if first != span.start {
                let first_line = reader.source.line(first);
                reader
                    .report(span, Problem::SameName { what: "origin", shown: value.to_string(), first_line });
            }
        }
        let build = || {
            let TimeOuts { connect, head, body } = time_outs?;
            Some(Arc::new(OriginConfig {
                name: name.clone()?.value,
                url: url?.value,
                connect_timeout: connect,
                head_timeout: head,
                body_timeout: body,
                follow_redirects: redirects?.value,
                budget: budget?,
                credentials: credentials?,
                connections: connections?,
                tls: tls?,
            }))
        };
        let origin = build();
        drafts.push(OriginDraft { name, origin });
    }
    drafts
}

/// Reports a bound that exceeds its own bound, at whichever of the two the file holds.
fn bounds(reader: &mut Reader<'_>, low: (&'static str, &At<Duration>), high: (&'static str, &At<Duration>)) {
    let show = |at: &At<Duration>| at.value.clone().map(display_duration).to_string();
    if *low.1.value > *high.1.value
        && let Some(span) = low.1.span.as_ref().or(high.1.span.as_ref())
    {
        let problem =
            Problem::Exceeds { key: low.0, shown: show(low.1), limit_key: high.0, limit_shown: show(high.1) };
        reader.report(span, problem);
    }
}

impl OriginDraft {
    pub(super) fn finish(self) -> Option<Arc<OriginConfig>> {
        self.origin
    }
}

/// The origin of a route, by its name.
pub(super) fn find(
    reader: &mut Reader<'_>,
    name: &At<OriginName>,
    origins: &[OriginDraft],
) -> Option<Arc<OriginConfig>> {
    let names = || origins.iter().filter_map(|draft| draft.name.as_ref().map(|at| &at.value));
    let same = |draft: &&OriginDraft| draft.name.as_ref().is_some_and(|at| *at.value == *name.value);
    if let Some(draft) = origins.iter().find(same) {
        return draft.origin.clone();
    }
    // The name of an origin that could not be read may be the one meant: its own error is enough.
    let all_names_known = names().count() == origins.len();
    if let (Some(span), true) = (&name.span, all_names_known) {
        // A suggestion is near to what was written, so it would tell what a variable holds.
        let candidates = names().filter(|known| !known.is_hidden() && !name.value.is_hidden());
        let suggestion =
            nearest(name.value.as_str(), candidates.map(|known| known.as_str())).map(str::to_owned);
        let known = names().map(ToString::to_string).collect();
        reader.report(span, Problem::UnknownOrigin { shown: name.value.to_string(), suggestion, known });
    }
    None
}

impl OriginName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ValueError::Name`] if it is not 1 to 64 letters, digits, `-`, `_` or `.`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Name)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OriginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for OriginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
