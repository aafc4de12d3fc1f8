//! Prints documents, what they become, and the patches between them, for libraries that we did not write.
//!
//! `pairs SEED COUNT` prints so many lines, each a JSON object with the members `old`, `new` and `patch`, all three as
//! texts. The same seed gives the same documents. Where no patch is shorter than the new document, the patch is the
//! replacement of the root; every fourth one is composed of the patches of a chain of versions.

#[path = "../tests/shared/mod.rs"]
mod shared;

use std::io::Write;

use bytes::Bytes;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tidegate_json::{Change, Document, Identities, MAX_DEPTH, Value, compose, diff};

use shared::{Version, chains, pairs};

fn document(version: &Version) -> Document {
    let document = Document::parse(version.text.clone(), MAX_DEPTH).expect("a version is a document");
    assert_eq!(document.to_value(), version.value);
    document
}

fn patch(old: &Document, new: &Document) -> Bytes {
    match diff(old, new, &Identities::default()) {
        Change::None => Bytes::from_static(b"[]"),
        Change::Patch(patch) => patch,
        Change::Whole => [&br#"[{"op":"replace","path":"","value":"#[..], &new.text(), b"}]"].concat().into(),
    }
}

/// One patch for a whole chain of versions.
fn composed(versions: &[Version]) -> Bytes {
    let documents: Vec<Document> = versions.iter().map(document).collect();
    let patches: Vec<Bytes> = documents.windows(2).map(|pair| patch(&pair[0], &pair[1])).collect();
    let borrowed: Vec<&[u8]> = patches.iter().map(|patch| &patch[..]).collect();
    compose(&documents[0], &borrowed, &Identities::default()).expect("each applies to the one before")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8")
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [seed, count] = arguments[..] else {
        eprintln!("usage: pairs SEED COUNT");
        std::process::exit(2);
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (pairs, chains) = (pairs(), chains(2..=5));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for n in 0..count {
        let (old, new, patch) = if n % 4 == 3 {
            let mut versions = chains.new_tree(&mut runner).expect("no value is rejected").current();
            let patch = composed(&versions);
            let new = versions.pop().expect("a chain has a last version");
            (versions.swap_remove(0), new, patch)
        } else {
            let (old, new) = pairs.new_tree(&mut runner).expect("no value is rejected").current();
            let patch = patch(&document(&old), &document(&new));
            (old, new, patch)
        };
        let members = [("old", old.text), ("new", new.text), ("patch", text(&patch))];
        let members = members.map(|(name, text)| (name.to_owned(), Value::String(text)));
        writeln!(out, "{}", Value::Object(members.into()))?;
    }
    out.flush()
}
