//! Documents of one sort of thing only: nested objects, numbers, strings.

use super::Kind;
use crate::node::Node;
use crate::random::Random;

/// Settings in objects, 12 levels deep, without rows.
pub(super) const CONFIG: Kind = Kind {
    name: "config",
    about_bytes: 40_000,
    build: |random| section(12, random),
    rows: &[],
    ticking: &[],
    fixed: &[],
    stamp: None,
    row: |random| section(1, random),
};

/// An array of numbers that walk, so that neighbours are alike and some repeat.
pub(super) const NUMBERS: Kind = Kind {
    name: "numbers",
    about_bytes: 100_000,
    build: |random| {
        let mut at = 50_000;
        Node::Array(
            (0..14_700)
                .map(|_| {
                    at = (at + random.between(-300, 300)).clamp(10_000, 99_999);
                    Node::decimal(at, 2)
                })
                .collect(),
        )
    },
    rows: &[&[]],
    ticking: &[&[]],
    fixed: &[],
    stamp: None,
    row: |random| Node::decimal(random.between(10_000, 99_999), 2),
};

/// An array of strings, some of which repeat.
pub(super) const STRINGS: Kind = Kind {
    name: "strings",
    about_bytes: 100_000,
    build: |random| Node::Array((0..5_500).map(|_| phrase(random)).collect()),
    rows: &[&[]],
    ticking: &[&[]],
    fixed: &[],
    stamp: None,
    row: phrase,
};

fn phrase(random: &mut Random) -> Node {
    let count = 2 + random.below(2);
    Node::text(random.words(count, " "))
}

/// Six settings and the sections below them: two on the upper levels, one further down, which makes the tree deep
/// without making it large.
fn section(levels: usize, random: &mut Random) -> Node {
    let mut members = Vec::new();
    let below = match levels {
        0 | 1 => 0,
        8.. => 2,
        _ => 1,
    };
    for index in 0..below {
        members.push((format!("{}_{index}", random.words(1, "")), section(levels - 1, random)));
    }
    members.push(("enabled".to_owned(), Node::Bool(random.coin())));
    members.push(("limit".to_owned(), Node::integer(random.between(1, 100_000))));
    members.push(("ratio".to_owned(), Node::decimal(random.between(1, 999), 3)));
    members.push(("description".to_owned(), Node::text(random.words(3, " "))));
    members.push(("target".to_owned(), Node::text(random.words(3, "-"))));
    members
        .push(("hosts".to_owned(), Node::Array((0..2).map(|_| Node::text(random.words(2, "."))).collect())));
    Node::Object(members)
}
