//! How the gateway describes itself: an OpenAPI 3.1 and an AsyncAPI 3.0 document, made from the configuration and from
//! the tables of the code.
//!
//! Owns what is said in them. They are for clients, so they hold what clients may know: which paths are live, how those
//! are read, what can go wrong. Invariants:
//! - Nothing of an origin is in them, no policy, and nothing that came from the environment: a route whose pattern or
//!   host holds something of it is left out.
//! - A document for a host names the routes that a request to this host can reach, and no others.
//! - What a version does not offer is not described: [`Offered`] says what there is.
//!
//! It must not know how documents are served; that is `edge/own.rs`.

mod asyncapi;
mod messages;
mod openapi;
mod schemas;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::config::{Config, HostPattern, PathPattern, RouteConfig, Template};

pub(crate) use asyncapi::asyncapi;
pub(crate) use openapi::openapi;

/// The version of the protocol that the documents describe; that of the program is nobody's to know.
const VERSION: &str = "1";

/// What stands in a document in the place of the host that a request named. JSON text has no other use for it.
const HOST: &str = "\0";

/// How JSON writes [`HOST`].
pub(crate) const WRITTEN_HOST: &str = "\\u0000";

/// What this version offers to clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered {
    /// The reserved query parameters.
    pub(crate) parameters: &'static [&'static str],
    /// The paths of the gateway's own endpoints.
    pub(crate) endpoints: &'static [&'static str],
    /// Whether updates come as lines of JSON, too.
    pub(crate) lines: bool,
    /// Whether `Subscribe: true` is understood.
    pub(crate) braid: bool,
}

impl Offered {
    fn parameter(&self, name: &str) -> bool {
        self.parameters.contains(&name)
    }

    fn endpoint(&self, path: &str) -> bool {
        self.endpoints.contains(&path)
    }
}

/// A route, as far as clients may know it.
#[derive(Debug, Clone)]
struct KnownRoute {
    host: HostPattern,
    pattern: PathPattern,
    /// Present where it is live and may be named.
    live: Option<LiveRoute>,
}

/// What is said of a live route.
#[derive(Debug, Clone)]
struct LiveRoute {
    template: Template,
    /// The pattern as the configuration has it.
    pattern: String,
    /// The safe methods beside `GET` and `HEAD`, in lower case.
    methods: Vec<String>,
    /// Whether its callers have to bear a token.
    verified: bool,
}

/// What is live.
#[derive(Debug, Clone)]
pub(crate) struct Surface {
    /// All routes in order of precedence: the first that matches a request is the one for it.
    routes: Vec<KnownRoute>,
    /// Whether clients may name URLs themselves.
    open: bool,
    /// `http` or `https`.
    scheme: &'static str,
}

impl Surface {
    /// What a configuration makes live.
    pub(crate) fn of(config: &Config) -> Surface {
        Surface {
            routes: config.routes.iter().map(KnownRoute::of).collect(),
            open: config.open.is_some(),
            scheme: config.scheme(),
        }
    }

    /// The patterns of hosts for which there are different documents, in order of precedence; the last is for every host.
    pub(crate) fn hosts(&self) -> Vec<HostPattern> {
        let mut hosts: Vec<_> = self.routes.iter().map(|route| route.host.clone()).collect();
        hosts.push(HostPattern::default());
        hosts.dedup();
        hosts
    }

    /// What is live for a host for which `pattern` is the first that matches.
    ///
    /// A request to it reaches the routes of that pattern, those of the wildcard that a name is under, and those for every
    /// host; of these, what those before them leave over.
    pub(crate) fn under(&self, pattern: &HostPattern) -> Surface {
        let shown = pattern.to_string();
        let name = (!shown.starts_with('*')).then_some(shown.as_str());
        let mut routes: Vec<KnownRoute> = Vec::new();
        for route in &self.routes {
            let here = route.host == *pattern || route.host.matches(name);
            if here && route.pattern.reachable(routes.iter().map(|earlier| &earlier.pattern)) {
                routes.push(route.clone());
            }
        }
        Surface { routes, ..self.clone() }
    }

    /// Where nothing is live.
    #[cfg(test)]
    pub(crate) fn nothing() -> Surface {
        Surface { routes: Vec::new(), open: false, scheme: "http" }
    }

    fn live(&self) -> impl Iterator<Item = &LiveRoute> {
        self.routes.iter().filter_map(|route| route.live.as_ref())
    }
}

impl KnownRoute {
    fn of(route: &RouteConfig) -> KnownRoute {
        let (host, pattern) = (HostPattern::clone(&route.host), PathPattern::clone(&route.pattern));
        let hidden = route.host.is_hidden() || route.pattern.is_hidden();
        let live = route.live().filter(|_| !hidden).map(|policy| {
            let sharing = &policy.sharing;
            let mut methods: Vec<_> =
                sharing.safe_methods.iter().map(|method| method.as_str().to_ascii_lowercase()).collect();
            if *sharing.graphql && !methods.iter().any(|method| method == "post") {
                methods.push(String::from("post"));
            }
            LiveRoute {
                template: pattern.template(),
                pattern: pattern.to_string(),
                methods,
                verified: route.callers.is_some(),
            }
        });
        KnownRoute { host, pattern, live }
    }
}

/// A template without the names of its parameters: two with the same shape are the same path to OpenAPI.
fn shape(template: &str) -> String {
    let mut shape = String::new();
    for (index, piece) in template.split(['{', '}']).enumerate() {
        shape.push_str(if index % 2 == 0 { piece } else { "{}" });
    }
    shape
}

/// A name for a path, of letters, digits and `-`, that `taken` does not have yet.
fn slug(path: &str, taken: &mut HashSet<String>) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let slug = if slug.is_empty() { String::from("root") } else { slug };
    let mut free = slug.clone();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        free = format!("{slug}-{number}");
        number += 1;
    }
    free
}

/// An object of these members.
fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect::<Map<_, _>>())
}

/// The name of the security scheme of routes that verify their callers.
const BEARER: &str = "bearer";

/// The security schemes that both documents refer to, as far as there are routes that need one.
fn security_schemes(surface: &Surface) -> Value {
    let scheme = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
    object(surface.live().any(|route| route.verified).then_some((BEARER, scheme)))
}

/// A reference within the same document.
fn reference(place: &str) -> Value {
    object([("$ref", Value::from(format!("#/{place}")))])
}
