//! What an owner makes for subscribers on their terms, and what it does not.

use tidegate_core::Mode;
use tidegate_wire::Format;

use super::*;

fn terms(format: Format, mode: Mode) -> Terms {
    Terms { format, mode, rate: None }
}

fn board(value: u64) -> Outcome {
    fresh(&format!("{{\"value\":{value},\"padding\":\"{}\"}}", "x".repeat(200)), &[])
}

/// Steps of other kinds than patches and snapshots, as they are told.
fn step_of(bench: &mut Bench, kind: Kind, from: u64) -> Step {
    let message = Message::StepFrom(ViewId::whole(FeedId(1)), SHARD, Offset(from), kind);
    bench.owner.handle(bench.now, message);
    let steps = bench.owner.take_actions().into_iter().filter_map(|action| match action {
        Action::Tell(_, FeedCommand::Step(_, at, of, step)) if (at, of) == (Offset(from), kind) => Some(step),
        _ => None,
    });
    steps.last().expect("every question is answered")
}

impl Bench {
    /// Somebody subscribes on these terms and stays.
    fn watch_on(&mut self, format: Format, mode: Mode, coding: Coding) {
        let answer = self.subscribe_on(terms(format, mode), coding, 1, Resume::Nowhere);
        self.staying.push(answer);
    }

    fn change(&mut self, value: u64) {
        self.pass(Duration::from_millis(600));
        self.fetched(board(value));
    }

    fn head(&self) -> Arc<Published> {
        self.owner.outlet.head.clone().expect("something was published")
    }

    fn leave(&mut self) {
        let left = Message::Unsubscribed(ViewId::whole(FeedId(1)), SHARD, Wish::NONE);
        self.owner.handle(self.now, left);
        self.act();
    }

    /// In which formats and kinds the head is packed.
    fn packed(&self) -> Vec<(Format, Kind)> {
        let head = self.head();
        let kinds = [Kind::Snapshot, Kind::Patch, Kind::Merge];
        let all = Format::ALL.into_iter().flat_map(|format| kinds.map(|kind| (format, kind)));
        all.filter(|(format, kind)| match kind {
            Kind::Snapshot => head.snapshot().frame(*format).is_packed(),
            kind => head.step(*kind).is_some_and(|step| step.frame(*format).is_packed()),
        })
        .collect()
    }
}

#[test]
fn merge_patches_are_made_while_somebody_wants_them() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(board(1));
    bench.change(2);
    let made = |bench: &Bench| [Kind::Patch, Kind::Merge].map(|kind| bench.head().step(kind).is_some());
    assert_eq!(made(&bench), [true, false]);
    bench.watch_on(Format::Sse, Mode::Merge, Coding::Identity);
    bench.change(3);
    assert_eq!(made(&bench), [true, true]);
    // All leave, and others come.
    bench.leave();
    bench.leave();
    bench.watch();
    bench.change(4);
    assert_eq!(made(&bench), [true, false]);
}

#[test]
fn one_who_wants_the_first_or_all_whole_wants_no_merge_patches() {
    for mode in [Mode::First, Mode::Snapshot] {
        let mut bench = Bench::new(&[]);
        bench.watch_on(Format::Sse, mode, Coding::Identity);
        bench.fetched(board(1));
        bench.change(2);
        assert!(bench.head().step(Kind::Merge).is_none(), "{mode}");
    }
}

#[test]
fn a_merge_step_leads_to_the_head_and_is_made_once() {
    let mut bench = Bench::new(&[]);
    bench.watch_on(Format::Sse, Mode::Merge, Coding::Identity);
    bench.fetched(board(1));
    bench.change(2);
    bench.change(3);
    let (Step::To(first), Step::To(again)) =
        (step_of(&mut bench, Kind::Merge, 1), step_of(&mut bench, Kind::Merge, 1))
    else {
        panic!("there is one")
    };
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!((first.kind(), first.from(), first.offset()), (Kind::Merge, Some(Offset(1)), Offset(3)));
    let text = String::from_utf8(first.frame(Format::Ndjson).plain().to_vec()).unwrap();
    assert!(text.ends_with("\"data\":{\"value\":3}}\n"), "{text}");
    let Step::To(patch) = step_of(&mut bench, Kind::Patch, 1) else { panic!("there is one") };
    assert_eq!(patch.kind(), Kind::Patch, "another one");
    assert!(matches!(step_of(&mut bench, Kind::Merge, 99), Step::Snapshot));
    // A member becomes null, which no merge patch can say.
    bench.pass(Duration::from_millis(600));
    bench.fetched(fresh(&format!("{{\"value\":null,\"padding\":\"{}\"}}", "x".repeat(200)), &[]));
    assert!(matches!(step_of(&mut bench, Kind::Merge, 1), Step::Snapshot));
    assert!(bench.head().step(Kind::Merge).is_none() && bench.head().step(Kind::Patch).is_some());
}

#[test]
fn who_has_the_head_is_told_so_on_whatever_terms() {
    let mut bench = Bench::new(&[]);
    bench.watch();
    bench.fetched(board(1));
    let before = bench.head().version().position;
    bench.change(2);
    let here = bench.head().version().position;
    for mode in Mode::ALL {
        for (resume, expected) in [
            (Resume::From(here), true),
            (Resume::From(before), false),
            (Resume::From(Position { binding: Binding(7), ..here }), false),
            (Resume::Foreign, false),
            (Resume::Nowhere, false),
        ] {
            let mut answer = bench.subscribe_on(terms(Format::Ndjson, mode), Coding::Identity, 2, resume);
            let Ok(Reply::Have(attached)) = answer.try_recv() else { panic!("there is a head") };
            assert_eq!(attached.is_current, expected, "{mode} {resume:?}");
        }
    }
}

#[test]
fn what_goes_out_packed_is_packed_by_the_owner_and_nothing_else_is() {
    for (format, mode, kind) in [
        (Format::Sse, Mode::Patch, Kind::Patch),
        (Format::Ndjson, Mode::Patch, Kind::Patch),
        (Format::Sse, Mode::Merge, Kind::Merge),
        (Format::Ndjson, Mode::Snapshot, Kind::Snapshot),
    ] {
        let mut bench = Bench::new(&[]);
        bench.watch_on(Format::Sse, mode, Coding::Identity);
        bench.fetched(board(1));
        assert_eq!(bench.packed(), [], "{mode}");
        bench.watch_on(format, mode, Coding::Gzip);
        assert_eq!(bench.packed(), [(format, Kind::Snapshot)], "what it begins with");
        bench.change(2);
        assert_eq!(bench.packed(), [(format, kind)], "what it goes on with");
        bench.change(3);
        if kind != Kind::Snapshot {
            let Step::To(step) = step_of(&mut bench, kind, 1) else { panic!("there is one") };
            assert!(step.frame(format).is_packed() && !step.frame(Format::Braid).is_packed(), "{mode}");
            let other = if kind == Kind::Patch { Kind::Merge } else { Kind::Patch };
            let Step::To(step) = step_of(&mut bench, other, 1) else { panic!("there is one") };
            assert!(!step.frame(format).is_packed(), "nobody wants it packed");
            // Where there is no step, the whole is what they get.
            step_of(&mut bench, kind, 99);
            assert_eq!(bench.packed(), [(format, Kind::Snapshot), (format, kind)]);
        }
        // All leave: nobody wants it packed any more.
        bench.leave();
        bench.leave();
        bench.watch();
        bench.change(4);
        assert_eq!(bench.packed(), [], "{mode}");
    }
}

#[test]
fn one_that_resumes_finds_its_first_update_packed() {
    for (mode, back, expected) in [
        (Mode::Patch, 0, vec![]),
        (Mode::Patch, 1, vec![(Format::Sse, Kind::Patch)]),
        (Mode::Patch, 2, vec![]),
        (Mode::Snapshot, 1, vec![(Format::Sse, Kind::Snapshot)]),
        (Mode::Snapshot, 2, vec![(Format::Sse, Kind::Snapshot)]),
        (Mode::First, 2, vec![(Format::Sse, Kind::Snapshot)]),
    ] {
        let mut bench = Bench::new(&[]);
        bench.watch();
        bench.fetched(board(1));
        let mut positions = vec![bench.head().version().position];
        for value in 2..4 {
            bench.change(value);
            positions.push(bench.head().version().position);
        }
        let from = Resume::From(positions[2 - back]);
        let answer = bench.subscribe_on(terms(Format::Sse, mode), Coding::Gzip, 2, from);
        bench.staying.push(answer);
        assert_eq!(bench.packed(), expected, "{mode}, {back} behind");
        bench.change(4);
        let goes_on = match mode {
            Mode::Patch => vec![(Format::Sse, Kind::Patch)],
            Mode::Snapshot => vec![(Format::Sse, Kind::Snapshot)],
            _ => vec![],
        };
        assert_eq!(bench.packed(), goes_on, "{mode}: one that wants the first gets nothing more");
    }
}
