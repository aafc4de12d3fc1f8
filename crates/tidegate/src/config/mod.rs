//! The checked configuration, and the way to it.
//!
//! A configuration is parsed, not validated: what exists as a [`Config`] is right, and whoever has one checks nothing
//! again. The same code runs at `check` and at start. It goes in two steps: `read` turns TOML into typed values table
//! by table, `check` holds them against each other; both collect every error with its place and a remedy.
//!
//! Invariants:
//! - Parsing never panics and never stops at the first error.
//! - What came from the environment is never printed: not in an error, not by `Debug` or `Display` of any type here.
//! - Every route's origin exists, no two routes match the same paths, every route is reached by some request, and
//!   [`Config::routes`] is in order of precedence.
//!
//! It must not know how anything is served.

mod check;
mod docs;
mod env;
mod error;
mod fields;
mod header;
mod kind;
mod pattern;
mod quantity;
mod read;
mod settings;
mod source;
mod syntax;
mod tls;
mod url;
mod validity;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

pub use docs::{EXAMPLE, markdown};
pub use env::{Environment, PlaceholderError};
pub use error::{ConfigError, Problem, Suggestion, render};
pub use fields::FieldSettings;
pub use kind::{Kind, OrAuto, Section, Setting};
pub use pattern::PathPattern;
pub use quantity::{ByteSize, display_duration, parse_duration, parse_size};
pub use settings::SETTINGS;
pub use source::{Location, Place, mask_userinfo};
pub use tls::{MaterialError, Tls};
pub use url::{CorsOrigins, OriginUrl, WebOrigin};
pub use validity::{Validity, day_and_time};
pub use value::{HeaderError, PatternError, PointerError, Sourced, UrlError, ValueError};

use read::{Fields, Reader};
use source::Source;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients are served.
    pub listen: Sourced<SocketAddr>,
    /// Which pages of other web origins may read answers.
    pub cors: CorsOrigins,
    /// The material for TLS; `None` where clients are served over plain HTTP.
    pub tls: Option<Tls>,
    /// The bounds of memory and of connections.
    pub limits: Limits,
    /// The APIs behind the gateway, in the order of the file.
    pub origins: Vec<Arc<OriginConfig>>,
    /// The routes in order of precedence: the first that matches a path is the one for it.
    pub routes: Vec<RouteConfig>,
}

/// The bounds of memory and of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The largest representation, decoded.
    pub max_body: Sourced<ByteSize>,
    /// The most feeds at once.
    pub max_feeds: Sourced<usize>,
    /// The most streams at once.
    pub max_streams: Sourced<usize>,
    /// The most streams of one feed at once.
    pub max_streams_per_feed: Sourced<usize>,
    /// The most connections of clients at once, those of streams included.
    pub max_connections: Sourced<usize>,
    /// The most connections of one address at once; of IPv6, of one /64 network.
    pub max_connections_per_address: Sourced<usize>,
    /// The most connections that are accepted in a second.
    pub max_connects_per_second: Sourced<usize>,
    /// The most bytes of a stream that the system holds for a slow client.
    pub send_buffer: Sourced<ByteSize>,
    /// The most bytes of old versions that unfinished writes keep in memory.
    pub max_pinned: Sourced<ByteSize>,
    /// The memory of the process beyond which load is shed; `auto` is a part of what the machine has.
    pub memory: Sourced<OrAuto<ByteSize>>,
    /// How many threads write to streams; `auto` is one for each core.
    pub shards: Sourced<OrAuto<usize>>,
    /// The most bytes of earlier versions that a feed keeps.
    pub window: Sourced<ByteSize>,
    /// The most earlier versions that a feed keeps.
    pub window_versions: Sourced<usize>,
    /// How long a client may take for the head of a request.
    pub request_head_timeout: Sourced<Duration>,
}

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
}

/// A pattern of resources with its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// Which paths it is for.
    pub pattern: Sourced<PathPattern>,
    /// Who answers.
    pub origin: Arc<OriginConfig>,
    /// What is done with its GETs.
    pub policy: RoutePolicy,
}

/// What is done with a route's GETs.
#[derive(Clone, Debug, PartialEq)]
pub enum RoutePolicy {
    /// They can be subscribed to.
    Live(LivePolicy),
    /// They are passed through like everything else.
    PassThrough,
}

/// How a route's resources are kept live.
#[derive(Clone, Debug, PartialEq)]
pub struct LivePolicy {
    /// From the start of one fetch to the start of the next.
    pub poll: Sourced<Duration>,
    /// How long polling goes on without subscribers.
    pub linger: Sourced<Duration>,
    /// The longest silence on a stream.
    pub heartbeat: Sourced<Duration>,
    /// Whether a stream that fell behind gets the net effect of what it missed, and not each update.
    pub conflate: Sourced<bool>,
    /// Request header fields that are left out of the sharing key; never one that carries credentials.
    pub ignore_headers: Vec<Sourced<HeaderName>>,
    /// Which differences are told.
    pub fields: Arc<FieldSettings>,
}

/// The name of an origin: 1 to 64 letters, digits, `-`, `_` or `.`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OriginName(String);

/// The settings of the mode without a file; what is `None` has the default of the file's setting.
#[derive(Clone, Debug, Default)]
pub struct SingleOrigin {
    /// Where clients are served.
    pub listen: Option<SocketAddr>,
    /// How often the origin is asked.
    pub poll: Option<Duration>,
    /// How long polling goes on without subscribers.
    pub linger: Option<Duration>,
    /// Which pages of other web origins may read answers.
    pub cors: CorsOrigins,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the file; never empty.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<Self, Vec<ConfigError>> {
        let name = path.display().to_string();
        let whole = |problem| vec![ConfigError { place: Source::new(&name, "").whole(), problem }];
        let bytes =
            std::fs::read(path).map_err(|error| whole(Problem::Unreadable { reason: error.to_string() }))?;
        let text = String::from_utf8(bytes).map_err(|_| whole(Problem::NotUtf8))?;
        Self::parse_in(path.parent().unwrap_or(Path::new("")), &name, &text, environment)
    }

    /// Checks the text of a file. `file` is only the name that errors show; the files that the text names are taken from
    /// the current folder.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the file; never empty.
    pub fn parse(file: &str, text: &str, environment: Environment<'_>) -> Result<Self, Vec<ConfigError>> {
        Self::parse_in(Path::new(""), file, text, environment)
    }

    fn parse_in(
        folder: &Path,
        file: &str,
        text: &str,
        environment: Environment<'_>,
    ) -> Result<Self, Vec<ConfigError>> {
        let source = Source::new(file, text);
        let table = syntax::parse(&source)?;
        let mut reader = Reader::new(&source, environment);
        let top = Fields::new(Section::Top, Some(table.get_ref()), 0..0);
        reader.unknown_keys(&top);
        let listen = reader.value(&top, "listen", |text| text.parse().map_err(|_| ValueError::Address));
        let cors = check::cors(&mut reader, &top);
        let tls_table = reader.table(&top, Section::Tls);
        let tls = tls::read(&mut reader, &tls_table, folder);
        let limits_table = reader.table(&top, Section::Limits);
        let limits = check::limits(&mut reader, &limits_table);
        let origin_tables = reader.tables(&top, Section::Origin);
        let origins = check::origins(&mut reader, &origin_tables);
        let route_tables = reader.tables(&top, Section::Route);
        let routes = check::routes(&mut reader, &route_tables, &origins);
        let mut errors = reader.errors;
        if let (true, Some(listen), Some(cors), Some(limits)) = (errors.is_empty(), listen, cors, limits) {
            let origins = origins.into_iter().filter_map(check::OriginDraft::finish).collect();
            return Ok(Self { listen: listen.value, cors, tls, limits, origins, routes });
        }
        errors.sort_by_key(|error| match &error.place {
            Place::File(at) => (at.line, at.column),
            Place::WholeFile(_) | Place::Option(_) => (usize::MAX, 0),
        });
        Err(errors)
    }

    /// The configuration of the mode without a file: one origin, and one live route for all of its paths.
    ///
    /// # Errors
    /// Everything that is wrong, with the command line option's name for its place.
    pub fn for_origin(url: &str, options: SingleOrigin) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let url = OriginUrl::parse(url).map_err(|error| {
            errors.push(ConfigError {
                place: Place::Option("--origin"),
                problem: Problem::BadValue { key: "--origin", shown: url.to_owned(), error },
            });
        });
        for (key, option, value) in [("poll", "--poll", options.poll), ("linger", "--linger", options.linger)]
        {
            errors.extend(value.and_then(|value| out_of_range(key, option, value)));
        }
        let (Ok(url), true) = (url, errors.is_empty()) else { return Err(errors) };
        // The defaults come from where a file's come from: a file that says nothing but the required settings.
        let minimal = "[[origin]]\nname = \"origin\"\nurl = \"http://localhost\"\n\
                       [[route]]\npath = \"/**\"\norigin = \"origin\"\n";
        let mut config = Self::parse("defaults", minimal, &|_| None)?;
        config.cors = options.cors;
        if let Some(listen) = options.listen {
            config.listen = Sourced::plain(listen);
        }
        let origin =
            Arc::new(OriginConfig { url: Sourced::plain(url), ..OriginConfig::clone(&config.origins[0]) });
        config.origins = vec![origin.clone()];
        for route in &mut config.routes {
            route.origin = origin.clone();
            if let RoutePolicy::Live(live) = &mut route.policy {
                live.poll = options.poll.map_or(live.poll.clone(), Sourced::plain);
                live.linger = options.linger.map_or(live.linger.clone(), Sourced::plain);
            }
        }
        Ok(config)
    }

    /// The scheme of the URLs under which clients are served.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The route of a request's path, as the client sent it: percent-encoded, without the query.
    pub fn route(&self, path: &str) -> Option<&RouteConfig> {
        self.routes.iter().find(|route| route.pattern.matches(path))
    }
}

/// Says that a route's duration is outside of its setting's limits, if it is.
fn out_of_range(key: &'static str, option: &'static str, value: Duration) -> Option<ConfigError> {
    let kind = kind::find(Section::Route, key)?.kind;
    let (Kind::Time(least, most), Some((least_text, most_text))) = (kind, kind.limits()) else { return None };
    (value < least || value > most).then(|| ConfigError {
        place: Place::Option(option),
        problem: Problem::OutOfRange {
            key: option,
            shown: display_duration(value),
            least: least_text,
            most: most_text,
        },
    })
}

impl RouteConfig {
    /// How the route's resources are kept live; `None` if everything is passed through.
    pub fn live(&self) -> Option<&LivePolicy> {
        match &self.policy {
            RoutePolicy::Live(policy) => Some(policy),
            RoutePolicy::PassThrough => None,
        }
    }
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
