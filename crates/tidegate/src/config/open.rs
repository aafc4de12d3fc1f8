//! `[open]`: the open mode, in which clients name the URL themselves.
//!
//! Owns what is particular to it; how its resources are kept live and how long targets may take are settings of a route
//! and of an origin, which may stand here as well and mean the same.

use std::path::Path;

use http::HeaderName;

use super::allow::TargetPattern;
use super::error::Problem;
use super::header::parse_forwardable;
use super::kind::{Section, find};
use super::network::Network;
use super::origin::{self, TimeOuts};
use super::read::{Fields, Reader};
use super::route::{self, LivePolicy};
use super::value::Sourced;

/// The open mode, where it is on.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenConfig {
    /// The URLs that may be asked; at least one.
    pub allow: Vec<Sourced<TargetPattern>>,
    /// Networks that may be connected to although they are not public.
    pub allow_private: Vec<Sourced<Network>>,
    /// Request header fields that targets get besides those that say what the client can read; never `Cookie`.
    pub forward_headers: Vec<Sourced<HeaderName>>,
    /// How many redirects are followed for one fetch.
    pub max_redirects: Sourced<usize>,
    /// How many origins may be open at once.
    pub max_open_origins: Sourced<usize>,
    /// How long a target may take.
    pub time_outs: TimeOuts,
    /// How its resources are kept live.
    pub live: LivePolicy,
}

impl OpenConfig {
    /// Whether every URL there is may be asked.
    pub fn allows_everything(&self) -> bool {
        self.allow.iter().any(|pattern| pattern.is_everything())
    }
}

/// `None` if the table is not there, or if anything in it is wrong.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, folder: &Path) -> Option<OpenConfig> {
    if !fields.is_written() {
        return None;
    }
    reader.unknown_keys(fields);
    let allow = reader.list(fields, "allow", TargetPattern::parse);
    if allow.as_ref().is_some_and(Vec::is_empty)
        && let Some(setting) = find(Section::Open, "allow")
    {
        let place = fields.key_span("allow").unwrap_or(fields.header());
        reader.report(&place, Problem::missing(setting));
    }
    let allow_private = reader.list(fields, "allow_private", Network::parse);
    let forward_headers = reader.list(fields, "forward_headers", parse_forwardable);
    let max_redirects = reader.count(fields, "max_redirects");
    let max_open_origins = reader.count(fields, "max_open_origins");
    let time_outs = origin::time_outs(reader, fields);
    let live = route::live_policy(reader, fields, folder);
    Some(OpenConfig {
        allow: allow?.into_iter().map(|at| at.value).collect(),
        allow_private: allow_private?.into_iter().map(|at| at.value).collect(),
        forward_headers: forward_headers?.into_iter().map(|at| at.value).collect(),
        max_redirects: max_redirects?.value,
        max_open_origins: max_open_origins?.value,
        time_outs: time_outs?,
        live: live?,
    })
}
