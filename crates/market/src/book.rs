//! An order book: the ten best prices on each side, moved along by every trade.
//!
//! Invariants: both sides have [`DEPTH`] levels, best first, strictly ordered, neighbours at most [`WIDEST`] apart,
//! every size positive; the best bid is below the best ask. Most levels outlive a trade unchanged, as in a real book.

use crate::rng::Rng;
use crate::units::Cents;

/// Levels on each side.
pub(crate) const DEPTH: usize = 10;

/// The most cents between two neighbouring levels.
const WIDEST: i64 = 3;

/// What is on offer at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) price: Cents,
    pub(crate) size: u64,
}

/// Both sides, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
}

/// Which way a side's prices go from its best.
#[derive(Clone, Copy)]
enum Away {
    Down,
    Up,
}

impl Away {
    /// How much worse `price` is than `best` on this side; negative where it is better.
    fn distance(self, best: Cents, price: Cents) -> i64 {
        match self {
            Away::Down => best.0 - price.0,
            Away::Up => price.0 - best.0,
        }
    }

    /// The price that is worse than `price` by `by` cents.
    fn worse(self, price: Cents, by: i64) -> Cents {
        match self {
            Away::Down => Cents(price.0 - by),
            Away::Up => Cents(price.0 + by),
        }
    }
}

impl Book {
    /// A full book around `bid < ask`.
    pub(crate) fn new(rng: &mut Rng, bid: Cents, ask: Cents) -> Book {
        let mut book = Book { bids: Vec::new(), asks: Vec::new() };
        book.quote(rng, bid, ask);
        book
    }

    /// Moves the book to a new `bid < ask`: levels that are crossed go, new ones fill up, a few sizes change.
    pub(crate) fn quote(&mut self, rng: &mut Rng, bid: Cents, ask: Cents) {
        self.bids = moved(rng, &self.bids, bid, Away::Down);
        self.asks = moved(rng, &self.asks, ask, Away::Up);
        for _ in 0..1 + rng.below(3) {
            let side = if rng.chance(0.5) { &mut self.bids } else { &mut self.asks };
            // Both sides are full here.
            let level = rng.index(side.len());
            side[level].size = size(rng);
        }
    }

    /// The best price to sell at.
    pub(crate) fn bid(&self) -> Cents {
        self.bids[0].price
    }

    /// The best price to buy at.
    pub(crate) fn ask(&self) -> Cents {
        self.asks[0].price
    }
}

/// A side whose best is now `best`, keeping what it can of `old`.
fn moved(rng: &mut Rng, old: &[Level], best: Cents, away: Away) -> Vec<Level> {
    let mut kept = old.iter().copied().skip_while(|level| away.distance(best, level.price) < 0).peekable();
    let mut side = Vec::with_capacity(DEPTH);
    let mut price = best;
    while side.len() < DEPTH {
        let level = kept.next_if(|level| level.price == price);
        side.push(level.unwrap_or_else(|| Level { price, size: size(rng) }));
        price = match kept.peek() {
            // The next kept level is near enough: go there, so that nothing new appears between.
            Some(next) if away.distance(price, next.price) <= WIDEST => next.price,
            _ => away.worse(price, 1 + rng.below(WIDEST as u64) as i64),
        };
    }
    side
}

/// A size in round lots of ten, small ones more often.
fn size(rng: &mut Rng) -> u64 {
    10 * (1 + rng.exponential(30.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_consistent(book: &Book, bid: Cents, ask: Cents) {
        assert_eq!((book.bid(), book.ask()), (bid, ask));
        assert!(book.bid() < book.ask());
        for (side, away) in [(&book.bids, Away::Down), (&book.asks, Away::Up)] {
            assert_eq!(side.len(), DEPTH);
            assert!(side.iter().all(|level| level.size > 0 && level.price.0 > 0), "{side:?}");
            for pair in side.windows(2) {
                let gap = away.distance(pair[0].price, pair[1].price);
                assert!((1..=WIDEST).contains(&gap), "{side:?}");
            }
        }
    }

    #[test]
    fn a_book_stays_consistent_wherever_the_price_goes() {
        let mut rng = Rng::new(4);
        let (mut bid, mut ask) = (Cents(10_109), Cents(10_111));
        let mut book = Book::new(&mut rng, bid, ask);
        assert_consistent(&book, bid, ask);
        for _ in 0..5_000 {
            // Mostly small steps, sometimes a leap over the whole book.
            let reach = if rng.chance(0.05) { 200 } else { 6 };
            bid = Cents((bid.0 + rng.below(2 * reach + 1) as i64 - reach as i64).max(200));
            ask = Cents(bid.0 + 1 + rng.below(4) as i64);
            book.quote(&mut rng, bid, ask);
            assert_consistent(&book, bid, ask);
        }
    }

    #[test]
    fn most_levels_outlive_a_quote_that_stands_still() {
        let mut rng = Rng::new(5);
        let (bid, ask) = (Cents(5_000), Cents(5_002));
        let before = Book::new(&mut rng, bid, ask);
        let mut after = before.clone();
        after.quote(&mut rng, bid, ask);
        let sides = |book: &Book| [book.bids.clone(), book.asks.clone()].concat();
        let changed = sides(&before).iter().zip(sides(&after)).filter(|(a, b)| **a != *b).count();
        assert!(changed <= 3, "{changed} levels changed");
    }
}
