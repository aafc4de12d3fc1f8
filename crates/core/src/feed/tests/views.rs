//! Parts of a feed that are watched by themselves.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::json::{SelectError, Selection, Value};
use crate::view::{Followed, Remembered, Unselectable, View, select};

const ROOMY: WindowLimits = WindowLimits { bytes: 1_000_000, versions: 8 };

fn selection(text: &str) -> Selection {
    Selection::parse(text).unwrap()
}

fn view(bench: &Bench, text: &str) -> View {
    View::new(&bench.feed, selection(text), None).unwrap().expect("there is a head")
}

fn follow(view: &mut View, bench: &Bench) -> Option<Followed> {
    let followed = view.follow(&bench.feed).unwrap();
    assert!(followed.as_ref().is_none_or(|followed| !followed.unproven));
    followed
}

/// A document with something in it and something beside it.
fn two(inside: &str, outside: &str) -> String {
    format!("{{\"in\":{inside},\"out\":{outside},\"padding\":\"{}\"}}", "x".repeat(200))
}

fn text(view: &View) -> &str {
    std::str::from_utf8(view.head().text()).unwrap()
}

fn value(text: &[u8]) -> Value {
    json::parse(text, 64).unwrap()
}

fn merged(old: &Value, merge: &[u8]) -> Value {
    let old = json::Document::parse(old.to_text(), 64).unwrap();
    json::apply_merge(&old, merge).unwrap().to_value()
}

fn offset(view: &View) -> u64 {
    view.head().position.offset.0
}

/// A list in which a changed number is told by a patch.
fn list(number: &str) -> String {
    format!("[{number},\"{}\"]", "y".repeat(200))
}

#[test]
fn a_change_outside_is_nothing_and_a_change_inside_has_the_feeds_offset() {
    for what in ["/in", "$.in"] {
        let mut bench = Bench::watching(&two(&list("1"), "1"));
        let mut view = view(&bench, what);
        for (inside, outside, expected) in [
            ("1", "2", None),
            ("1.0", "2", Some((1, 3))),
            ("1.0", "3", None),
            ("1.0", "4", None),
            ("2", "5", Some((3, 6))),
        ] {
            bench.poll(json(&two(&list(inside), outside)));
            let followed = follow(&mut view, &bench);
            let told = followed.map(|followed| {
                assert!(followed.version.patch.is_some(), "{what}: a list in which a number changed");
                (followed.previous.0, followed.version.position.offset.0)
            });
            assert_eq!(told, expected, "{what} {inside} {outside}");
        }
        let expected = if what == "/in" { list("2") } else { format!("[{}]", list("2")) };
        assert_eq!(text(&view), expected);
        assert_eq!(view.head().form, Form::Json);
    }
}

#[test]
fn what_is_selected_of_nothing_is_null_or_nothing_until_it_is_there() {
    let mut bench = Bench::watching("[]");
    let (mut pointer, mut path) = (view(&bench, "/0/a"), view(&bench, "$[0].a"));
    assert_eq!((text(&pointer), text(&path)), ("null", "[]"));
    bench.poll(json("[{\"a\":1.10}]"));
    assert!(follow(&mut pointer, &bench).is_some() && follow(&mut path, &bench).is_some());
    assert_eq!((text(&pointer), text(&path)), ("1.10", "[1.10]"));
    bench.poll(json("[]"));
    assert!(follow(&mut pointer, &bench).is_some() && follow(&mut path, &bench).is_some());
    assert_eq!((text(&pointer), text(&path)), ("null", "[]"));
}

#[test]
fn a_position_is_proven_only_by_its_own_selection_and_lineage() {
    let mut bench = Bench::watching(&two(&list("1"), "1"));
    let (mut view, other) = (view(&bench, "/in"), view(&bench, "/out"));
    bench.poll(json(&two(&list("2"), "1")));
    follow(&mut view, &bench);
    let head = view.head().position;
    let whole = bench.feed.head().unwrap().position;
    assert_ne!(head.binding, whole.binding);
    for (position, expected) in [
        (head, Resumed::From(Offset(2))),
        (Position { offset: Offset(1), ..head }, Resumed::From(Offset(1))),
        (Position { offset: Offset(0), ..head }, Resumed::Unproven),
        (Position { offset: Offset(3), ..head }, Resumed::Unproven),
        (Position { offset: Offset(u64::MAX), ..head }, Resumed::Unproven),
        (Position { epoch: Epoch(9), ..head }, Resumed::Unproven),
        (whole, Resumed::Unproven),
        (other.head().position, Resumed::Unproven),
    ] {
        assert_eq!(view.resume(&bench.feed, position), expected, "{position:?}");
    }
    assert_eq!(bench.feed.resume(head), Resumed::Unproven, "nor is it one of the whole");
    // Spelt otherwise, it is the same selection.
    let path = |text| whole.binding.of_selection(&selection(text));
    assert_eq!(path("$['in']"), path("$.in"));
    assert_ne!(path("$.in"), path("/in"));
}

#[test]
fn nothing_is_missed_however_far_the_feed_has_moved_on() {
    let mut bench = Bench::with(&[], "", WindowLimits { bytes: 100_000, versions: 3 });
    bench.subscribe();
    bench.answer(json(&two(&list("1"), "0")));
    let mut view = view(&bench, "/in");
    let held = view.head().position;
    for outside in 1..20 {
        bench.poll(json(&two(&list("1"), &outside.to_string())));
        assert!(follow(&mut view, &bench).is_none());
    }
    assert!(bench.feed.window().position_of(held.offset).is_none(), "the feed has forgotten it");
    assert_eq!(view.resume(&bench.feed, held), Resumed::From(held.offset));
    assert!(matches!(view.update_from(&bench.feed, held.offset), Update::None));
    // And so where nobody watched meanwhile.
    let remembered = Some(view.remember());
    let again = View::new(&bench.feed, selection("/in"), remembered).unwrap().unwrap();
    assert_eq!(again.resume(&bench.feed, held), Resumed::From(again.head().position.offset));
    assert_eq!(again.head().position, held);
}

#[test]
fn a_view_that_was_not_kept_goes_on_only_where_it_was() {
    let mut bench = Bench::watching(&two("1", "1"));
    let first = view(&bench, "/in");
    let remembered = Some(first.remember());
    bench.poll(json(&two("2", "1")));
    let again = View::new(&bench.feed, selection("/in"), remembered).unwrap().unwrap();
    assert_eq!((offset(&again), text(&again)), (2, "2"));
    // Its client gets what changed, from what the feed knows of the time.
    assert_eq!(again.resume(&bench.feed, first.head().position), Resumed::From(Offset(1)));
    // It was so, was otherwise, and is so again: nobody saw the other.
    bench.poll(json(&two("1", "1")));
    let again = View::new(&bench.feed, selection("/in"), remembered).unwrap().unwrap();
    assert_eq!((offset(&again), text(&again)), (1, "1"));
    // Where somebody did, who holds the first is silently at the head, too.
    let seen = View::new(&bench.feed, selection("/in"), None).unwrap().unwrap();
    assert_eq!(offset(&seen), 3);
    assert_eq!(seen.resume(&bench.feed, first.head().position), Resumed::From(Offset(3)));
    let other = Position { offset: Offset(2), ..first.head().position };
    assert_eq!(seen.resume(&bench.feed, other), Resumed::From(Offset(2)));
}

#[test]
fn what_both_have_forgotten_is_unproven_or_whole() {
    let mut bench = Bench::with(&[], "", WindowLimits { bytes: 100_000, versions: 2 });
    bench.subscribe();
    bench.answer(json(&two(&list("1"), "1")));
    let mut view = view(&bench, "/in");
    let first = view.head().position;
    for number in ["2", "3", "4"] {
        bench.poll(json(&two(&list(number), "1")));
        follow(&mut view, &bench);
    }
    assert_eq!(view.resume(&bench.feed, first), Resumed::Unproven);
    assert!(matches!(view.update_from(&bench.feed, first.offset), Update::Snapshot(_)));
    assert!(view.merge_from(&bench.feed, first.offset).is_none());
    assert!(matches!(view.update_from(&bench.feed, Offset(3)), Update::Patch { .. }));
}

#[test]
fn one_step_leads_from_any_version_to_the_head() {
    let numbers = ["1", "1.0", "[2]", "1E5"];
    let object = |number: &str| format!("{{\"n\":{number},\"padding\":\"{}\"}}", "y".repeat(200));
    let mut bench = Bench::watching(&two(&object("1"), "1"));
    let mut view = view(&bench, "/in");
    for number in &numbers[1..] {
        bench.poll(json(&two(&object(number), "1")));
        follow(&mut view, &bench);
    }
    for (index, number) in numbers.iter().enumerate().take(3) {
        let from = Offset(index as u64 + 1);
        let Update::Patch { to, patch } = view.update_from(&bench.feed, from) else { panic!("a patch") };
        let patch = json::Patch::parse(&patch).unwrap();
        let old = value(object(number).as_bytes());
        assert_eq!(json::patched(&old, &patch).unwrap(), value(to.text()), "{number}");
        let merge = view.merge_from(&bench.feed, from).expect("one can say it");
        assert_eq!(merged(&old, &merge), value(to.text()), "{number}");
    }
}

#[test]
fn nothing_but_the_whole_leads_across_a_time_without_the_resource() {
    for returns in [&two(&list("1"), "1"), &two(&list("2"), "1")] {
        let mut bench = Bench::watching(&two(&list("1"), "1"));
        let mut view = view(&bench, "/in");
        let (held, remembered) = (view.head().position, view.remember());
        bench.poll(answered(410, &[]));
        assert_eq!(bench.feed.status().state, State::Gone);
        bench.poll(json(returns));
        let followed = follow(&mut view, &bench).expect("its clients may have let go of it");
        assert!(followed.returned && followed.version.patch.is_none());
        assert_eq!(view.resume(&bench.feed, held), Resumed::Unproven);
        assert!(matches!(view.update_from(&bench.feed, held.offset), Update::Snapshot(_)));
        assert!(view.merge_from(&bench.feed, held.offset).is_none());
        let again = View::new(&bench.feed, selection("/in"), Some(remembered)).unwrap().unwrap();
        assert_eq!(again.resume(&bench.feed, held), Resumed::Unproven);
        // What comes after that is as ever.
        bench.poll(json(&two(&list("3"), "1")));
        let followed = follow(&mut view, &bench).expect("it changed");
        assert!(!followed.returned && followed.version.patch.is_some());
    }
}

#[test]
fn of_some_documents_nothing_can_be_selected() {
    let whole =
        |body: &'static [u8], form| (Document::new(&Bytes::from_static(body), form, 8).unwrap(), form);
    use crate::document::Document;
    for (body, form, expected) in [
        (&b"some text"[..], Form::Text, Unselectable::Text),
        (b"[INFO] started", Form::Text, Unselectable::Text),
        (b"{\"a\":1,\"a\":2}", Form::Json, Unselectable::Ambiguous),
        (b"\"\\ud800\"", Form::Json, Unselectable::Ambiguous),
    ] {
        let (document, form) = whole(body, form);
        assert_eq!(select(&selection("/a"), &document, form).unwrap_err(), expected, "{body:?}");
    }
    let mut bench = Bench::watching("{\"a\":1}");
    let mut view = view(&bench, "/a");
    bench.poll(bytes(b"{\"a\":2,\"a\":3}"));
    assert_eq!(view.follow(&bench.feed).unwrap_err(), Unselectable::Ambiguous);
    assert_eq!(View::new(&bench.feed, selection("/a"), None).unwrap_err(), Unselectable::Ambiguous);
}

#[test]
fn a_selection_may_come_to_be_too_much() {
    // Each level has all below it once more.
    let nested = |count: usize| {
        let long = "z".repeat(20_000);
        let rows: Vec<String> = (0..count).map(|_| format!("[[[[\"{long}\"]]]]")).collect();
        format!("[{}]", rows.join(","))
    };
    let mut bench = Bench::watching(&nested(1));
    let mut view = view(&bench, "$..*");
    bench.poll(json(&nested(8)));
    let refused = view.follow(&bench.feed).unwrap_err();
    assert!(matches!(refused, Unselectable::Select(SelectError::TooLarge { .. })), "{refused}");
    // And each level multiplies the ways to it.
    let mut bench = Bench::watching("[]");
    bench.feed.policy.max_depth = 64;
    let mut view = self::view(&bench, "$..*..*..*..*..*..x");
    bench.poll(json(&format!("{}{}", "[".repeat(60), "]".repeat(60))));
    let refused = view.follow(&bench.feed).unwrap_err();
    assert_eq!(refused, Unselectable::Select(SelectError::TooCostly));
}

#[test]
fn an_array_of_what_nests_as_deep_as_may_be_is_followed() {
    for depth in [8, json::MAX_DEPTH] {
        let deep = |number: &str| {
            let (open, close) = ("[".repeat(depth - 2), "]".repeat(depth - 2));
            format!("[{open}{},{number}{close}]", list("0"))
        };
        let mut bench = Bench::new();
        bench.feed.policy.max_depth = depth;
        bench.subscribe();
        bench.answer(json(&deep("1")));
        let mut view = view(&bench, "$");
        let held = view.head().position.offset;
        bench.poll(json(&deep("2")));
        let followed = follow(&mut view, &bench).expect("it changed");
        assert_eq!(text(&view), format!("[{}]", deep("2")));
        let patch = followed.version.patch.as_ref().expect("one number of many bytes");
        let (old, patch) = (format!("[{}]", deep("1")), json::Patch::parse(patch).unwrap());
        let old = json::parse(old.as_bytes(), depth + 1).unwrap();
        let expected = json::parse(text(&view).as_bytes(), depth + 1).unwrap();
        assert_eq!(json::patched(&old, &patch).unwrap(), expected);
        assert!(matches!(view.update_from(&bench.feed, held), Update::Patch { .. }));
    }
}

#[test]
fn what_is_ignored_is_told_with_what_is_not() {
    let mut bench = Bench::ignoring_at("{\"at\":1,\"in\":1}");
    let mut view = view(&bench, "/at");
    bench.poll(json("{\"at\":2,\"in\":1}"));
    assert!(follow(&mut view, &bench).is_none(), "it makes no version");
    assert_eq!(text(&view), "1");
    bench.poll(json("{\"at\":3,\"in\":2}"));
    assert!(follow(&mut view, &bench).is_some());
    assert_eq!(text(&view), "3");
}

const SELECTIONS: [&str; 12] = [
    "/at",
    "/rows",
    "/rows/0",
    "/rows/1/last",
    "/nothing",
    "$",
    "$.rows[*].last",
    "$.rows[?@.id > 1]",
    "$..last",
    "$.rows[-1]",
    "$.rows[::2]['id','last']",
    "$.rows[?@.last == 1].id",
];

fn documents() -> impl Strategy<Value = String> {
    let row =
        (0..4u8, prop::sample::select(&["1", "1.0", "1.10", "2e3", "null", "\"\\u0041\"", "\"A\""][..]))
            .prop_map(|(id, last)| {
                format!("{{\"id\":{id},\"last\":{last},\"name\":\"{}\"}}", "n".repeat(40))
            });
    (prop::collection::vec(row, 0..5), 0..3u8).prop_map(|(rows, at)| {
        format!("{{\"at\":{at},\"rows\":[{}],\"padding\":\"{}\"}}", rows.join(","), "p".repeat(100))
    })
}

#[derive(Debug, Clone)]
enum Act {
    /// The origin has another document.
    Changes(String),
    /// Nothing is to be selected from it for a while.
    Ambiguous,
    Gone,
    /// A client comes, or comes back.
    Comes(usize),
    /// One that is there leaves, and keeps what it has.
    Leaves(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => documents().prop_map(Act::Changes),
        1 => Just(Act::Ambiguous),
        1 => Just(Act::Gone),
        5 => (0..4usize).prop_map(Act::Comes),
        4 => (0..4usize).prop_map(Act::Leaves),
    ];
    prop::collection::vec(act, 1..60)
}

/// How often the resource was gone, and what is selected became something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Spell {
    gone: usize,
    changes: usize,
}

/// Somebody who wants one part of the feed.
#[derive(Default)]
struct Client {
    there: bool,
    /// What it was given last, where, and in which spell without changes of that.
    held: Option<(Position, Value, Spell)>,
}

/// All clients of one selection.
struct Part {
    selection: Selection,
    view: Option<View>,
    remembered: Option<Remembered>,
    clients: [Client; 4],
    /// What is selected now, if it can be.
    now: Option<Value>,
    spell: Spell,
}

impl Part {
    fn selected(&self, feed: &Feed) -> Option<Value> {
        let head = feed.head()?;
        let selected = select(&self.selection, head.document(), head.form).ok()?;
        Some(value(&selected.text()))
    }

    fn comes(&mut self, feed: &Feed, who: usize) {
        if self.clients[who].there || feed.status().state == State::Gone {
            return;
        }
        if self.view.is_none() {
            let remembered = self.remembered.take();
            let Ok(view) = View::new(feed, self.selection.clone(), remembered) else { return };
            self.view = view;
        }
        let (Some(view), client, spell) = (&self.view, &mut self.clients[who], self.spell) else { return };
        let head = view.head();
        let expected = value(head.text());
        client.there = true;
        if let Some((position, held, then)) = &client.held {
            let known = feed.window().position_of(position.offset).is_some() && then.gone == spell.gone;
            match view.resume(feed, *position) {
                Resumed::Unproven => {
                    assert!(!known, "what the feed knows is proven");
                    assert_ne!(*then, spell, "what did not change is, whatever is known");
                }
                Resumed::From(offset) => {
                    assert_eq!(then.gone, spell.gone, "nobody goes on across a time without the resource");
                    let came_to = match view.update_from(feed, offset) {
                        Update::None => held.clone(),
                        Update::Patch { patch, .. } => {
                            json::patched(held, &json::Patch::parse(&patch).unwrap()).unwrap()
                        }
                        Update::Snapshot(head) => value(head.text()),
                    };
                    assert_eq!(came_to, expected, "{}", self.selection);
                    if let Some(merge) = view.merge_from(feed, offset) {
                        assert_eq!(merged(held, &merge), expected);
                    }
                    if *then == spell {
                        assert_eq!(offset, head.position.offset, "nothing changed, so nothing is sent");
                    }
                }
            }
        }
        client.held = Some((head.position, expected, spell));
    }

    fn leaves(&mut self, who: usize) {
        self.clients[who].there = false;
        if self.clients.iter().all(|client| !client.there) {
            self.remembered = self.view.take().map(|view| view.remember()).or(self.remembered);
        }
    }

    /// The feed has another head.
    fn moved(&mut self, feed: &Feed) {
        let now = self.selected(feed);
        if now.is_none() || now != self.now {
            self.spell.changes += 1;
        }
        self.now = now;
        let Some(view) = &mut self.view else { return };
        let before = value(view.head().text());
        let Ok(followed) = view.follow(feed) else {
            self.view = None;
            self.clients.iter_mut().for_each(|client| client.there = false);
            return;
        };
        let head = feed.head().unwrap();
        assert_eq!(Some(value(view.head().text())), self.now, "{}", self.selection);
        let Some(followed) = followed else {
            assert_eq!(before, value(view.head().text()));
            return;
        };
        assert!(!followed.unproven);
        assert!(followed.returned || before != value(view.head().text()), "a change outside is nothing");
        assert_eq!(followed.version.position.offset, head.position.offset);
        for client in self.clients.iter_mut().filter(|client| client.there) {
            let (position, held, then) = client.held.as_ref().expect("it was given the head");
            assert_eq!(position.offset, followed.previous);
            let came_to = match &followed.version.patch {
                Some(patch) => json::patched(held, &json::Patch::parse(patch).unwrap()).unwrap(),
                None => value(followed.version.text()),
            };
            assert!(then.gone == self.spell.gone || followed.version.patch.is_none());
            assert_eq!(came_to, value(view.head().text()));
            client.held = Some((followed.version.position, came_to, self.spell));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    /// Whoever follows a view, and whoever comes back to one with anything that it was ever given, has what is selected
    /// from the head, number texts included, and is told nothing where that is what it has.
    #[test]
    fn whatever_happens_a_client_has_what_it_selected(
        what in prop::sample::select(&SELECTIONS[..]),
        versions in 1..6usize,
        bytes in prop_oneof![Just(2_000usize), Just(20_000), Just(1_000_000)],
        first in documents(),
        acts in acts(),
    ) {
        let mut bench = Bench::with(&[], "", WindowLimits { bytes, versions });
        bench.subscribe();
        bench.answer(json(&first));
        let mut part = Part {
            selection: selection(what),
            view: None,
            remembered: None,
            clients: Default::default(),
            now: None,
            spell: Spell::default(),
        };
        part.now = part.selected(&bench.feed);
        for act in acts {
            let before = bench.feed.head().unwrap().position;
            match act {
                Act::Changes(document) => bench.poll(json(&document)),
                Act::Ambiguous => bench.poll(json("{\"at\":1,\"at\":2}")),
                Act::Gone => {
                    bench.poll(answered(410, &[]));
                    part.spell.gone += usize::from(bench.feed.status().state == State::Gone);
                }
                Act::Comes(who) => part.comes(&bench.feed, who),
                Act::Leaves(who) => part.leaves(who),
            }
            if bench.feed.head().unwrap().position != before {
                part.moved(&bench.feed);
            }
        }
    }
}

#[test]
fn positions_of_a_roomy_feed_are_all_proven() {
    let mut bench = Bench::with(&[], "", ROOMY);
    bench.subscribe();
    bench.answer(json(&two("0", "0")));
    let mut held = Vec::new();
    for number in 1..8 {
        // Nobody watches between them.
        held.push(view(&bench, "/in").head().position);
        bench.poll(json(&two(&(number / 2).to_string(), &number.to_string())));
    }
    let view = view(&bench, "/in");
    for position in held {
        assert!(matches!(view.resume(&bench.feed, position), Resumed::From(_)), "{position}");
    }
}
