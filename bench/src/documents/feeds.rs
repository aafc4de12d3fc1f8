//! What APIs list: a page of events, and a large table of records.

use super::Kind;
use crate::node::Node;
use crate::random::Random;

/// A page of 30 events as code hosts list them: nested, with many URLs.
pub(super) const EVENTS: Kind = Kind {
    name: "events",
    about_bytes: 60_000,
    build: |random| Node::Array((0..30).map(|_| event(random)).collect()),
    rows: &[&[]],
    ticking: &[&["payload", "size"]],
    fixed: &["id"],
    stamp: None,
    row: event,
};

/// A table of 10 MB.
pub(super) const RECORDS: Kind = Kind {
    name: "records-10mb",
    about_bytes: 10_000_000,
    build: |random| Node::Array((0..44_000).map(|_| record(random)).collect()),
    rows: &[&[]],
    ticking: &[&["amount"], &["quantity"]],
    fixed: &["id"],
    stamp: None,
    row: record,
};

/// An id that no other row has: wide enough that chance does not repeat it.
fn id(random: &mut Random) -> i64 {
    random.between(10_000_000_000_000, 99_999_999_999_999)
}

fn time(random: &mut Random) -> Node {
    let mut two = |low, high| format!("{:02}", random.between(low, high));
    let (month, day, hour) = (two(1, 12), two(1, 28), two(0, 23));
    Node::text(format!("2026-{month}-{day}T{hour}:{}:{}Z", two(0, 59), two(0, 59)))
}

fn record(random: &mut Random) -> Node {
    let name = random.words(1, "");
    let family = random.words(1, "");
    Node::object([
        ("id", Node::integer(id(random))),
        ("name", Node::text(format!("{name} {family}"))),
        ("email", Node::text(format!("{name}.{family}@{}.example", random.words(1, "")))),
        ("status", Node::text(random.pick(&["active", "paused", "closed"]))),
        ("amount", Node::decimal(random.between(100, 9_999_999), 2)),
        ("quantity", Node::integer(random.between(1, 5_000))),
        ("updated", time(random)),
        ("verified", Node::Bool(random.coin())),
        ("tags", Node::Array((0..random.below(4)).map(|_| Node::text(random.words(1, ""))).collect())),
        ("manager", Node::Null),
    ])
}

fn event(random: &mut Random) -> Node {
    let login = random.words(2, "-");
    let repo = format!("{}/{}", random.words(1, ""), random.words(2, "-"));
    let api = "https://api.code.example";
    let actor = random.between(100_000, 99_999_999);
    Node::object([
        ("id", Node::text(id(random).to_string())),
        ("type", Node::text("PushEvent")),
        (
            "actor",
            Node::object([
                ("id", Node::integer(actor)),
                ("login", Node::text(&login)),
                ("display_login", Node::text(&login)),
                ("gravatar_id", Node::text("")),
                ("url", Node::text(format!("{api}/users/{login}"))),
                ("avatar_url", Node::text(format!("https://avatars.code.example/u/{actor}?"))),
            ]),
        ),
        (
            "repo",
            Node::object([
                ("id", Node::integer(random.between(1_000_000, 999_999_999))),
                ("name", Node::text(&repo)),
                ("url", Node::text(format!("{api}/repos/{repo}"))),
            ]),
        ),
        (
            "payload",
            Node::object([
                ("push_id", Node::integer(random.between(1_000_000_000, 9_999_999_999))),
                ("size", Node::integer(random.between(1, 90))),
                ("distinct_size", Node::integer(random.between(1, 90))),
                ("ref", Node::text(format!("refs/heads/{}", random.words(2, "-")))),
                ("head", Node::text(random.hex(40))),
                ("before", Node::text(random.hex(40))),
                ("commits", Node::Array((0..5).map(|_| commit(&repo, random)).collect())),
            ]),
        ),
        ("public", Node::Bool(true)),
        ("created_at", time(random)),
    ])
}

fn commit(repo: &str, random: &mut Random) -> Node {
    let sha = random.hex(40);
    let author = random.words(1, "");
    Node::object([
        ("sha", Node::text(&sha)),
        (
            "author",
            Node::object([
                ("email", Node::text(format!("{author}@users.code.example"))),
                ("name", Node::text(author)),
            ]),
        ),
        ("message", Node::text(random.words(7, " "))),
        ("distinct", Node::Bool(random.coin())),
        ("url", Node::text(format!("https://api.code.example/repos/{repo}/commits/{sha}"))),
    ])
}
