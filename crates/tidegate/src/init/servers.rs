//! Where the API of a document is.

use super::document::{At, Dialect, Document};
use crate::config::OriginUrl;

/// Where an API is, as its document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// At this URL, which is right for an origin.
    Url(String),
    /// At this path of a host that the document leaves open; the path is empty or begins with `/`.
    Path(String),
}

/// What is written where the document names no host.
pub(super) const PLACEHOLDER: &str = "http://127.0.0.1:9100";

impl Server {
    /// The URL for the configuration.
    pub(super) fn url(&self) -> String {
        match self {
            Server::Url(url) => url.clone(),
            Server::Path(path) => format!("{PLACEHOLDER}{path}"),
        }
    }
}

/// The servers of the whole document that can be an origin, and what is wrong with the others.
pub(super) fn of_document(document: &Document) -> (Vec<Server>, Vec<String>) {
    let top = document.top();
    match document.dialect {
        Dialect::OpenApi => of(document, &top).unwrap_or_default(),
        Dialect::Swagger => swagger(document, &top),
    }
}

/// The servers that a path or an operation names itself; `None` where it names none.
pub(super) fn of(document: &Document, at: &At<'_>) -> Option<(Vec<Server>, Vec<String>)> {
    let listed = at.get("servers").filter(|_| document.dialect == Dialect::OpenApi)?;
    let (mut servers, mut wrong) = (Vec::new(), Vec::new());
    for server in listed.items() {
        let url = server.text("url").ok_or_else(|| String::from("it has no `url`"));
        match url.and_then(|url| filled_in(url, &server)).and_then(|url| read(&url)) {
            Ok(server) => servers.push(server),
            Err(why) => wrong.push(format!("{}: left out: {why}", document.place(&server.pointer))),
        }
    }
    (!servers.is_empty() || !wrong.is_empty()).then_some((servers, wrong))
}

fn swagger(document: &Document, top: &At<'_>) -> (Vec<Server>, Vec<String>) {
    let path = top.text("basePath").unwrap_or_default();
    let Some(host) = top.text("host") else {
        return match read(path) {
            Ok(server) if !path.is_empty() => (vec![server], Vec::new()),
            Ok(_) => (Vec::new(), Vec::new()),
            Err(why) => (Vec::new(), vec![format!("{}: left out: {why}", document.place("/basePath"))]),
        };
    };
    let schemes: Vec<&str> = top
        .get("schemes")
        .map(|schemes| schemes.items().filter_map(|at| at.value.as_str()).collect())
        .unwrap_or_default();
    let scheme = if schemes.contains(&"https") || !schemes.contains(&"http") { "https" } else { "http" };
    match read(&format!("{scheme}://{host}{path}")) {
        Ok(server) => (vec![server], Vec::new()),
        Err(why) => (Vec::new(), vec![format!("{}: left out: {why}", document.place("/host"))]),
    }
}

/// A server's URL with the defaults of its variables.
fn filled_in(url: &str, server: &At<'_>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(String::from("its `url` has a `{` without a `}`"));
        };
        let variable = server.get("variables").and_then(|variables| variables.get(name));
        let first = |at: &At<'_>| {
            at.get("enum")
                .and_then(|list| list.value.get(0).and_then(|text| text.as_str().map(str::to_owned)))
        };
        let value = variable.and_then(|at| at.text("default").map(str::to_owned).or_else(|| first(&at)));
        let value = value.ok_or_else(|| format!("its variable `{name}` has no default"))?;
        text.push_str(before);
        text.push_str(&value);
        rest = after;
    }
    Ok(text + rest)
}

/// A server's URL, absolute or relative to the place of the document (which is not known here).
fn read(url: &str) -> Result<Server, String> {
    let url = url.trim().trim_end_matches('/');
    // Without a scheme it is that of the document's own place; today's is https.
    let with_scheme = url.strip_prefix("//").map(|rest| format!("https://{rest}"));
    let absolute = with_scheme.as_deref().or_else(|| url.contains("://").then_some(url));
    match absolute {
        Some(url) => match OriginUrl::parse(url) {
            Ok(_) => Ok(Server::Url(url.to_owned())),
            Err(error) => Err(format!("its URL {}: {}", error.reason(), error.help())),
        },
        None => {
            let path = url.strip_prefix("./").unwrap_or(url);
            let path =
                if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            match OriginUrl::parse(&format!("{PLACEHOLDER}{path}")) {
                Ok(_) if path != "/." => Ok(Server::Path(path)),
                Ok(_) => Ok(Server::Path(String::new())),
                Err(error) => Err(format!("its URL {}: {}", error.reason(), error.help())),
            }
        }
    }
}
