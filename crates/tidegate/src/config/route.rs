//! `[[route]]`: which requests are whose, in order of precedence, and how their resources are kept live.
//!
//! Owns what is held against what among routes: their origins exist, and every route can be reached. It reports nothing
//! that follows from an error that is reported already.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::error::Problem;
use super::expect::{self, ExpectSettings};
use super::fields::{self, FieldSettings};
use super::header::parse_ignorable;
use super::host::HostPattern;
use super::origin::{self, OriginConfig, OriginDraft, OriginName};
use super::pace::{self, PaceSettings};
use super::pattern::PathPattern;
use super::read::{At, Fields, Reader};
use super::sharing::{self, SharingSettings};
use super::value::{Sourced, ValueError};
use super::verifier::{self, CallerConfig, VerifierDraft};

/// A pattern of resources with its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// Which hosts it is for.
    pub host: Sourced<HostPattern>,
    /// Which paths it is for.
    pub pattern: Sourced<PathPattern>,
    /// The path under which clients see the API, without a slash at its end; empty where it is the root.
    pub mount: Sourced<String>,
    /// Who answers.
    pub origin: Arc<OriginConfig>,
    /// What it asks of its callers; `None` where they are not looked at.
    pub callers: Option<CallerConfig>,
    /// What is done with its GETs.
    pub policy: RoutePolicy,
}

/// What is done with a route's GETs.
#[derive(Clone, Debug, PartialEq)]
pub enum RoutePolicy {
    /// They can be subscribed to.
    Live(Box<LivePolicy>),
    /// They are passed through like everything else.
    PassThrough,
}

/// How a route's resources are kept live.
#[derive(Clone, Debug, PartialEq)]
pub struct LivePolicy {
    /// How often they are asked for.
    pub pace: PaceSettings,
    /// How long polling goes on without subscribers.
    pub linger: Sourced<Duration>,
    /// How long what is stale is served to plain readers while the origin fails.
    pub stale_if_error: Sourced<Duration>,
    /// The longest silence on a stream.
    pub heartbeat: Sourced<Duration>,
    /// Whether a stream that fell behind gets the net effect of what it missed, and not each update.
    pub conflate: Sourced<bool>,
    /// Request header fields that are left out of the sharing key; never one that carries credentials.
    pub ignore_headers: Vec<Sourced<HeaderName>>,
    /// What else chooses the content, and which requests may ask for it.
    pub sharing: Arc<SharingSettings>,
    /// Which differences are told.
    pub fields: Arc<FieldSettings>,
    /// Which answers are representations.
    pub expect: Arc<ExpectSettings>,
}

/// A route, as far as it could be read.
struct RouteDraft {
    host: HostPattern,
    pattern: Option<At<PathPattern>>,
    line: usize,
    route: Option<RouteConfig>,
}

impl RouteConfig {
    /// What to think over, if callers are divided and the origin is told nothing that tells them apart.
    pub(super) fn untold(&self) -> Option<String> {
        let callers = self.callers.as_ref().filter(|callers| !callers.partition_by.is_empty())?;
        callers.headers.is_empty().then(|| {
            format!(
                "the route {}{} divides callers by `partition_by`, and its origin is told of none of the claims: each group \
                 asks for the same, unless the path or a field of their own tells them apart. `claim_headers` tells it",
                self.host, self.pattern
            )
        })
    }

    /// How the route's resources are kept live; `None` if everything is passed through.
    pub fn live(&self) -> Option<&LivePolicy> {
        match &self.policy {
            RoutePolicy::Live(policy) => Some(policy),
            RoutePolicy::PassThrough => None,
        }
    }
}

/// The routes in order of precedence. Shorter than `tables` if some could not be made.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tables: &[Fields<'_>],
    origins: &[OriginDraft],
    verifiers: &[VerifierDraft],
    folder: &Path,
) -> Vec<RouteConfig> {
    let read = |fields| route(reader, fields, origins, verifiers, folder);
    let mut drafts: Vec<_> = tables.iter().map(read).collect();
    drafts.retain(|draft| draft.pattern.is_some());
    // A stable sort: of two equal patterns the one that stands first in the file is the first.
    drafts.sort_by(|a, b| match (&a.pattern, &b.pattern) {
        (Some(pattern), Some(other)) => {
            a.host.precedence(&b.host).then_with(|| pattern.value.precedence(&other.value))
        }
        _ => std::cmp::Ordering::Equal,
    });
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(At { value, span: Some(span) }) = &draft.pattern
            && let Some(problem) = shadowed(&draft.host, value, &drafts[..index])
        {
            reader.report(span, problem);
        }
    }
    drafts.into_iter().filter_map(|draft| draft.route).collect()
}

/// What is wrong with a pattern that stands after `earlier`, if no request reaches it. A route for other hosts takes
/// nothing from it: one for more hosts stands after it.
fn shadowed(host: &HostPattern, pattern: &Sourced<PathPattern>, earlier: &[RouteDraft]) -> Option<Problem> {
    let earlier = earlier.iter().filter(|draft| draft.host == *host);
    let earlier = || earlier.clone().filter_map(|draft| Some((&draft.pattern.as_ref()?.value, draft.line)));
    if let Some((first, first_line)) = earlier().find(|(first, _)| **first == *pattern) {
        let (shown, first_shown) = (pattern.to_string(), first.to_string());
        return Some(Problem::SamePath { shown, first_shown, first_line });
    }
    if pattern.reachable(earlier().map(|(earlier, _)| &**earlier)) {
        return None;
    }
    let by = earlier().filter(|(earlier, _)| pattern.overlaps(earlier));
    let by = by.map(|(earlier, line)| (earlier.to_string(), line)).collect();
    Some(Problem::Unreachable { shown: pattern.to_string(), by })
}

/// Below this path is what the gateway itself answers; nothing there reaches an origin.
pub const OWN: &str = "/.tidegate";

/// The settings of a route that mean nothing where everything is passed through.
pub(super) const LIVE_ONLY: &[&str] = &[
    "poll",
    "poll_max",
    "obey_lifetime",
    "linger",
    "stale_if_error",
    "heartbeat",
    "conflate",
    "ignore_headers",
    "ignore_query",
    "cookies",
    "safe_methods",
    "max_query_body",
    "graphql",
    "payload",
    "ignore",
    "tolerance",
    "identity",
    "expect",
];

fn route(
    reader: &mut Reader<'_>,
    table: &Fields<'_>,
    origins: &[OriginDraft],
    verifiers: &[VerifierDraft],
    folder: &Path,
) -> RouteDraft {
    reader.unknown_keys(table);
    let pattern = reader.value(table, "path", PathPattern::parse);
    let host = reader.value(table, "host", HostPattern::parse);
    let mount = reader.value(table, "mount", PathPattern::parse_literal);
    if let (Some(pattern), Some(mount)) = (&pattern, &mount)
        && let (false, Some(span)) = (pattern.value.is_below(&mount.value), &pattern.span)
    {
        let (shown, mount) = (pattern.value.to_string(), mount.value.to_string());
        reader.report(span, Problem::NotMounted { shown, mount });
    }
    if let Some(At { value, span: Some(span) }) = &pattern
        && value.is_below(OWN)
    {
        reader.report(span, Problem::OwnPath { shown: value.to_string() });
    }
    let name = reader.value(table, "origin", OriginName::parse);
    let live = reader.value(table, "live", parse_flag);
    let policy = live_policy(reader, table, folder);
    let is_live = live.as_ref().map(|live| *live.value);
    if is_live == Some(false) {
        for &key in LIVE_ONLY {
            if let Some(span) = table.key_span(key) {
                reader.report(&span, Problem::NotLive { key });
            }
        }
    }
    let origin = name.and_then(|name| origin::find(reader, &name, origins));
    let callers = verifier::of_route(reader, table, verifiers, origin.as_deref(), is_live.unwrap_or(true));
    let build = || {
        let policy = if is_live? { RoutePolicy::Live(Box::new(policy?)) } else { RoutePolicy::PassThrough };
        Some(RouteConfig {
            host: host.clone()?.value,
            pattern: pattern.clone()?.value,
            mount: mount?.value,
            origin: origin?,
            callers: callers?,
            policy,
        })
    };
    let route = build();
    let line =
        pattern.as_ref().and_then(|at| at.span.as_ref()).map_or(0, |span| reader.source.line(span.start));
    let host = host.map(|at| HostPattern::clone(&at.value)).unwrap_or_default();
    RouteDraft { host, pattern, line, route }
}

/// How a table's resources are kept live: the settings of [`LIVE_ONLY`]. `None` if any of them is wrong.
pub(super) fn live_policy(reader: &mut Reader<'_>, table: &Fields<'_>, folder: &Path) -> Option<LivePolicy> {
    let pace = pace::read(reader, table);
    let linger = reader.time(table, "linger");
    let stale_if_error = reader.time(table, "stale_if_error");
    let heartbeat = reader.time(table, "heartbeat");
    let conflate = reader.value(table, "conflate", parse_flag);
    let ignored = reader.list(table, "ignore_headers", parse_ignorable);
    let sharing = sharing::read(reader, table);
    let controls = fields::read(reader, table);
    let expect = expect::read(reader, table, folder);
    Some(LivePolicy {
        pace: pace?,
        linger: linger?.value,
        stale_if_error: stale_if_error?.value,
        heartbeat: heartbeat?.value,
        conflate: conflate?.value,
        ignore_headers: ignored?.into_iter().map(|at| at.value).collect(),
        sharing: Arc::new(sharing?),
        fields: Arc::new(controls?),
        expect: Arc::new(expect?),
    })
}

pub(super) fn parse_flag(text: &str) -> Result<bool, ValueError> {
    text.parse().map_err(|_| ValueError::Flag)
}
