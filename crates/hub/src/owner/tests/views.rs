//! Parts of a feed, as their subscribers and plain readers are given them.

use tidegate_core::Mode;
use tidegate_core::json::Selection;
use tidegate_wire::Format;

use super::*;
use crate::owner::views::MOST_VIEWS;

fn selection(text: &str) -> Selection {
    Selection::parse(text).unwrap()
}

/// A document of which one part changes and another does not.
fn two(inside: &str, outside: &str) -> Outcome {
    let padding = "x".repeat(300);
    let inside = format!("{{\"n\":{inside},\"padding\":\"{padding}\"}}");
    fresh(&format!("{{\"in\":{inside},\"out\":{outside}}}"), &[])
}

/// What the shards were told of one view.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Attach(Start),
    Publish(u64),
    Status,
    Step(Option<u64>),
    End,
    Dismiss,
}

impl Bench {
    /// Somebody who stays wants this part.
    fn select(
        &mut self,
        text: &str,
        terms: Terms,
        coding: Coding,
        resume: Resume,
    ) -> Receiver<Reply<Attached>> {
        let (reply, answer) = oneshot::channel();
        let newcomer = Newcomer {
            id: SubscriberId(7),
            shard: SHARD,
            resume,
            coding,
            wish: Wish::NONE,
            terms,
            selection: Some(selection(text)),
        };
        self.owner.handle(self.now, Message::Subscribe { newcomer, reply });
        answer
    }

    fn watch_part(&mut self, text: &str) {
        let answer = self.select(text, Terms::USUAL, Coding::Identity, Resume::Nowhere);
        self.staying.push(answer);
    }

    /// What the shards are told, by view; fetches are noted and those who stay begin.
    fn tell(&mut self) -> Vec<(u32, Told)> {
        let mut told = Vec::new();
        for action in self.owner.take_actions() {
            let command = match action {
                Action::Tell(_, command) => command,
                Action::Fetch(number, _) => {
                    self.fetching = Some(number);
                    continue;
                }
                Action::Retire => {
                    self.retired = true;
                    continue;
                }
                Action::Unproven(unproven) => panic!("{unproven:?}"),
            };
            told.push(match command {
                FeedCommand::Attach(new) => {
                    assert!((new.admitted)(), "it waits");
                    (new.view.view, Told::Attach(new.start))
                }
                FeedCommand::Publish(view, head) => (view.view, Told::Publish(head.offset().0)),
                FeedCommand::Status(view, _) => (view.view, Told::Status),
                FeedCommand::Step(view, _, _, Step::To(step)) => {
                    (view.view, Told::Step(Some(step.offset().0)))
                }
                FeedCommand::Step(view, _, _, Step::Snapshot) => (view.view, Told::Step(None)),
                FeedCommand::End(view, _) => (view.view, Told::End),
                FeedCommand::Dismiss(view, _) => (view.view, Told::Dismiss),
                FeedCommand::EndAll(..) => panic!("an owner ends each view"),
            });
        }
        told
    }

    fn answer(&mut self, outcome: Outcome) -> Vec<(u32, Told)> {
        let number = self.fetching.take().expect("a fetch is under way");
        let fetched = Fetched { outcome, raw: None, wire_bytes: 0, waited: Duration::ZERO };
        self.owner.handle_fetched(self.now, number, fetched);
        self.tell()
    }

    fn poll(&mut self, outcome: Outcome) -> Vec<(u32, Told)> {
        self.now = self.now + Duration::from_millis(600);
        self.owner.handle_timeout(self.now);
        assert_eq!(self.tell(), []);
        self.answer(outcome)
    }

    fn leave_part(&mut self, view: u32) {
        let view = ViewId { feed: FeedId(1), view };
        self.owner.handle(self.now, Message::Unsubscribed(view, SHARD, Wish::NONE));
    }

    fn read_part(&mut self, text: &str) -> Receiver<Reply<Current>> {
        let (reply, answer) = oneshot::channel();
        let (demand, asked) = (Demand::default(), Reason::default());
        self.owner.handle(self.now, Message::Read { demand, selection: Some(selection(text)), asked, reply });
        answer
    }

    /// What of the feed is selected, and where that stands.
    fn part(&mut self, text: &str) -> (String, Position) {
        match self.read_part(text).try_recv() {
            Ok(Reply::Have(current)) => {
                assert_eq!(current.fields[header::CONTENT_TYPE], "application/json");
                let version = current.published.version();
                (String::from_utf8(version.body.to_vec()).unwrap(), version.position)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A feed with somebody who watches these parts.
fn watched(parts: &[&str]) -> Bench {
    let mut bench = Bench::new(&[]);
    parts.iter().for_each(|part| bench.watch_part(part));
    bench.tell();
    let told = bench.answer(two("1", "1"));
    assert_eq!(told.len(), parts.len(), "{told:?}");
    bench
}

#[test]
fn a_part_is_one_view_however_many_ask_and_however_they_spell_it() {
    let mut bench = watched(&["$.in", "$['in']", "$ .in", "/in"]);
    assert_eq!(bench.owner.views.len(), 2);
    assert_eq!(bench.poll(two("1", "2")), [], "a change outside is nothing to them");
    assert_eq!(bench.poll(two("2", "2")), [(1, Told::Publish(3)), (2, Told::Publish(3))]);
    assert_eq!(bench.owner.feed().subscribers(), 4);
    // Nor does the whole concern them, or they it.
    bench.watch();
    assert_eq!(bench.poll(two("2", "3")), [(0, Told::Publish(4))]);
    assert_eq!(bench.owner.report().selections, 2);
}

#[test]
fn a_view_that_nobody_watches_is_let_go_and_remembered() {
    let mut bench = watched(&["/in"]);
    bench.watch();
    bench.tell();
    let held = bench.part("/in").1;
    bench.leave_part(1);
    assert_eq!((bench.owner.views.len(), bench.owner.feed().subscribers()), (0, 1));
    for outside in ["2", "3", "4", "5", "6", "7"] {
        assert_eq!(bench.poll(two("1", outside)).len(), 1);
    }
    assert!(bench.owner.feed().window().position_of(held.offset).is_none());
    let mut again = bench.select("/in", Terms::USUAL, Coding::Identity, Resume::From(held));
    assert_eq!(bench.tell(), [(2, Told::Attach(Start::At(held.offset)))]);
    let Ok(Reply::Have(attached)) = again.try_recv() else { panic!("it has a stream") };
    assert!(attached.is_current);
    assert_eq!(attached.content_type.unwrap(), "application/json");
    // What it was told of before is another view by now.
    bench.owner.handle(
        bench.now,
        Message::StepFrom(ViewId { feed: FeedId(1), view: 1 }, SHARD, held.offset, Kind::Patch),
    );
    assert_eq!(bench.tell(), []);
}

#[test]
fn positions_of_other_parts_prove_nothing() {
    let mut bench = watched(&["/in", "/out"]);
    let (other, whole) = (bench.part("/out").1, bench.owner.feed().head().unwrap().position);
    for resume in [Resume::From(other), Resume::From(whole), Resume::Foreign] {
        let answer = bench.select("/in", Terms::USUAL, Coding::Identity, resume);
        bench.staying.push(answer);
        assert_eq!(bench.tell(), [(1, Told::Attach(Start::Unproven))]);
    }
}

#[test]
fn a_step_of_a_view_is_its_own() {
    let mut bench = watched(&["/in"]);
    for number in ["2", "3"] {
        bench.poll(two(number, "1"));
    }
    for (kind, from, expected) in [
        (Kind::Patch, 1, Some(3)),
        (Kind::Merge, 1, Some(3)),
        (Kind::Patch, 2, Some(3)),
        (Kind::Patch, 9, None),
    ] {
        let view = ViewId { feed: FeedId(1), view: 1 };
        bench.owner.handle(bench.now, Message::StepFrom(view, SHARD, Offset(from), kind));
        assert_eq!(bench.tell(), [(1, Told::Step(expected))], "{kind:?} {from}");
    }
}

#[test]
fn who_wants_merge_patches_or_gzip_of_a_part_has_them_made() {
    let mut bench = watched(&["/in"]);
    let merge = Terms { format: Format::Ndjson, mode: Mode::Merge, rate: None };
    let head = |bench: &mut Bench| {
        let view = bench.owner.views.iter_mut().next().unwrap();
        view.outlet.head.clone().unwrap()
    };
    bench.poll(two("2", "1"));
    assert!(head(&mut bench).step(Kind::Merge).is_none());
    let answer = bench.select("/in", merge, Coding::Gzip, Resume::Nowhere);
    bench.staying.push(answer);
    bench.tell();
    bench.poll(two("3", "1"));
    let published = head(&mut bench);
    let packed = |kind, format| published.step(kind).is_some_and(|step| step.frame(format).is_packed());
    assert!(packed(Kind::Merge, Format::Ndjson));
    assert!(!packed(Kind::Merge, Format::Sse) && !packed(Kind::Patch, Format::Sse), "nobody asked");
}

#[test]
fn where_nothing_can_be_selected_any_more_all_leave_and_nobody_is_counted() {
    let mut bench = watched(&["/in", "/in", "/out"]);
    let told = bench.poll(fresh("{\"in\":1,\"in\":2}", &[]));
    assert_eq!(told, [(1, Told::Dismiss), (2, Told::Dismiss)]);
    // Who comes meanwhile is told why.
    let mut refused = bench.select("/in", Terms::USUAL, Coding::Identity, Resume::Nowhere);
    assert_eq!(kind(&mut refused), "unselectable");
    assert_eq!(kind(&mut bench.read_part("/in")), "unselectable");
    // They are told of nothing more, and what can be had again is another view.
    let told = bench.poll(two("3", "1"));
    assert_eq!(told, []);
    bench.watch_part("/in");
    assert_eq!(bench.tell(), [(3, Told::Attach(Start::Fresh))]);
    [1, 1, 2].into_iter().for_each(|view| bench.leave_part(view));
    assert_eq!((bench.owner.feed().subscribers(), bench.owner.views.len()), (1, 1));
    // A shard that says it twice is not believed.
    bench.leave_part(1);
    assert_eq!(bench.owner.feed().subscribers(), 1);
    bench.leave_part(3);
    assert_eq!((bench.owner.feed().subscribers(), bench.owner.views.len()), (0, 0));
    bench.pass(LINGER * 2);
    assert!(bench.retired);
}

#[test]
fn who_left_while_waiting_for_a_part_is_not_counted() {
    let mut bench = Bench::new(&[]);
    drop(bench.select("/in", Terms::USUAL, Coding::Identity, Resume::Nowhere));
    bench.act();
    bench.fetched(two("1", "1"));
    assert_eq!(bench.told, ["attach fresh"], "whose shard finds that nobody waits");
    assert_eq!((bench.owner.feed().subscribers(), bench.owner.views.len()), (0, 0));
}

#[test]
fn text_has_no_parts() {
    let mut bench = Bench::new(&[]);
    let mut waiting = bench.select("/in", Terms::USUAL, Coding::Identity, Resume::Nowhere);
    bench.tell();
    let text = Representation { body: "some".into(), form: Form::Text, fields: HeaderMap::new() };
    bench.answer(Outcome::Fresh(text));
    assert_eq!(kind(&mut waiting), "unselectable");
    assert_eq!(bench.owner.feed().subscribers(), 0);
}

#[test]
fn there_may_be_so_many_views_and_no_more() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.answer(two("1", "1"));
    for number in 0..MOST_VIEWS {
        bench.watch_part(&format!("/in/{number}"));
    }
    assert_eq!(bench.tell().len(), MOST_VIEWS);
    let mut one_more = bench.select("/in/n", Terms::USUAL, Coding::Identity, Resume::Nowhere);
    assert_eq!(kind(&mut one_more), "too many views");
    assert_eq!(bench.owner.feed().subscribers(), MOST_VIEWS + 1);
    // What others watch is no other view, and what is let go of makes room.
    let mut shared = bench.select("/in/3", Terms::USUAL, Coding::Identity, Resume::Nowhere);
    bench.tell();
    assert_eq!(kind(&mut shared), "have");
    bench.leave_part(1);
    let mut one_more = bench.select("/in/n", Terms::USUAL, Coding::Identity, Resume::Nowhere);
    bench.tell();
    assert_eq!(kind(&mut one_more), "have");
}

#[test]
fn after_a_time_without_the_resource_each_view_is_told_whole() {
    let mut bench = watched(&["/in"]);
    let merge = Terms { mode: Mode::Merge, ..Terms::USUAL };
    for part in [Some("/in"), None] {
        let (reply, answer) = oneshot::channel();
        let newcomer = Newcomer {
            id: SubscriberId(8),
            shard: SHARD,
            resume: Resume::Nowhere,
            coding: Coding::Identity,
            wish: Wish::NONE,
            terms: merge,
            selection: part.map(selection),
        };
        bench.owner.handle(bench.now, Message::Subscribe { newcomer, reply });
        bench.staying.push(answer);
    }
    bench.tell();
    for inside in ["1", "2"] {
        assert!(bench.poll(answered(410)).contains(&(1, Told::Status)));
        let told = bench.poll(two(inside, "1"));
        assert!(told.iter().any(|(view, told)| *view == 1 && matches!(told, Told::Publish(_))), "{told:?}");
        let part = bench.owner.views.iter_mut().next().unwrap().outlet.head.clone().unwrap();
        let whole = bench.owner.outlet.head.clone().unwrap();
        for head in [part, whole] {
            assert!(head.step(Kind::Patch).is_none() && head.step(Kind::Merge).is_none());
        }
    }
}

#[test]
fn the_end_of_a_feed_ends_its_views() {
    let mut bench = Bench::new(&[("authorization", "Bearer a")]);
    bench.watch_part("/in");
    bench.watch_part("/out");
    bench.tell();
    bench.answer(two("1", "1"));
    let mut told = bench.poll(answered(401));
    told.sort_by_key(|(view, _)| *view);
    assert_eq!(told, [(1, Told::End), (2, Told::End)]);
    assert!(bench.retired);
}

#[test]
fn a_plain_reader_gets_its_part_and_a_tag_that_holds_as_long_as_it_does() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    let fields = [("etag", "\"1\""), ("last-modified", "x"), ("cache-control", "public")];
    let padding = "x".repeat(300);
    bench.fetched(fresh(&format!("{{\"in\":1.10,\"out\":1,\"padding\":\"{padding}\"}}"), &fields));
    let Ok(Reply::Have(current)) = bench.read_part("/in").try_recv() else { panic!("a part") };
    assert_eq!(current.fields.get(header::LAST_MODIFIED), None);
    assert_eq!(current.fields[header::CACHE_CONTROL], "public");
    let (text, first) = bench.part("/in");
    assert_eq!(text, "1.10");
    let at = |inside: &str, outside: &str, bench: &mut Bench| {
        bench.pass(Duration::from_millis(600));
        let body = format!("{{\"in\":{inside},\"out\":{outside},\"padding\":\"{padding}\"}}");
        bench.fetched(fresh(&body, &fields));
    };
    for outside in ["2", "3", "4", "5", "6"] {
        at("1.10", outside, &mut bench);
        assert_eq!(bench.part("/in"), ("1.10".to_owned(), first));
    }
    at("1.1", "6", &mut bench);
    let (text, second) = bench.part("/in");
    assert_eq!(text, "1.1");
    assert!(second.offset > first.offset && second.binding == first.binding);
    // Whoever watches it has it from there, and so has whoever reads it then.
    bench.watch_part("/in");
    bench.tell();
    at("1.1", "7", &mut bench);
    assert_eq!(bench.part("/in").1, second);
    assert_eq!(bench.part("$.in").0, "[1.1]");
    assert_ne!(bench.part("/out").1, second);
}

#[test]
fn a_part_has_the_validators_of_the_head_as_long_as_that_has_the_part() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    let body = |inside: &str, outside: &str| {
        format!("{{\"in\":{inside},\"out\":{outside},\"padding\":\"{}\"}}", "x".repeat(300))
    };
    bench.fetched(fresh(&body("1", "1"), &[("etag", "\"1\"")]));
    let part = bench.part("/in").1;
    let at = |bench: &mut Bench, position| {
        let (reply, mut answer) = oneshot::channel();
        bench.owner.handle(bench.now, Message::ValidatorsAt(position, reply));
        answer.try_recv().expect("answered at once").and_then(|it: Validators| it.etag)
    };
    assert_eq!(at(&mut bench, part).unwrap(), "\"1\"");
    bench.pass(Duration::from_millis(600));
    bench.fetched(fresh(&body("1", "2"), &[("etag", "\"2\"")]));
    assert_eq!(at(&mut bench, part).unwrap(), "\"2\"", "nothing of the part was written over");
    bench.pass(Duration::from_millis(600));
    bench.fetched(fresh(&body("2", "2"), &[("etag", "\"3\"")]));
    assert_eq!(at(&mut bench, part), None);
    let other = Position { binding: Binding(99), ..part };
    assert_eq!(at(&mut bench, other), None);
}
