//! The page's files, built beforehand and held in the program.
//!
//! Invariants: every file has a media type, a strong tag for each of its encodings, and is compressed at most once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use rust_embed::RustEmbed;
use tidegate_hub::Body;

use crate::edge::{answer, asked};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Files;

/// Files below here have the hash of what they hold in their name.
const HASHED: &str = "assets/";

/// A name that changes with the content: nobody needs to ask again for a year, the longest that is of use.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A name that stays: kept, and confirmed each time.
const CONFIRMED: HeaderValue = HeaderValue::from_static("no-cache");

/// The files by their path below the root.
pub(super) struct Assets(HashMap<String, Asset>);

struct Asset {
    content_type: &'static str,
    cache_control: HeaderValue,
    plain: Form,
    /// Where it is smaller.
    gzip: Option<Form>,
}

struct Form {
    body: Bytes,
    tag: String,
}

impl Assets {
    /// All files, compressed where that helps.
    pub(super) fn load() -> Assets {
        let files = Files::iter().filter_map(|name| Some((name.to_string(), Files::get(&name)?)));
        let asset = |(name, file): (String, rust_embed::EmbeddedFile)| {
            let asset = Asset::new(&name, Bytes::from(file.data.into_owned()), &file.metadata.sha256_hash());
            (name, asset)
        };
        Assets(files.map(asset).collect())
    }

    /// The file at a request's path; nothing where there is none.
    pub(super) fn answer(&self, path: &str, request: &HeaderMap) -> Option<Response<Body>> {
        let name = path.strip_prefix('/')?;
        let asset = self.0.get(if name.is_empty() { "index.html" } else { name })?;
        Some(asset.answer(request))
    }
}

impl Asset {
    fn new(name: &str, body: Bytes, hash: &[u8]) -> Asset {
        let mut hex = String::new();
        for byte in hash.iter().take(16) {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        let (content_type, is_text) = media_type(name);
        let compressed = is_text.then(|| gzip(&body)).flatten().filter(|gzip| gzip.len() < body.len());
        Asset {
            content_type,
            cache_control: if name.starts_with(HASHED) { FOR_EVER } else { CONFIRMED },
            // Another encoding, another strong tag (RFC 9110 §8.8.3.3).
            gzip: compressed.map(|body| Form { body, tag: format!("\"{hex}.gzip\"") }),
            plain: Form { body, tag: format!("\"{hex}\"") },
        }
    }

    fn answer(&self, request: &HeaderMap) -> Response<Body> {
        let gzip = self.gzip.as_ref().filter(|_| asked::accepts_gzip(request));
        let form = gzip.unwrap_or(&self.plain);
        let matches = asked::none_match(request).any(|tag| tag == "*" || tag == form.tag);
        let mut response = match matches {
            true => answer::empty(StatusCode::NOT_MODIFIED),
            false => Response::new(answer::full(form.body.clone())),
        };
        let fields = response.headers_mut();
        // Hexadecimal digits, a dot, letters and quotes.
        fields.insert(ETAG, HeaderValue::from_str(&form.tag).expect("a tag is ASCII"));
        fields.insert(CACHE_CONTROL, self.cache_control.clone());
        if self.gzip.is_some() {
            fields.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if !matches {
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            fields.insert(CONTENT_LENGTH, HeaderValue::from(form.body.len()));
            if gzip.is_some() {
                fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }
}

/// The media type of a file by the end of its name, and whether it is text, which compression shortens.
fn media_type(name: &str) -> (&'static str, bool) {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => ("text/html; charset=utf-8", true),
        Some("js") => ("text/javascript; charset=utf-8", true),
        Some("css") => ("text/css; charset=utf-8", true),
        Some("svg") => ("image/svg+xml", true),
        Some("txt") => ("text/plain; charset=utf-8", true),
        Some("json" | "webmanifest") => ("application/json", true),
        Some("woff2") => ("font/woff2", false),
        Some("png") => ("image/png", false),
        Some("ico") => ("image/x-icon", false),
        _ => ("application/octet-stream", false),
    }
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).ok()?;
    Some(encoder.finish().ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    #[test]
    fn every_file_of_the_page_has_a_media_type() {
        let assets = Assets::load();
        assert!(assets.0.contains_key("index.html"));
        for (name, asset) in &assets.0 {
            assert_ne!(asset.content_type, "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn each_encoding_has_its_own_tag_and_only_that_tag_matches() {
        let asset = Asset::new("a.css", Bytes::from(vec![b' '; 4000]), &[0xab; 32]);
        let ask = |encoding: &str, tag: &str| {
            let mut fields = HeaderMap::new();
            fields.insert(ACCEPT_ENCODING, HeaderValue::from_str(encoding).unwrap());
            fields.insert(IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap());
            let response = asset.answer(&fields);
            let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
            (response.status().as_u16(), tag, response.headers().contains_key(CONTENT_ENCODING))
        };
        let (plain, gzip) = (format!("\"{}\"", "ab".repeat(16)), format!("\"{}.gzip\"", "ab".repeat(16)));
        assert_eq!(ask("br", "\"x\""), (200, plain.clone(), false));
        assert_eq!(ask("gzip", "\"x\""), (200, gzip.clone(), true));
        assert_eq!(ask("gzip", &format!("\"x\", W/{gzip}")), (304, gzip.clone(), false));
        assert_eq!(ask("gzip", &plain), (200, gzip, true));
        assert_eq!(ask("", "*"), (304, plain, false));
    }

    #[test]
    fn only_names_that_change_with_the_content_are_kept_unasked() {
        let control = |name| Asset::new(name, Bytes::new(), &[]).cache_control;
        assert_eq!(control("assets/index-C5v6wrW7.js"), FOR_EVER);
        assert_eq!(control("index.html"), CONFIRMED);
        assert_eq!(control("favicon.svg"), CONFIRMED);
    }
}
