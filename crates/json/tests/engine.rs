//! The promises of the patch engine, over the documents of `shared`: what it says leads from one document to the next
//! does, in the eyes of others too, whichever way the documents came to be.

mod shared;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use tidegate_json::{
    Advance, Change, Document, Identities, MAX_DEPTH, ParseError, Patch, Rewound, Value, advance, advance_to,
    apply, apply_in_place, apply_merge, compact, compose, diff, merge_patch, parse, patched, prove,
};

use shared::spelling::{Spelling, spell};
use shared::{Version, chains, documents, pairs};

fn document(text: &str) -> Document {
    Document::parse(text.to_owned(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn tree(text: &[u8]) -> Value {
    parse(text, MAX_DEPTH).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(text)))
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Everything that can be asked about a document is what its text says, whichever way it came to be.
fn check_document(document: &Document, text: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(shown(document.body()), text);
    prop_assert_eq!(shown(&document.text()), shown(&compact(text.as_bytes())));
    prop_assert_eq!(document.to_value(), tree(text.as_bytes()));
    Ok(())
}

/// The change leads from `old` to `new`, and says so in fewer bytes than the new document has.
fn check_change(old: &Document, new: &Document, change: &Change) -> Result<(), TestCaseError> {
    let (from, to) = (old.to_value(), new.to_value());
    prop_assert_eq!(*change == Change::None, from == to, "{:?}", change);
    if let Change::Patch(patch) = change {
        check_patch(old, new, patch)?;
        prop_assert!(patch.len() < new.text().len(), "{} is no shorter than {}", shown(patch), to);
    }
    Ok(())
}

/// The patch turns `old` into `new`: in our eyes by its proof, its text and its tree, and in others' eyes.
fn check_patch(old: &Document, new: &Document, patch: &[u8]) -> Result<(), TestCaseError> {
    let (from, to) = (old.to_value(), new.to_value());
    let text = shown(patch);
    prop_assert!(prove(old, patch, new).is_ok(), "{:?} by {}", prove(old, patch, new), text);
    prop_assert_eq!(&*compact(patch), patch, "a patch is compact");
    let operations = Patch::parse(patch).unwrap_or_else(|error| panic!("{text}: {error}"));
    let by_tree = patched(&from, &operations);
    prop_assert_eq!(by_tree.as_ref(), Ok(&to), "by {}", text);
    match apply(old, patch) {
        Ok(applied) => {
            prop_assert_eq!(&applied.to_value(), &to, "by {}", text);
            check_document(&applied, &shown(applied.body()))?;
        }
        Err(error) => prop_assert!(false, "{:?} by {}", error, text),
    }
    if let (Some(mut applied), Some(to), Some(theirs)) =
        (foreign(&from.to_text()), foreign(&to.to_text()), foreign(&text))
    {
        let theirs: json_patch::Patch = serde_json::from_value(theirs).expect("a patch is a patch");
        prop_assert!(json_patch::patch(&mut applied, &theirs).is_ok(), "others refuse {}", text);
        prop_assert_eq!(applied, to, "by {}", text);
    }
    Ok(())
}

/// What a parser that is not ours makes of a text; none where a number is beyond its range, as mutations make them.
fn foreign(text: &str) -> Option<serde_json::Value> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Whether a text is JSON in the eyes of a parser that is not ours; a byte order mark counts as nothing.
fn well_formed(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok().map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// A way to spoil a text: where, with what, and how.
type Mutation = (Index, u8, u8);

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), 0..6u8), 1..4)
}

fn mutated(text: &str, mutations: &[Mutation]) -> Vec<u8> {
    const TOKENS: &[u8] = b"[]{}:,\"\\/019-.eE+ \n\ttfnudD8\x01\x7f\xc3\xff";
    let mut text = text.as_bytes().to_vec();
    for (at, byte, how) in mutations {
        let (at, token) = (at.index(text.len() + 1), TOKENS[usize::from(*byte) % TOKENS.len()]);
        match how {
            0 | 1 => text.insert(at, token),
            2 if at < text.len() => text[at] = token,
            3 if at < text.len() => drop(text.remove(at)),
            4 => {
                // A part is there twice.
                let end = (at + usize::from(*byte) % 16).min(text.len());
                let part = text[at..end].to_vec();
                text.splice(at..at, part);
            }
            _ => text.truncate(at),
        }
    }
    text
}

/// A body that came after `old`, be it a document or not: `advance` must say of it what a parse says.
fn check_advance(old: &Document, body: &[u8]) -> Result<Option<Document>, TestCaseError> {
    let body = Bytes::copy_from_slice(body);
    let advanced = advance(old, body.clone(), MAX_DEPTH, &Identities::default());
    let outcome = match (Document::parse(body.clone(), MAX_DEPTH), advanced) {
        (Ok(parsed), Ok(advance)) => {
            prop_assert_eq!(&advance.unproven, &None);
            let (new, change) = (advance.document.clone(), advance.change.clone());
            check_document(&new, &shown(&body))?;
            check_change(old, &parsed, &change)?;
            check_back(old, &body, advance)?;
            Ok(new)
        }
        (Err(parsed), Err(advanced)) => {
            prop_assert_eq!(&advanced, &parsed, "{}", shown(&body));
            Err(parsed)
        }
        (parsed, advanced) => {
            let advanced = advanced.map(|advance| advance.document);
            return Err(TestCaseError::fail(format!("{}: {parsed:?} but {advanced:?}", shown(&body))));
        }
    };
    let accepted = outcome.as_ref().err().is_none_or(ParseError::is_well_formed);
    prop_assert_eq!(accepted, well_formed(&body), "{}", shown(&body));
    Ok(outcome.ok())
}

/// The old text comes back from the new one, and the way forward from the old text alone is right.
fn check_back(old: &Document, body: &Bytes, advance: Advance) -> Result<(), TestCaseError> {
    let new = advance.document.clone();
    if let Some(delta) = advance.back(old) {
        prop_assert_eq!(Rewound::new(body).back(&delta).to_bytes(), old.body());
    }
    let forward = advance_to(old.body(), &new, MAX_DEPTH, &Identities::default()).expect("it was a document");
    prop_assert_eq!(&forward.unproven, &None);
    check_change(old, &new, &forward.change)
}

/// The patches of a chain of versions, and its documents.
fn steps(versions: &[Version]) -> (Vec<Document>, Vec<Bytes>) {
    let documents: Vec<Document> = versions.iter().map(|version| document(&version.text)).collect();
    let patches = documents.windows(2).map(|pair| match diff(&pair[0], &pair[1], &Identities::default()) {
        Change::None => Bytes::from_static(b"[]"),
        Change::Patch(patch) => patch,
        Change::Whole => {
            Bytes::from(format!(r#"[{{"op":"replace","path":"","value":{}}}]"#, shown(&pair[1].text())))
        }
    });
    let patches = patches.collect();
    (documents, patches)
}

/// The operations of several patches in one array.
fn concatenated(patches: &[Bytes]) -> String {
    let operations = patches.iter().map(|patch| shown(patch.strip_prefix(b"[").expect("an array")));
    let operations: Vec<String> =
        operations.map(|text| text.strip_suffix(']').expect("an array").to_owned()).collect();
    format!("[{}]", operations.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(","))
}

/// RFC 7396 §2, as it is written there.
fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(members) = patch else { return patch.clone() };
    let mut merged_members = match target {
        Value::Object(members) => members,
        _ => Default::default(),
    };
    for (name, value) in members {
        if *value == Value::Null {
            merged_members.shift_remove(name);
        } else {
            let old = merged_members.get(name).cloned().unwrap_or(Value::Null);
            merged_members.insert(name.clone(), merged(old, value));
        }
    }
    Value::Object(merged_members)
}

/// Makes `null` of some members.
fn with_nulls(value: &mut Value, bits: &mut u64) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| {
            *bits = bits.rotate_left(5).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            if *bits >> 62 == 0 {
                *member = Value::Null;
            } else {
                with_nulls(member, bits);
            }
        }),
        Value::Array(elements) => elements.iter_mut().for_each(|element| with_nulls(element, bits)),
        _ => {}
    }
}

fn config() -> ProptestConfig {
    // `PROPTEST_CASES` raises it.
    let default = ProptestConfig::default();
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases: 2 * default.cases, failure_persistence: Some(Box::new(persistence)), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_a_diff_says_is_so((old, new) in pairs()) {
        let (old, new) = (document(&old.text), document(&new.text));
        for (from, to) in [(&old, &new), (&new, &old), (&old, &old)] {
            check_change(from, to, &diff(from, to, &Identities::default()))?;
        }
    }

    #[test]
    fn a_document_that_advanced_is_the_document_of_its_text(versions in chains(1..=6)) {
        let mut last = document(&versions[0].text);
        check_document(&last, &versions[0].text)?;
        for version in &versions[1..] {
            let new = check_advance(&last, version.text.as_bytes())?;
            prop_assert!(new.is_some(), "{} is a document", version.text);
            last = new.unwrap_or(last);
            prop_assert_eq!(&last.to_value(), &version.value);
        }
    }

    #[test]
    fn a_body_that_is_none_is_refused_and_the_old_document_goes_on(
        versions in chains(1..=4),
        spoilt in prop::collection::vec(mutations(), 4),
    ) {
        let mut last = document(&versions[0].text);
        for (version, mutations) in versions[1..].iter().zip(&spoilt) {
            let before = shown(last.body());
            // Where it still is a document, it is the next one.
            if let Some(new) = check_advance(&last, &mutated(&version.text, mutations))? {
                last = new;
            } else {
                check_document(&last, &before)?;
            }
            let new = check_advance(&last, version.text.as_bytes())?;
            prop_assert!(new.is_some(), "{} is a document", version.text);
            last = new.unwrap_or(last);
        }
    }

    #[test]
    fn a_body_that_is_almost_the_old_one_is_what_a_parse_says(
        value in documents(),
        seed in any::<u64>(),
        spoilt in prop::collection::vec(mutations(), 1..4),
    ) {
        for spelling in [Spelling::Compact, Spelling::Wild(seed)] {
            let text = spell(&value, spelling);
            let old = document(&text);
            for mutations in &spoilt {
                check_advance(&old, &mutated(&text, mutations))?;
            }
        }
    }

    #[test]
    fn other_spellings_are_no_change(value in documents(), one in any::<u64>(), other in any::<u64>()) {
        let texts =
            [Spelling::Compact, Spelling::Pretty, Spelling::Wild(one), Spelling::Wild(other)].map(|it| spell(&value, it));
        for from in &texts {
            for to in &texts {
                let (old, new) = (document(from), document(to));
                prop_assert_eq!(diff(&old, &new, &Identities::default()), Change::None);
                check_advance(&old, to.as_bytes())?;
            }
        }
    }

    #[test]
    fn patches_compose_to_their_net_effect(versions in chains(0..=6)) {
        let (documents, patches) = steps(&versions);
        let borrowed: Vec<&[u8]> = patches.iter().map(|patch| &patch[..]).collect();
        let composed = compose(&documents[0], &borrowed, &Identities::default());
        let composed = composed.unwrap_or_else(|error| panic!("{patches:?}: {error:?}"));
        check_patch(&documents[0], &documents[documents.len() - 1], &composed)?;
    }

    #[test]
    fn a_composed_patch_is_no_longer_than_its_parts(versions in chains(0..=6)) {
        let (documents, patches) = steps(&versions);
        let borrowed: Vec<&[u8]> = patches.iter().map(|patch| &patch[..]).collect();
        let composed = compose(&documents[0], &borrowed, &Identities::default());
        let composed = composed.unwrap_or_else(|error| panic!("{patches:?}: {error:?}"));
        let (composed, all) = (shown(&composed), concatenated(&patches));
        prop_assert!(composed.len() <= all.len(), "{} is longer than {}", composed, all);
    }

    #[test]
    fn a_patch_that_does_not_apply_composes_with_none(versions in chains(1..=3), at in any::<Index>()) {
        let (documents, patches) = steps(&versions);
        let mut borrowed: Vec<&[u8]> = patches.iter().map(|patch| &patch[..]).collect();
        let wrong: &[u8] = br#"[{"op":"test","path":"","value":"what no document of these is"}]"#;
        borrowed.insert(at.index(borrowed.len() + 1), wrong);
        prop_assert!(compose(&documents[0], &borrowed, &Identities::default()).is_err());
    }

    #[test]
    fn a_proof_is_of_exactly_this_document(versions in chains(2..=2), (other, _) in pairs()) {
        let (mut documents, patches) = steps(&versions);
        documents.push(document(&other.text));
        let operations = Patch::parse(&patches[0]).expect("a patch is a patch");
        for old in &documents {
            let by_tree = patched(&old.to_value(), &operations);
            for new in &documents {
                let proven = prove(old, &patches[0], new).is_ok();
                let so = by_tree.as_ref() == Ok(&new.to_value());
                prop_assert_eq!(proven, so, "{} to {} by {}", shown(old.body()), shown(new.body()), shown(&patches[0]));
            }
        }
        for text in [&b"[{}]"[..], b"[", b"{}", b""] {
            prop_assert!(prove(&documents[0], text, &documents[0]).is_err());
        }
    }

    #[test]
    fn a_merge_patch_gives_exactly_the_new_document((old, new) in pairs()) {
        let (from, to) = (document(&old.text), document(&new.text));
        if let Some(patch) = merge_patch(&from, &to) {
            prop_assert_eq!(&*compact(&patch), &patch[..], "a merge patch is compact");
            let applied = apply_merge(&from, &patch).expect("a merge patch applies");
            check_document(&applied, &shown(applied.body()))?;
            prop_assert_eq!(&applied, &to, "by {}", shown(&patch));
            prop_assert_eq!(merged(old.value, &tree(&patch)), new.value, "by {}", shown(&patch));
        }
    }

    #[test]
    fn any_document_merges_as_the_rfc_says((old, patch) in pairs(), other in documents(), nulls in any::<u64>()) {
        for mut patch in [patch.value, other] {
            with_nulls(&mut patch, &mut nulls.clone());
            let from = document(&old.text);
            let applied = apply_merge(&from, patch.to_text().as_bytes()).expect("a document is a merge patch");
            check_document(&applied, &shown(applied.body()))?;
            // Members in the order that the RFC's algorithm gives them, and every text as it was.
            let by_tree = merged(from.to_value(), &patch);
            prop_assert_eq!(applied.to_value().to_text(), by_tree.to_text(), "{} by {}", old.text, patch);
            if let (Some(mut theirs), Some(patch)) = (foreign(&old.text), foreign(&patch.to_text())) {
                json_patch::merge(&mut theirs, &patch);
                prop_assert_eq!(Some(theirs), foreign(&applied.to_value().to_text()));
            }
        }
    }

    #[test]
    fn a_patch_for_another_document_fails_alike_in_text_and_tree((old, new) in pairs(), (other, _) in pairs()) {
        let old = document(&old.text);
        if let Change::Patch(patch) = diff(&old, &document(&new.text), &Identities::default()) {
            let other = document(&other.text);
            let before = other.to_value();
            let mut by_tree = before.clone();
            let result = apply_in_place(&mut by_tree, &Patch::parse(&patch).expect("a patch is a patch"));
            match apply(&other, &patch) {
                Ok(applied) => prop_assert_eq!((applied.to_value(), Ok(())), (by_tree, result)),
                Err(error) => {
                    prop_assert_eq!(Err(error), result.map_err(tidegate_json::ApplyTextError::Apply));
                    prop_assert_eq!(by_tree.to_text(), before.to_text());
                }
            }
        }
    }
}
