//! The recipes of `docs/ORIGINS.md`: each is a whole configuration that means what the page says.

use super::super::*;
use super::tls::{Folder, pair};

const PAGE: &str = include_str!("../../../../../docs/ORIGINS.md");

/// The TOML blocks of a page, each with the heading that it stands under.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let (mut heading, mut block, mut found) = ("", None, Vec::new());
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```toml") => block = Some(String::new()),
            (Some(text), "```") => {
                found.push((heading, std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, line) => heading = line.strip_prefix("### ").unwrap_or(heading),
        }
    }
    found
}

#[test]
fn every_recipe_is_a_configuration() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let secret = String::from("of the gateway\n");
    for (name, text) in [
        ("authority.pem", &certificate),
        ("gateway.pem", &certificate),
        ("gateway.key", &key),
        ("orders.secret", &secret),
        ("login.pem", &super::verifier::public("RS256")),
    ] {
        folder.write(name, text);
    }
    let recipes = blocks(PAGE);
    assert!(recipes.len() >= 14, "only {} were found", recipes.len());
    for (heading, text) in recipes {
        folder.write("t.toml", &text);
        let config = folder.load().unwrap_or_else(|errors| panic!("{heading}: {}", render(&errors)));
        // Nothing in it is a placeholder: every origin is used by a route.
        for origin in &config.origins {
            let used = config.routes.iter().any(|route| route.origin.name.as_str() == origin.name.as_str());
            assert!(used, "{heading}: no route uses {}", origin.name.as_str());
        }
    }
}

#[test]
fn the_page_leads_somewhere() {
    let headings: Vec<String> = PAGE.lines().filter_map(|line| line.strip_prefix('#')).map(anchor).collect();
    for link in PAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        match link.split_once('#') {
            Some(("", anchor)) => assert!(headings.iter().any(|heading| heading == anchor), "{link}"),
            _ => {
                let file = link.split('#').next().unwrap_or_default();
                let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/").to_owned() + file;
                assert!(std::path::Path::new(&path).exists(), "{link}");
            }
        }
    }
}

/// How a heading is linked to: in lower case, with `-` for spaces, without punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}
