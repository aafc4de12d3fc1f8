//! The checked configuration, and the way to it.
//!
//! A configuration is parsed, not validated: what exists as a [`Config`] is right, and whoever has one checks nothing
//! again. The same code runs at `check` and at start. `read` turns TOML into typed values, the module of each
//! section (`limits`, `origin`, `route`, …) holds them against each other, and both collect every error with its place and a
//! remedy. A section reports nothing that follows from an error that is reported already.
//!
//! Invariants:
//! - Parsing never panics and never stops at the first error.
//! - What came from the environment is never printed: not in an error, not by `Debug` or `Display` of any type here.
//! - Every route's origin exists, no two routes match the same paths, every route is reached by some request, and
//!   [`Config::routes`] is in order of precedence.
//!
//! It must not know how anything is served.

mod allow;
mod budget;
mod connections;
mod cors;
mod credentials;
mod docs;
mod env;
mod error;
mod expect;
mod fields;
mod header;
mod host;
mod kind;
mod limits;
mod network;
mod open;
mod origin;
mod origin_tls;
mod pace;
mod pattern;
mod quantity;
mod read;
mod route;
mod settings;
mod sharing;
mod source;
mod syntax;
mod tls;
mod url;
mod validity;
mod value;
mod verifier;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use allow::TargetPattern;
pub use budget::BudgetConfig;
pub use connections::{ConnectionConfig, HttpVersions, PlaceText};
pub use credentials::{CredentialConfig, OAuth2Config, Secret};
pub use docs::{EXAMPLE, markdown};
pub use env::{Environment, PlaceholderError};
pub use error::{ConfigError, Problem, Suggestion, render};
pub use expect::ExpectSettings;
pub use fields::FieldSettings;
pub use host::HostPattern;
pub use kind::{Kind, OrAuto, Section, Setting};
pub use limits::Limits;
pub use network::Network;
pub use open::OpenConfig;
pub use origin::{OriginConfig, OriginName, TimeOuts};
pub use origin_tls::{Authorities, OriginTls};
pub use pace::PaceSettings;
pub use pattern::{PathPattern, Template};
pub use quantity::{ByteSize, display_duration, parse_duration, parse_size};
pub use route::{LivePolicy, OWN, RouteConfig, RoutePolicy};
pub use settings::settings;
pub use sharing::SharingSettings;
pub use source::{Location, Place, mask_userinfo};
pub use tls::{MaterialError, Tls};
pub use url::{CorsOrigins, OriginUrl, WebOrigin};
pub use validity::{Validity, day_and_time};
pub use value::{AllowError, HeaderError, PatternError, PointerError, Sourced, UrlError, ValueError};
pub use verifier::{CallerConfig, VerifierConfig};

use tidegate_wire::Timestamp;

use read::{Fields, Reader};
use source::Source;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients are served.
    pub listen: Sourced<SocketAddr>,
    /// Which pages of other web origins may read answers.
    pub cors: CorsOrigins,
    /// Whether clients are told what is live and how it is read.
    pub describe: Sourced<bool>,
    /// The material for TLS; `None` where clients are served over plain HTTP.
    pub tls: Option<Tls>,
    /// The bounds of memory and of connections.
    pub limits: Limits,
    /// The APIs behind the gateway, in the order of the file.
    pub origins: Vec<Arc<OriginConfig>>,
    /// The routes in order of precedence: the first that matches a path is the one for it.
    pub routes: Vec<RouteConfig>,
    /// The open mode; `None` where clients cannot name URLs themselves.
    pub open: Option<OpenConfig>,
}

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
        let mut reader = Reader::new(&source, env::Values { environment, folder });
        let top = Fields::new(Section::Top, Some(table.get_ref()), 0..0);
        reader.unknown_keys(&top);
        let listen = reader.value(&top, "listen", |text| text.parse().map_err(|_| ValueError::Address));
        let cors = cors::read(&mut reader, &top);
        let describe = reader.value(&top, "describe", route::parse_flag);
        let tls_table = reader.table(&top, Section::Tls);
        let tls = tls::read(&mut reader, &tls_table, folder);
        let limits_table = reader.table(&top, Section::Limits);
        let limits = limits::read(&mut reader, &limits_table);
        let origin_tables = reader.tables(&top, Section::Origin);
        let origins = origin::read(&mut reader, &origin_tables, folder);
        let verifier_tables = reader.any_tables(&top, Section::Verifier);
        let verifiers = verifier::read(&mut reader, &verifier_tables);
        let route_tables = reader.tables(&top, Section::Route);
        let routes = route::read(&mut reader, &route_tables, &origins, &verifiers, folder);
        let open_table = reader.table(&top, Section::Open);
        let open = open::read(&mut reader, &open_table, folder);
        let mut errors = reader.errors;
        if let (true, Some(listen), Some(cors), Some(describe), Some(limits)) =
            (errors.is_empty(), listen, cors, describe, limits)
        {
            let origins = origins.into_iter().filter_map(origin::OriginDraft::finish).collect();
            let (listen, describe) = (listen.value, describe.value);
            return Ok(Self { listen, cors, describe, tls, limits, origins, routes, open });
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
                live.pace.poll = options.poll.map_or(live.pace.poll.clone(), Sourced::plain);
                live.linger = options.linger.map_or(live.linger.clone(), Sourced::plain);
            }
        }
        Ok(config)
    }

    /// What is right and yet will not do: certificates that are not valid at that moment, callers that are divided for
    /// nothing.
    pub fn warnings_at(&self, now: Timestamp) -> Vec<String> {
        let to_clients = self.tls.iter().filter_map(|tls| tls.problem_at(now, "clients do"));
        let shown = self.origins.iter().filter_map(|origin| origin.tls.client.as_ref());
        let to_origins = shown.filter_map(|tls| tls.problem_at(now, "its origin does"));
        let untold = self.routes.iter().filter_map(RouteConfig::untold);
        to_clients.chain(to_origins).chain(untold).collect()
    }

    /// The scheme of the URLs under which clients are served.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The route of a request's path, as the client sent it: percent-encoded, without the query; among those for every
    /// host.
    pub fn route(&self, path: &str) -> Option<&RouteConfig> {
        self.routes.iter().find(|route| route.host.is_any() && route.pattern.matches(path))
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
