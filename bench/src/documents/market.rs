//! Market data: lists of quotes, and a book of orders.

use super::Kind;
use crate::node::{Node, fixed};
use crate::random::Random;

/// 500 quotes in an object with a stamp.
pub(super) const QUOTES: Kind = Kind {
    name: "quotes",
    about_bytes: 130_000,
    build: |random| {
        Node::object([
            ("as_of", Node::integer(1_767_225_600_123)),
            ("quotes", Node::Array((0..500).map(|_| quote(random)).collect())),
        ])
    },
    rows: &[&["quotes"]],
    ticking: &[&["last"], &["bid"], &["ask"]],
    fixed: &["symbol", "name", "venue", "currency"],
    stamp: Some("as_of"),
    row: quote,
};

/// A bare array of quotes.
pub(super) const QUOTES_90K: Kind = Kind {
    name: "quotes-90k",
    about_bytes: 90_000,
    build: |random| Node::Array((0..350).map(|_| quote(random)).collect()),
    rows: &[&[]],
    stamp: None,
    ..QUOTES
};

/// Two sides of price levels, prices and sizes as texts.
pub(super) const ORDER_BOOK: Kind = Kind {
    name: "order-book",
    about_bytes: 8_300,
    build: |random| {
        let mut side = |direction: i64| {
            let mut price = 10_110 + direction;
            Node::Array(
                (0..200)
                    .map(|_| {
                        price += direction * random.between(1, 4);
                        level(price, random)
                    })
                    .collect(),
            )
        };
        Node::object([("bids", side(-1)), ("asks", side(1))])
    },
    rows: &[&["bids"], &["asks"]],
    ticking: &[&["1"]],
    fixed: &["0"],
    stamp: None,
    row: |random| level(random.between(10_111, 10_119), random),
};

fn level(price: i64, random: &mut Random) -> Node {
    Node::Array(vec![Node::text(fixed(price, 2)), Node::text(fixed(random.between(1, 9_999_999), 3))])
}

fn quote(random: &mut Random) -> Node {
    let last = random.between(500, 90_000);
    let near = |random: &mut Random| Node::decimal((last + random.between(-99, 99)).max(1), 2);
    let symbol: String = (0..4).map(|_| char::from(b'A' + random.below(26) as u8)).collect();
    Node::object([
        ("symbol", Node::text(symbol)),
        ("name", Node::text(random.words(2, " "))),
        ("venue", Node::text(random.pick(&["XNAS", "XNYS", "XLON", "XETR"]))),
        ("currency", Node::text(random.pick(&["USD", "GBP", "EUR"]))),
        ("last", Node::decimal(last, 2)),
        ("bid", near(random)),
        ("ask", near(random)),
        ("bid_size", Node::integer(random.between(1, 90) * 100)),
        ("ask_size", Node::integer(random.between(1, 90) * 100)),
        ("size", Node::integer(random.between(1, 900))),
        ("volume", Node::integer(random.between(10_000, 90_000_000))),
        ("open", near(random)),
        ("high", Node::decimal(last + random.between(100, 400), 2)),
        ("low", Node::decimal((last - random.between(100, 400)).max(1), 2)),
        ("close", near(random)),
        ("halted", Node::Bool(false)),
        ("note", Node::Null),
    ])
}
