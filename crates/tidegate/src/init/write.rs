//! The text of a configuration.
//!
//! Whatever comes from elsewhere becomes a comment of one line, or a quoted text: neither can end where it should not.

use std::fmt::Write as _;

use super::Written;
use super::answers::Verdict;
use super::document::Document;
use super::gets::{Credentials, Found, Get};
use super::servers::PLACEHOLDER;
use crate::config::OriginUrl;

/// The longest comment, in characters.
const MOST_COMMENT: usize = 110;

/// The pattern of what no other route is for.
const EVERYTHING: &str = "/**";

/// What stands at the top, behind who wrote it.
const TOP: &str = "\
# All settings with their defaults: docs/CONFIG.md. After a change: tidegate check --config FILE

listen = \"127.0.0.1:8080\"
# cors_origins = [\"https://app.example.com\"]    # the pages of these sites may read answers
";

/// What a live route may say besides.
const TUNING: &str = "\
# Every live route may say more, for instance:
#   poll = \"500ms\"                    how fresh the data is to be: the shortest interval at which it is asked for
#   poll_max = \"1m\"                   how seldom, where little changes
#   ignore_headers = [\"Accept-Language\"]   where that does not choose the answer
#   ignore = [\"$.generated_at\"]       what is no news
";

/// A configuration for one API of which nothing is known but where it is.
pub(super) fn minimal(url: &str) -> Written {
    let mut text = String::from("# Written by `tidegate init`.\n");
    text.push_str(TOP);
    text.push_str("\n# The API behind the gateway.\n");
    origin(&mut text, "api", url.trim_end_matches('/'));
    text.push_str("# head_timeout = \"10s\"                # how long it may take to answer\n");
    text.push_str("# headers = { \"X-Api-Key\" = \"${API_KEY}\" }   # what the gateway sends of its own\n\n");
    text.push_str(
        "# All of its GETs are live. Narrower routes may be added: the most specific pattern wins.\n",
    );
    route(&mut text, EVERYTHING, "api", true);
    text.push_str("# poll = \"500ms\"                      # how fresh the data is to be\n");
    text.push_str(
        "# poll_max = \"1m\"                     # how seldom it is asked for where little changes\n",
    );
    text.push_str("# ignore_headers = [\"Accept-Language\"]   # where that does not choose the answer\n");
    text.push_str("# ignore = [\"$.generated_at\"]         # what is no news\n");
    text.push_str("\n# What can only be passed through:\n# [[route]]\n# path = \"/reports/**\"\n# origin = \"api\"\n# live = false\n");
    Written { text, notes: Vec::new() }
}

/// The configuration for what was found in a document.
pub(super) fn whole(document: &Document, found: Found) -> Written {
    let mut text = String::new();
    let name = document.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let info =
        |member: &str| document.top().get("info").and_then(|info| info.text(member)).unwrap_or_default();
    let title = format!("{} {}", info("title"), info("version"));
    comment(&mut text, &format!("Written by `tidegate init` from {name}: {}", title.trim()));
    text.push_str(TOP);
    for (index, api) in found.apis.iter().enumerate() {
        text.push('\n');
        if index == 0 {
            for url in &found.alternatives {
                comment(&mut text, &format!("The document names another server: {url}"));
            }
        }
        if api.url.starts_with(PLACEHOLDER) {
            comment(&mut text, "The document does not say on which host the API is: write it here.");
        }
        let prefix = OriginUrl::parse(&api.url).map(|url| url.prefix().to_owned()).unwrap_or_default();
        if !prefix.is_empty() {
            comment(
                &mut text,
                &format!("Clients use the paths of the document; {prefix} is put in front of them here."),
            );
        }
        origin(&mut text, &api.name, &api.url);
    }
    let kept: Vec<&Get> = found.gets.iter().filter(|get| !matches!(get.verdict, Verdict::Not(_))).collect();
    let mut notes = found.notes.clone();
    if !kept.is_empty() {
        text.push('\n');
        text.push_str(TUNING);
    }
    for get in &kept {
        text.push('\n');
        live(&mut text, get, &found.apis[get.api].name);
    }
    let passed = not_live(&mut text, &found, &kept);
    text.push_str("\n# Everything else is passed through, writes included. With `live = true` other GETs are live, too.\n");
    route(&mut text, EVERYTHING, &found.apis[0].name, false);
    notes.push(format!(
        "{} live, {passed} passed through; clients call the gateway at the paths of the document",
        counted(kept.len(), "route is", "routes are")
    ));
    Written { text, notes }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A live route with what its reader wants to know.
fn live(text: &mut String, get: &Get, api: &str) {
    if let Some(summary) = &get.summary {
        comment(text, summary);
    }
    if get.deprecated {
        comment(text, "The document calls it deprecated.");
    }
    if get.wider || get.paths.len() > 1 {
        let told = match get.paths.len() {
            1 => "A pattern is of whole segments; this one stands for",
            _ => "No pattern tells these apart",
        };
        comment(text, &format!("{told}: {}", get.paths.join(", ")));
    }
    if !get.query.is_empty() {
        comment(text, &format!("Each query is a resource of its own: {}", get.query.join(", ")));
    }
    if get.verdict == Verdict::Unknown {
        comment(
            text,
            "The document does not say what it answers with; what is not JSON or text passes through.",
        );
    }
    credentials(text, &get.credentials);
    route(text, &get.pattern.to_string(), api, true);
    if !get.credentials.cookies.is_empty() {
        let named: Vec<_> = get.credentials.cookies.iter().map(|name| quoted(name)).collect();
        comment(text, &format!("cookies = [{}]  # the others then divide nobody", named.join(", ")));
    }
}

fn credentials(text: &mut String, credentials: &Credentials) {
    if credentials.schemes.is_empty() {
        return;
    }
    let needs = if credentials.optional { "May be sent with" } else { "Needs" };
    comment(text, &format!("{needs} credentials ({}).", credentials.schemes.join(", ")));
    comment(
        text,
        "They are in the sharing key: only callers with the same ones share a feed (docs/SHARING.md).",
    );
}

/// What is passed through, and why; the number of those GETs. One has a route of its own only where it needs that: where it
/// is another API's, or a live pattern would take it.
fn not_live(text: &mut String, found: &Found, kept: &[&Get]) -> usize {
    let mut count = 0;
    let mut lines = String::new();
    for get in &found.gets {
        let Verdict::Not(why) = &get.verdict else { continue };
        count += 1;
        let shown = get.paths.join(" and ");
        let taken = kept.iter().any(|live| live.pattern.overlaps(&get.pattern));
        if taken || get.api != 0 {
            text.push('\n');
            comment(text, &format!("{shown} {why}."));
            route(text, &get.pattern.to_string(), &found.apis[get.api].name, false);
        } else {
            comment(&mut lines, &format!("  {shown} {why}"));
        }
    }
    for (path, why) in &found.left_out {
        count += 1;
        comment(&mut lines, &format!("  {path}: {why}"));
    }
    if !lines.is_empty() {
        text.push_str("\n# Without a route of their own:\n");
        text.push_str(&lines);
    }
    count
}

fn origin(text: &mut String, name: &str, url: &str) {
    // Writing to a text cannot fail.
    let _ = write!(text, "[[origin]]\nname = {}\nurl = {}\n", quoted(name), quoted(url));
}

fn route(text: &mut String, pattern: &str, origin: &str, live: bool) {
    let _ = write!(text, "[[route]]\npath = {}\norigin = {}\n", quoted(pattern), quoted(origin));
    if !live {
        text.push_str("live = false\n");
    }
}

/// A comment of one line.
fn comment(text: &mut String, said: &str) {
    let indent = &said[..said.len() - said.trim_start().len()];
    let words: Vec<_> =
        said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let mut shown: String = line.chars().take(MOST_COMMENT).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    let _ = writeln!(text, "# {}{shown}", indent.replace(|c: char| c != ' ', " "));
}

/// A text in TOML, in which a placeholder stands for nothing but itself.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
