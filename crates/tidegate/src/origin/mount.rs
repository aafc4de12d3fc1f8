//! Where an API is for clients, and where it is at the origin: paths on their way up, references on their way down.
//!
//! An API may stand under a path of its own at the origin (`inside`) and under another one for clients (`outside`). What
//! its answers say about places has to be true for clients: `Location`, `Content-Location` and `Link` name what a client
//! can reach through the gateway, and a cookie comes back for the paths that it was meant for, and for no other API's.
//!
//! Invariant: a reference that leads elsewhere leads there still. What is rewritten is a reference to the origin itself,
//! and what it becomes never names another host.

use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::fields;

/// The two places of an API.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    scheme: Scheme,
    authority: Authority,
    /// The path at the origin, without a slash at its end: empty where its paths are those of the targets.
    inside: String,
    /// The path for clients, likewise.
    outside: String,
}

impl Mount {
    /// An API at this place of the origin, and at the root for clients. Slashes at the end of the path do not matter.
    pub(super) fn new(scheme: Scheme, authority: Authority, inside: &str) -> Mount {
        Mount { scheme, authority, inside: inside.trim_end_matches('/').to_owned(), outside: String::new() }
    }

    /// The same API, for clients under this path.
    pub(super) fn at(self, outside: &str) -> Mount {
        Mount { outside: outside.trim_end_matches('/').to_owned(), ..self }
    }

    /// The path for clients; empty where it is the root.
    pub(crate) fn outside(&self) -> &str {
        &self.outside
    }

    /// The URI of a client's target (path and query, or `*`) at the origin.
    ///
    /// The target is used as sent, byte for byte, but for the paths that are exchanged. Then dot segments are resolved
    /// first (RFC 3986 §5.2.4), because `/../admin` must not leave the place of the API.
    pub(crate) fn uri(&self, target: &str) -> Result<Uri, http::Error> {
        let joined = if target == "*" {
            target.to_owned()
        } else {
            let (path, query) = split_path(target);
            // A query without a path stands for the root (RFC 9112 §3.2.1).
            let slash = if path.starts_with('/') { "" } else { "/" };
            let path = format!("{slash}{path}");
            let is_moved = !(self.inside.is_empty() && self.outside.is_empty());
            let path = if is_moved { resolved(&path) } else { path };
            let rest = below(&path, &self.outside).unwrap_or(&path);
            match format!("{}{rest}{query}", self.inside) {
                joined if joined.starts_with('/') => joined,
                joined => format!("/{joined}"),
            }
        };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(joined)
            .build()
    }

    /// Whether a path at the origin, without dot segments, is one of the API's.
    pub(super) fn holds(&self, path: &str) -> bool {
        below(path, &self.inside).is_some()
    }

    /// Makes what an answer says about places true for clients. `from` is the path that was asked for, at the origin.
    pub(crate) fn translate(&self, fields: &mut HeaderMap, from: &str) {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            rewrite(fields, &name, |text| self.seen_from_outside(text, from));
        }
        rewrite(fields, &header::LINK, |text| self.links(text, from));
        rewrite(fields, &header::SET_COOKIE, |text| self.cookie(text));
    }

    /// A URI reference (RFC 3986 §4.1) of the origin's as clients have to write it; none where it is right as it is.
    fn seen_from_outside(&self, reference: &str, from: &str) -> Option<String> {
        let (is_absolute, place) = match self.after_authority(reference) {
            Some(place) => (true, place),
            // To another host.
            None if reference.starts_with("//") => return None,
            None if !reference.starts_with('/') => return self.climbing(reference, from),
            None => (false, reference),
        };
        let (path, rest) = split_path(place);
        let path = resolved(if path.is_empty() { "/" } else { path });
        let Some(path) = below(&path, &self.inside) else {
            // At the origin, but not in the API: no client reaches it through here.
            let (scheme, authority) = (&self.scheme, &self.authority);
            return (!is_absolute).then(|| format!("{scheme}://{authority}{place}"));
        };
        let mut seen = format!("{}{path}", self.outside);
        if !seen.starts_with('/') {
            seen.insert(0, '/');
        }
        if seen.starts_with("//") {
            // It would name a host (RFC 3986 §4.2).
            seen.insert_str(0, "/.");
        }
        seen.push_str(rest);
        (seen != reference).then_some(seen)
    }

    /// A reference that is relative to the path asked for. Both places of the API have the same below them, so it is
    /// right as it is, unless it climbs out of one of them.
    fn climbing(&self, reference: &str, from: &str) -> Option<String> {
        let (path, rest) = split_path(reference);
        // A colon in the first segment ends a scheme (RFC 3986 §4.2).
        if path.is_empty() || path.split('/').next().is_some_and(|first| first.contains(':')) {
            return None;
        }
        // RFC 3986 §5.2.3, at the origin and as a client does it.
        let merged = |base: &str| {
            let folder = &base[..base.rfind('/').map_or(0, |end| end + 1)];
            resolved(&format!("{folder}{path}"))
        };
        let meant = format!("{}{rest}", merged(from));
        let shown = self.seen_from_outside(&meant, from).unwrap_or(meant);
        let asked = format!("{}{}", self.outside, below(from, &self.inside)?);
        let asked = if asked.is_empty() { "/" } else { &asked };
        (format!("{}{rest}", merged(asked)) != shown).then_some(shown)
    }

    /// What follows the authority in an absolute reference to this origin.
    fn after_authority<'a>(&self, reference: &'a str) -> Option<&'a str> {
        let (scheme, hierarchy) = match reference.strip_prefix("//") {
            Some(rest) => (self.scheme.as_str(), rest),
            None => reference.split_once("://")?,
        };
        let end = hierarchy.find(['/', '?', '#']).unwrap_or(hierarchy.len());
        let (authority, place) = hierarchy.split_at(end);
        let same_scheme = scheme.eq_ignore_ascii_case(self.scheme.as_str());
        let same_host = self
            .without_usual_port(authority)
            .eq_ignore_ascii_case(self.without_usual_port(self.authority.as_str()));
        (same_scheme && same_host).then_some(place)
    }

    fn without_usual_port<'a>(&self, authority: &'a str) -> &'a str {
        let usual = if self.scheme == Scheme::HTTPS { ":443" } else { ":80" };
        authority.strip_suffix(usual).or(authority.strip_suffix(':')).unwrap_or(authority)
    }

    /// The links of a `Link` field (RFC 8288 §3), each target rewritten.
    fn links(&self, list: &str, from: &str) -> Option<String> {
        let mut written = String::with_capacity(list.len());
        let mut rest = list;
        let mut changed = false;
        while let Some(start) = find_unquoted(rest, '<') {
            let Some(length) = rest[start + 1..].find('>') else { break };
            let (before, target) = (&rest[..=start], &rest[start + 1..start + 1 + length]);
            let seen = self.seen_from_outside(target, from);
            changed |= seen.is_some();
            written.push_str(before);
            written.push_str(seen.as_deref().unwrap_or(target));
            rest = &rest[start + 1 + length..];
        }
        written.push_str(rest);
        changed.then_some(written)
    }

    /// A cookie (RFC 6265 §4.1.1) for the paths of clients, and for the host that they know.
    fn cookie(&self, cookie: &str) -> Option<String> {
        let mut parts = cookie.split(';');
        let mut written = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, value) = part.split_once('=').map_or((part.trim(), ""), |(n, v)| (n.trim(), v.trim()));
            if name.eq_ignore_ascii_case("domain") && self.is_for_the_origin(value) {
                // Without it the cookie is for the host that the client asked: the gateway's.
                continue;
            }
            let is_path = name.eq_ignore_ascii_case("path");
            let seen = is_path.then(|| self.cookie_path(value)).flatten();
            // For a part of the origin that is not the API: at the gateway that may be another API's.
            if is_path && seen.is_none() && !self.outside.is_empty() {
                continue;
            }
            written.push(';');
            // Browsers take one with this prefix for the whole host or not at all (RFC 6265bis §4.1.3.2).
            match seen.filter(|_| !cookie.starts_with("__Host-")) {
                Some(path) => written.push_str(&format!(" {name}={path}")),
                None => written.push_str(part),
            }
        }
        (written != cookie).then_some(written)
    }

    /// Whether a cookie's `Domain` names the origin's host or a domain that it is in (RFC 6265 §5.1.3).
    fn is_for_the_origin(&self, domain: &str) -> bool {
        let (domain, host) = (domain.trim_start_matches('.'), self.authority.host());
        let above = host.len().checked_sub(domain.len()).map(|length| host.split_at(length));
        above.is_some_and(|(above, end)| {
            end.eq_ignore_ascii_case(domain) && (above.is_empty() || above.ends_with('.'))
        })
    }

    fn cookie_path(&self, path: &str) -> Option<String> {
        // For the whole API and what lies around it: for clients that is the API alone.
        let covers = below(&self.inside, path.trim_end_matches('/')).is_some();
        let rest = if covers { "" } else { below(path, &self.inside)? };
        let seen = format!("{}{rest}", self.outside);
        Some(if seen.is_empty() { "/".to_owned() } else { seen })
    }
}

/// A target's or a reference's path, and its query and fragment.
fn split_path(text: &str) -> (&str, &str) {
    text.split_at(text.find(['?', '#']).unwrap_or(text.len()))
}

fn resolved(path: &str) -> String {
    if fields::has_dot_segments(path) { fields::without_dot_segments(path) } else { path.to_owned() }
}

/// What of a path lies below another one: nothing, or something that begins with a slash.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where a character stands outside of quoted strings (RFC 9110 §5.6.4).
fn find_unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(index, character)| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == wanted && !quoted => return Some(index),
            _ => {}
        }
        None
    })
}

/// Replaces the values of a field for which there is another.
fn rewrite(fields: &mut HeaderMap, name: &HeaderName, new: impl Fn(&str) -> Option<String>) {
    let http::header::Entry::Occupied(mut entry) = fields.entry(name) else { return };
    for value in entry.iter_mut() {
        let written = value.to_str().ok().and_then(&new);
        if let Some(written) = written.and_then(|text| HeaderValue::from_str(&text).ok()) {
            *value = written;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(inside: &str, outside: &str) -> Mount {
        Mount::new(Scheme::HTTP, Authority::from_static("api.internal:9100"), inside).at(outside)
    }

    #[test]
    fn targets_on_their_way_up() {
        for (inside, outside, target, expected) in [
            ("", "", "/a%2Fb?x=/../y", "/a%2Fb?x=/../y"),
            ("", "", "/../a", "/../a"),
            ("", "", "?q", "/?q"),
            ("/v1/", "", "/a/b", "/v1/a/b"),
            ("/v1", "", "/../admin", "/v1/admin"),
            ("/v1", "", "/%2e%2E/admin?/../x", "/v1/admin?/../x"),
            ("", "/m", "/m/a?b", "/a?b"),
            ("", "/m", "/m", "/"),
            ("", "/m", "/m?b", "/?b"),
            ("/v1", "/m", "/m", "/v1"),
            ("/v1", "/m", "/m/", "/v1/"),
            ("/v1", "/m", "/m/../x", "/v1/x"),
            ("/v1", "/m", "/mx", "/v1/mx"),
        ] {
            let uri = mount(inside, outside).uri(target).unwrap();
            let expected = format!("http://api.internal:9100{expected}");
            assert_eq!(uri.to_string(), expected, "{inside} {outside} {target}");
        }
        assert_eq!(mount("/v1", "/m").uri("*").unwrap().path(), "*");
    }

    #[test]
    fn references_on_their_way_down() {
        for (inside, outside, reference, expected) in [
            // Only what names the origin's host has to be changed where its paths are the clients' own.
            ("", "", "/a", "/a"),
            ("", "", "a/b?c", "a/b?c"),
            ("", "", "http://api.internal:9100/a?b#c", "/a?b#c"),
            ("", "", "HTTP://API.internal:9100", "/"),
            ("", "", "http://api.internal:9100?q", "/?q"),
            ("", "", "//api.internal:9100/a", "/a"),
            ("", "", "https://api.internal:9100/a", "https://api.internal:9100/a"),
            ("", "", "http://api.internal/a", "http://api.internal/a"),
            ("", "", "//other/a", "//other/a"),
            ("", "", "mailto:a@b", "mailto:a@b"),
            ("", "", "", ""),
            ("", "", "http://api.internal:9100//evil.example/a", "/.//evil.example/a"),
            ("/v1", "/m", "/v1/a", "/m/a"),
            ("/v1", "/m", "/v1", "/m"),
            ("/v1", "", "/v1", "/"),
            ("/v1", "/m", "http://api.internal:9100/v1/a?b", "/m/a?b"),
            ("/v1", "/m", "/v1/../v1/a", "/m/a"),
            // At the origin, outside of the API.
            ("/v1", "/m", "/v10/a", "http://api.internal:9100/v10/a"),
            ("/v1", "/m", "/v1/../admin", "http://api.internal:9100/v1/../admin"),
            ("/v1", "/m", "http://api.internal:9100/login", "http://api.internal:9100/login"),
        ] {
            let mut fields = HeaderMap::from_iter([(header::LOCATION, reference.parse().unwrap())]);
            mount(inside, outside).translate(&mut fields, "/v1/a/b");
            assert_eq!(fields[header::LOCATION], expected, "{inside} {outside} {reference}");
        }
    }

    #[test]
    fn what_climbs_out_of_the_api_leads_where_the_origin_meant() {
        for (inside, outside, from, reference, expected) in [
            // Below both places alike.
            ("/v1", "/m", "/v1/a/b", "c", "c"),
            ("/v1", "/m", "/v1/a/b", "../c?q#f", "../c?q#f"),
            ("/v1", "/m", "/v1/a/b", "..", ".."),
            ("/v1", "/m", "/v1/a/b", "?q", "?q"),
            ("/v1", "/m", "/v1/a/b", "mailto:../../a", "mailto:../../a"),
            ("", "", "/a/b", "../../../c", "../../../c"),
            // Out, and back in by the other name.
            ("/v1", "/m", "/v1/a/b", "../../v1/c?q#f", "/m/c?q#f"),
            ("/v1", "/m", "/v1/a", "./../v1/c", "/m/c"),
            // Out, to what clients do not see.
            ("/v1", "/m", "/v1/a/b", "../../x", "http://api.internal:9100/x"),
            ("/v1", "/m", "/v1/a/b", "../../../../x", "http://api.internal:9100/x"),
            ("/v1", "", "/v1/a/b", "../../x", "http://api.internal:9100/x"),
            ("/v1/w", "/m", "/v1/w/a", "../x", "http://api.internal:9100/v1/x"),
            // The root of the API is the root of the origin, and not the root of the gateway.
            ("", "/m", "/a/b", "../../x", "/m/x"),
            ("", "/m", "/a/b", "../x", "../x"),
            // As deep, and yet another place.
            ("/v1/w", "/m", "/v1/w/a/b", "../../w/c", "/m/c"),
            ("/v1", "/m", "/v1", "x", "http://api.internal:9100/x"),
            ("/v1", "/m", "/v1", "v1/x", "/m/x"),
        ] {
            let mut fields = HeaderMap::from_iter([(header::LOCATION, reference.parse().unwrap())]);
            mount(inside, outside).translate(&mut fields, from);
            assert_eq!(fields[header::LOCATION], expected, "{inside} {outside} {from} {reference}");
        }
    }

    #[test]
    fn the_usual_port_is_no_difference() {
        let mount = Mount::new(Scheme::HTTPS, Authority::from_static("api.example.com"), "");
        assert_eq!(mount.seen_from_outside("https://api.example.com:443/a", "/").as_deref(), Some("/a"));
        assert_eq!(mount.seen_from_outside("https://api.example.com:80/a", "/"), None);
    }

    #[test]
    fn links_are_rewritten_one_by_one() {
        for (list, expected) in [
            (
                "</v1/a?p=2>; rel=\"next\", </v1/a?p=9>; rel=last",
                "</m/a?p=2>; rel=\"next\", </m/a?p=9>; rel=last",
            ),
            ("<a>; title=\"</v1/x>, \\\"<\", </v1/b>", "<a>; title=\"</v1/x>, \\\"<\", </m/b>"),
            ("<https://other/v1/a>; rel=next", "<https://other/v1/a>; rel=next"),
            ("</v1/a", "</v1/a"),
            ("", ""),
        ] {
            let mut fields = HeaderMap::from_iter([(header::LINK, list.parse().unwrap())]);
            mount("/v1", "/m").translate(&mut fields, "/v1/a/b");
            assert_eq!(fields[header::LINK], expected, "{list}");
        }
    }

    #[test]
    fn cookies_are_for_the_api_and_no_other() {
        for (inside, outside, cookie, expected) in [
            ("", "", "a=1; Path=/; HttpOnly", "a=1; Path=/; HttpOnly"),
            ("", "", "a=1", "a=1"),
            ("", "", "a=1; Domain=.Internal; Secure", "a=1; Secure"),
            ("", "", "a=1; domain=api.internal", "a=1"),
            ("", "", "a=1; Domain=nternal", "a=1; Domain=nternal"),
            ("", "", "a=1; Domain=other", "a=1; Domain=other"),
            ("/v1", "/m", "a=1; Path=/v1/x; Secure", "a=1; Path=/m/x; Secure"),
            ("/v1", "/m", "a=1; path = /v1", "a=1; path=/m"),
            ("/v1", "/m", "a=1; Path=/", "a=1; Path=/m"),
            ("/v1", "", "a=1; Path=/", "a=1; Path=/"),
            ("/v1", "/m", "a=1; Path=/other; Secure", "a=1; Secure"),
            ("/v1", "", "a=1; Path=/other", "a=1; Path=/other"),
            ("/v1", "/m", "__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"),
            ("", "/m", "a=1; Path=/", "a=1; Path=/m"),
            ("", "/m", "a=1; Path=/x", "a=1; Path=/m/x"),
            (
                "",
                "/m",
                "a=/v1; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
                "a=/v1; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
            ),
        ] {
            let mut fields = HeaderMap::from_iter([(header::SET_COOKIE, cookie.parse().unwrap())]);
            mount(inside, outside).translate(&mut fields, "/v1/a/b");
            assert_eq!(fields[header::SET_COOKIE], expected, "{inside} {outside} {cookie}");
        }
    }

    #[test]
    fn every_cookie_is_looked_at() {
        let mut fields = HeaderMap::new();
        for cookie in ["a=1; Path=/x", "b=2", "c=3; Path=/y"] {
            fields.append(header::SET_COOKIE, cookie.parse().unwrap());
        }
        mount("", "/m").translate(&mut fields, "/v1/a/b");
        let seen: Vec<_> = fields.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(seen, ["a=1; Path=/m/x", "b=2", "c=3; Path=/m/y"]);
    }
}
