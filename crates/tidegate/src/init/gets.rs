//! The GETs of a document: where each is, whether it can be live, and what its route's reader wants to know.

use super::InitError;
use super::answers::{self, Verdict};
use super::document::{At, Dialect, Document};
use super::paths;
use super::servers::{self, Server};
use crate::config::{OriginName, OriginUrl, PathPattern};

/// An API behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Api {
    pub(super) name: String,
    pub(super) url: String,
}

/// A GET, with all that are the same to a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Get {
    /// The paths of the document that it stands for; more than one where a pattern cannot tell them apart.
    pub(super) paths: Vec<String>,
    pub(super) pattern: PathPattern,
    /// Whether the pattern matches more than the path.
    pub(super) wider: bool,
    /// Which of [`Found::apis`] answers.
    pub(super) api: usize,
    pub(super) verdict: Verdict,
    pub(super) summary: Option<String>,
    pub(super) deprecated: bool,
    /// The query parameters by name.
    pub(super) query: Vec<String>,
    pub(super) credentials: Credentials,
}

/// What a GET has to be sent with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The schemes, each with where it is sent.
    pub(super) schemes: Vec<String>,
    /// Whether it may be sent without any.
    pub(super) optional: bool,
    /// The cookies among them.
    pub(super) cookies: Vec<String>,
}

/// What was found in a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The first is that of everything that names none of its own.
    pub(super) apis: Vec<Api>,
    /// Further servers of the document.
    pub(super) alternatives: Vec<String>,
    /// By pattern.
    pub(super) gets: Vec<Get>,
    /// Paths for which there is no pattern, with the reason.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) notes: Vec<String>,
}

/// Finds the GETs of a document, whose API is at `origin` if that is given.
pub(super) fn find(document: &Document, origin: Option<&str>) -> Result<Found, InitError> {
    let mut found = Found::default();
    first_api(document, origin, &mut found);
    let paths = document.top().get("paths");
    if let Some(paths) = &paths {
        let Some(members) = paths.value.as_object() else {
            let place = document.place(&paths.pointer);
            let help = "write each path as a member: \"/quotes\": {\"get\": …}";
            return Err(InitError::new(place, "it is no object", help));
        };
        for path in members.keys().filter(|path| !path.starts_with("x-")) {
            let Some(item) = paths.get(path) else { continue };
            if let Some(get) = one(document, path, item, origin, &mut found) {
                found.add(document, get);
            }
        }
    }
    found.gets.sort_by_cached_key(|get| get.pattern.to_string());
    if found.gets.is_empty() {
        let place = document.place("/paths");
        found
            .notes
            .push(format!("{place}: there is no GET that could be a route: everything is passed through"));
    }
    Ok(found)
}

impl Get {
    /// Takes in another one that the same route is for: it is live if either can be, for what is not JSON passes through a
    /// live route, too.
    fn join(&mut self, other: Get) {
        self.paths.extend(other.paths);
        if self.wider && !other.wider {
            // Names say more.
            self.pattern = other.pattern;
        }
        self.wider &= other.wider;
        self.summary = self.summary.take().or(other.summary);
        self.deprecated &= other.deprecated;
        for name in other.query {
            if !self.query.contains(&name) {
                self.query.push(name);
            }
        }
        for scheme in other.credentials.schemes {
            if !self.credentials.schemes.contains(&scheme) {
                self.credentials.schemes.push(scheme);
            }
        }
        if matches!(self.verdict, Verdict::Not(_)) {
            self.verdict = other.verdict;
        }
    }
}

/// Where the API is: what is asked for, else the first server of the document.
fn first_api(document: &Document, origin: Option<&str>, found: &mut Found) {
    let (mut servers, wrong) = servers::of_document(document);
    let where_to = match document.dialect {
        Dialect::OpenApi => "/servers",
        Dialect::Swagger => "/host",
    };
    let url = match origin {
        Some(origin) => {
            if let Some(Server::Path(path)) = servers.first()
                && !path.is_empty()
                && !origin.trim_end_matches('/').ends_with(path.as_str())
            {
                found.notes.push(format!(
                    "{}: it says that the paths begin with {path}, which --origin does not end with",
                    document.place(where_to)
                ));
            }
            servers.clear();
            origin.trim_end_matches('/').to_owned()
        }
        None => {
            found.notes.extend(wrong);
            if !servers.iter().any(|server| matches!(server, Server::Url(_))) {
                found.notes.push(format!(
                    "{}: it names no host: write where the API is as the `url` of the [[origin]], or give --origin URL",
                    document.place(where_to)
                ));
            }
            // A whole URL is better than a path, wherever it stands.
            let best = servers.iter().position(|server| matches!(server, Server::Url(_))).unwrap_or(0);
            if servers.is_empty() { Server::Path(String::new()).url() } else { servers.remove(best).url() }
        }
    };
    found.alternatives = servers
        .iter()
        .filter_map(|server| match server {
            Server::Url(url) => Some(url.clone()),
            Server::Path(_) => None,
        })
        .collect();
    found.api(&url);
}

impl Found {
    /// Adds a GET. To a route, patterns that differ only in the names of parameters are one.
    fn add(&mut self, document: &Document, get: Get) {
        let Some(earlier) = self.gets.iter_mut().find(|earlier| earlier.pattern == get.pattern) else {
            return self.gets.push(get);
        };
        if earlier.api != get.api {
            let (url, paths) = (&self.apis[earlier.api].url, get.paths.join(", "));
            let place = document.place("/paths");
            self.notes.push(format!(
                "{place}: {paths} has another server than {}, and no pattern tells them apart: both go to {url}",
                earlier.paths.join(", ")
            ));
        }
        earlier.join(get);
    }

    /// The API at this URL.
    fn api(&mut self, url: &str) -> usize {
        if let Some(at) = self.apis.iter().position(|api| api.url == url) {
            return at;
        }
        let name = api_name(url);
        let taken = |name: &str, apis: &[Api]| apis.iter().any(|api| api.name == name);
        let mut free = name.clone();
        let mut number = 2;
        while taken(&free, &self.apis) {
            free = format!("{name}-{number}");
            number += 1;
        }
        self.apis.push(Api { name: free, url: url.to_owned() });
        self.apis.len() - 1
    }
}

/// The name of an API: its host where that can be one.
fn api_name(url: &str) -> String {
    let parsed = OriginUrl::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.uri().host()).unwrap_or_default();
    let is_name = host.len() <= 50
        && host.contains(|c: char| c.is_ascii_alphabetic())
        && OriginName::parse(host).is_ok();
    if is_name { host.to_owned() } else { String::from("api") }
}

/// The GET of a path, if it has one that a route can be for.
fn one(
    document: &Document,
    path: &str,
    item: At<'_>,
    origin: Option<&str>,
    found: &mut Found,
) -> Option<Get> {
    let place = item.pointer.clone();
    let item = match document.resolve(item) {
        Ok(item) => item,
        Err(why) => {
            found.leave_out(document, path, &place, why);
            return None;
        }
    };
    let get = item.get("get");
    let own =
        get.as_ref().and_then(|get| servers::of(document, get)).or_else(|| servers::of(document, &item));
    let api = match own {
        // Where the API is was said for the whole of it.
        Some(_) if origin.is_some() => 0,
        None => 0,
        Some((servers, wrong)) => {
            found.notes.extend(wrong);
            servers.first().map_or(0, |server| found.api(&server.url()))
        }
    };
    if get.is_none() && api == 0 {
        return None;
    }
    let made = match paths::pattern(path) {
        Ok(made) => made,
        Err(why) => {
            found.leave_out(document, path, &place, why);
            return None;
        }
    };
    let verdict = match &get {
        None => Verdict::Not(String::from("has no GET")),
        Some(get) => answers::judge(document, get).unwrap_or_else(|(pointer, why)| {
            found.notes.push(format!("{}: {why}", document.place(&pointer)));
            Verdict::Unknown
        }),
    };
    let text = |name: &str| get.as_ref().and_then(|get| get.text(name)).or_else(|| item.text(name));
    Some(Get {
        paths: vec![path.to_owned()],
        pattern: made.pattern,
        wider: made.wider,
        api,
        verdict,
        summary: text("summary").or_else(|| text("description")).map(str::to_owned),
        deprecated: get.as_ref().is_some_and(|get| get.value.get("deprecated") == Some(&true.into())),
        query: get.as_ref().map(|get| query(document, &item, get, &mut found.notes)).unwrap_or_default(),
        credentials: get.as_ref().map(|get| credentials(document, get)).unwrap_or_default(),
    })
}

impl Found {
    fn leave_out(&mut self, document: &Document, path: &str, pointer: &str, why: impl Into<String>) {
        let why = why.into();
        self.notes.push(format!("{}: no route of its own: {why}", document.place(pointer)));
        self.left_out.push((path.to_owned(), why));
    }
}

/// The names of the query parameters of an operation, those of its path included.
fn query(document: &Document, item: &At<'_>, get: &At<'_>, notes: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for list in [item.get("parameters"), get.get("parameters")].into_iter().flatten() {
        for parameter in list.items() {
            let pointer = parameter.pointer.clone();
            match document.resolve(parameter) {
                Ok(parameter) if parameter.text("in") == Some("query") => {
                    let name = parameter.text("name").unwrap_or_default().to_owned();
                    if !name.is_empty() && !names.contains(&name) {
                        names.push(name);
                    }
                }
                Ok(_) => {}
                Err(why) => notes.push(format!("{}: {why}", document.place(&pointer))),
            }
        }
    }
    names
}

/// What an operation has to be sent with: what it says itself, else what the document says for all.
fn credentials(document: &Document, get: &At<'_>) -> Credentials {
    let mut credentials = Credentials::default();
    let Some(required) = get.get("security").or_else(|| document.top().get("security")) else {
        return credentials;
    };
    for alternative in required.items().filter_map(|alternative| alternative.value.as_object()) {
        credentials.optional |= alternative.is_empty();
        for name in alternative.keys() {
            let (shown, cookie) = scheme(document, name);
            if !credentials.schemes.contains(&shown) {
                credentials.schemes.push(shown);
                credentials.cookies.extend(cookie);
            }
        }
    }
    credentials
}

/// A security scheme as a person reads it, and the cookie that it is, if it is one.
fn scheme(document: &Document, name: &str) -> (String, Option<String>) {
    let schemes = match document.dialect {
        Dialect::OpenApi => {
            document.top().get("components").and_then(|components| components.get("securitySchemes"))
        }
        Dialect::Swagger => document.top().get("securityDefinitions"),
    };
    let found =
        schemes.and_then(|schemes| schemes.get(name)).and_then(|scheme| document.resolve(scheme).ok());
    let Some(found) = found else { return (name.to_owned(), None) };
    let key = found.text("name").unwrap_or_default();
    match (found.text("type"), found.text("in")) {
        (Some("apiKey"), Some("cookie")) => (format!("{name}: cookie {key}"), Some(key.to_owned())),
        (Some("apiKey"), Some(place)) => (format!("{name}: {place} {key}"), None),
        (Some("http"), _) => {
            (format!("{name}: http {}", found.text("scheme").unwrap_or("authentication")), None)
        }
        (Some(kind), _) => (format!("{name}: {kind}"), None),
        (None, _) => (name.to_owned(), None),
    }
}
