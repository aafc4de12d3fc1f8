//! What a subscriber at some position gets, and what the window keeps for it.

use super::*;

fn apply(document: &str, patch: &[u8]) -> json::Value {
    let document = json::parse(document.as_bytes(), 8).unwrap();
    json::patched(&document, &json::Patch::parse(patch).unwrap()).unwrap()
}

fn value(text: &str) -> json::Value {
    json::parse(text.as_bytes(), 8).unwrap()
}

/// A feed that published the board with each of these values.
fn published(values: &[&str], window: WindowLimits) -> Bench {
    let mut bench = Bench::with(&[], "", window);
    bench.subscribe();
    bench.answer(json(&board(values[0])));
    for value in &values[1..] {
        bench.poll(json(&board(value)));
    }
    bench
}

const ROOMY: WindowLimits = WindowLimits { bytes: 100_000, versions: 8 };

#[test]
fn a_position_is_proven_only_by_its_own_lineage_and_window() {
    let bench = published(&["1", "2", "3", "4"], WindowLimits { bytes: 100_000, versions: 3 });
    let head = bench.feed.head().unwrap().position;
    for (position, expected) in [
        (head, Resumed::From(Offset(4))),
        (Position { offset: Offset(2), ..head }, Resumed::From(Offset(2))),
        (Position { offset: Offset(1), ..head }, Resumed::Unproven),
        (Position { offset: Offset(0), ..head }, Resumed::Unproven),
        (Position { offset: Offset(5), ..head }, Resumed::Unproven),
        (Position { offset: Offset(u64::MAX), ..head }, Resumed::Unproven),
        (Position { epoch: Epoch(9), ..head }, Resumed::Unproven),
        (Position { binding: Binding(9), ..head }, Resumed::Unproven),
    ] {
        assert_eq!(bench.feed.resume(position), expected, "{position:?}");
    }
}

#[test]
fn nothing_is_proven_and_nothing_is_updated_without_a_head() {
    let bench = Bench::new();
    let position = Position { epoch: Epoch(1), offset: Offset(1), binding: Binding(2) };
    assert_eq!(bench.feed.resume(position), Resumed::Unproven);
    assert!(bench.feed.update_from(Offset(1)).is_none());
}

#[test]
fn one_patch_leads_from_any_version_to_the_head() {
    let values = ["1", "[1,2]", "\"x\"", "1.10", "1E5"];
    let bench = published(&values, ROOMY);
    for (index, from) in values.iter().enumerate().take(values.len() - 1) {
        let update = bench.feed.update_from(Offset(index as u64 + 1));
        let Some(Update::Patch { to, patch }) = update else { panic!("{from}: {update:?}") };
        assert_eq!(to.position.offset, Offset(5));
        assert_eq!(apply(&board(from), &patch), value(&board("1E5")), "{from}");
    }
    assert!(matches!(bench.feed.update_from(Offset(5)), Some(Update::None)));
    assert!(matches!(bench.feed.update_from(Offset(0)), Some(Update::Snapshot(_))));
}

#[test]
fn the_patch_of_a_version_is_used_as_it_is() {
    let bench = published(&["1", "2"], ROOMY);
    let Some(Update::Patch { patch, .. }) = bench.feed.update_from(Offset(1)) else { panic!("a patch") };
    assert_eq!(Some(patch), bench.feed.head().unwrap().patch);
}

#[test]
fn a_document_that_came_back_moves_the_position_with_an_empty_patch() {
    let bench = published(&["1", "2", "1"], ROOMY);
    let Some(Update::Patch { to, patch }) = bench.feed.update_from(Offset(1)) else { panic!("a patch") };
    assert_eq!((to.position.offset, &patch[..]), (Offset(3), &b"[]"[..]));
}

#[test]
fn text_that_came_back_is_still_not_patched() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.answer(text(b"a"));
    bench.poll(text(b"b"));
    bench.poll(text(b"a"));
    assert!(matches!(bench.feed.update_from(Offset(1)), Some(Update::Snapshot(_))));
}

#[test]
fn what_was_evicted_or_is_smaller_whole_gets_a_snapshot() {
    let bench = published(&["1", "2", "3"], WindowLimits { bytes: 100_000, versions: 1 });
    for from in [1, 2] {
        let update = bench.feed.update_from(Offset(from));
        // The patch of the head itself is kept with it.
        assert_eq!(matches!(update, Some(Update::Patch { .. })), from == 2, "{from}");
    }
    let mut bench = Bench::watching("[1,2,3]");
    bench.poll(json("[4]"));
    bench.poll(json("[5]"));
    for from in [1, 2] {
        assert!(matches!(bench.feed.update_from(Offset(from)), Some(Update::Snapshot(_))), "{from}");
    }
}

#[test]
fn a_composed_patch_is_never_longer_than_the_patches_in_between() {
    // Rows without an identity that come and go: found step by step, and hard to see all at once.
    let rows = |list: &[u32]| {
        let rows: Vec<String> = list.iter().map(|n| format!("[{n},{}]", n * n)).collect();
        format!("[{}]", rows.join(","))
    };
    let steps = [&[1, 2, 3, 4, 5, 6][..], &[6, 1, 2, 3, 4, 5], &[5, 6, 1, 2, 3, 4], &[4, 5, 6, 1, 2, 3]];
    let values: Vec<String> = steps.iter().map(|step| rows(step)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let bench = published(&values, ROOMY);
    for from in 1..=3 {
        let Some(Update::Patch { patch, .. }) = bench.feed.update_from(Offset(from)) else {
            panic!("a patch")
        };
        let joined = bench.feed.window().patches_since(Offset(from), usize::MAX).unwrap();
        assert!(patch.len() <= joined.len(), "{patch:?} and {joined:?}");
        assert_eq!(apply(&board(values[from as usize - 1]), &patch), value(&board(values[3])));
    }
}

#[test]
fn where_the_whole_is_shorter_than_any_difference_the_steps_may_still_be_shorter() {
    let mut bench = Bench::with(&[], "", ROOMY);
    bench.subscribe();
    bench.answer(super::json("[1]"));
    bench.poll(super::json("[2]"));
    bench.poll(super::json("[3]"));
    assert!(matches!(bench.feed.update_from(Offset(1)), Some(Update::Snapshot(_))));
}
