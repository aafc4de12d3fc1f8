//! The vectors of `testdata/patch`: both ways to apply a patch do what each of them says, the tree's and the text's.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use tidegate_json::{
    ApplyError, ApplyErrorKind, ApplyTextError, Document, MAX_DEPTH, OpError, ParseErrorKind, Patch,
    PatchError, Value, apply, apply_in_place, parse, patched,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    document: String,
    patch: String,
    expected: Option<String>,
    error: Option<Refusal>,
    /// What lesser implementations may leave out; this crate leaves out nothing.
    #[serde(default, rename = "needs")]
    _needs: Vec<String>,
}

#[derive(Deserialize, Debug, PartialEq, Clone)]
#[serde(deny_unknown_fields)]
struct Refusal {
    kind: String,
    operation: Option<usize>,
}

/// Every vector, its name with that of its file in front.
fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/patch");
    let entries = folder.read_dir().expect("the vectors are there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut vectors = Vec::new();
    for path in files {
        let text = std::fs::read(&path).expect("the file is readable");
        let file: File = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let stem = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        for vector in file.vectors {
            vectors.push(Vector { name: format!("{stem}: {}", vector.name), ..vector });
        }
    }
    vectors
}

fn value(text: &str) -> Value {
    parse(text.as_bytes(), MAX_DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal_of_patch(error: &PatchError) -> Refusal {
    let (kind, operation) = match error {
        PatchError::Json(error) if matches!(error.kind, ParseErrorKind::DuplicateKey(_)) => {
            ("duplicate_member", None)
        }
        PatchError::Json(_) => ("json", None),
        PatchError::NotAnArray => ("not_an_array", None),
        PatchError::Op { index, error } => {
            let kind = match error {
                OpError::NotAnObject => "not_an_object",
                OpError::MissingMember(_) => "missing_member",
                OpError::NotAString(_) => "not_a_string",
                OpError::UnknownOp(_) => "unknown_op",
                OpError::BadPointer { .. } => "bad_pointer",
            };
            (kind, Some(*index))
        }
    };
    Refusal { kind: kind.to_owned(), operation }
}

fn refusal_of_apply(error: &ApplyError) -> Refusal {
    let kind = match error.kind {
        ApplyErrorKind::NotFound(_) => "not_found",
        ApplyErrorKind::NotAnIndex(_) => "not_an_index",
        ApplyErrorKind::OutOfRange(_) => "out_of_range",
        ApplyErrorKind::TestFailed(_) => "test_failed",
        ApplyErrorKind::MoveIntoItself(_) => "move_into_itself",
        ApplyErrorKind::RemovesDocument => "removes_document",
        ApplyErrorKind::TooDeep(_) => "too_deep",
    };
    Refusal { kind: kind.to_owned(), operation: Some(error.index) }
}

/// Applies the patch to the tree, in both ways that there are, and checks that a refused one leaves no trace.
fn by_tree(vector: &Vector) -> Result<Value, Refusal> {
    let patch = Patch::parse(vector.patch.as_bytes()).map_err(|error| refusal_of_patch(&error))?;
    let document = value(&vector.document);
    let mut in_place = document.clone();
    let result = apply_in_place(&mut in_place, &patch);
    let copied = patched(&document, &patch);
    match &result {
        Ok(()) => assert_eq!(copied.as_ref(), Ok(&in_place), "{}", vector.name),
        Err(error) => {
            assert_eq!(copied.as_ref(), Err(error), "{}", vector.name);
            assert_eq!(in_place.to_text(), document.to_text(), "{}: the document stays", vector.name);
        }
    }
    result.map(|()| in_place).map_err(|error| refusal_of_apply(&error))
}

/// Applies the patch to the text; what comes out must be a document like any other.
fn by_text(vector: &Vector) -> Result<Value, Refusal> {
    let document = Document::parse(vector.document.clone(), MAX_DEPTH)
        .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
    let result = apply(&document, vector.patch.as_bytes());
    assert_eq!(document.body(), vector.document.as_bytes(), "{}: the document stays", vector.name);
    let applied = result.map_err(|error| match error {
        ApplyTextError::Patch(error) => refusal_of_patch(&error),
        ApplyTextError::Apply(error) => refusal_of_apply(&error),
    })?;
    let text = String::from_utf8(applied.text().to_vec()).expect("a document is UTF-8");
    assert_eq!(value(&text), applied.to_value(), "{}: the text and its tree", vector.name);
    Ok(applied.to_value())
}

fn check(way: impl Fn(&Vector) -> Result<Value, Refusal>) {
    for vector in vectors() {
        let expected = match (&vector.expected, &vector.error) {
            (Some(text), None) => Ok(value(text)),
            (None, Some(error)) => Err(error.clone()),
            _ => panic!("{}: either `expected` or `error`", vector.name),
        };
        assert_eq!(way(&vector), expected, "{}", vector.name);
    }
}

#[test]
fn the_tree_does_what_the_vectors_say() {
    check(by_tree);
}

#[test]
fn the_text_does_what_the_vectors_say() {
    check(by_text);
}

#[test]
fn the_vectors_are_complete() {
    let vectors = vectors();
    let names: BTreeSet<_> = vectors.iter().map(|vector| &vector.name).collect();
    assert_eq!(names.len(), vectors.len(), "names are unique");
    let refused: BTreeSet<_> =
        vectors.iter().filter_map(|vector| Some(vector.error.as_ref()?.kind.as_str())).collect();
    let kinds = [
        "bad_pointer",
        "duplicate_member",
        "json",
        "missing_member",
        "move_into_itself",
        "not_a_string",
        "not_an_array",
        "not_an_index",
        "not_an_object",
        "not_found",
        "out_of_range",
        "removes_document",
        "test_failed",
        "too_deep",
        "unknown_op",
    ];
    assert_eq!(refused, BTreeSet::from(kinds), "every refusal has a vector");
    let applied = vectors.iter().filter(|vector| vector.expected.is_some());
    let patches =
        applied.map(|vector| Patch::parse(vector.patch.as_bytes()).expect("it applies, so it is one"));
    let operations: BTreeSet<_> =
        patches.flat_map(|patch| patch.0).map(|operation| operation.name()).collect();
    let all = ["add", "copy", "move", "remove", "replace", "test"];
    assert_eq!(operations, BTreeSet::from(all), "every operation applies");
}
