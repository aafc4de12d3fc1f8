//! The simulated exchange: who trades when, and at what price. Pure: time is an argument, chance is a seed.
//!
//! Invariants: a seed, a count, a rate and a start time give one sequence of trades, however the calls of
//! [`Sim::advance`] cut it; prices are whole cents between [`LOWEST`] and [`HIGHEST`] and lie within their book's
//! bid and ask; trade ids grow with time; at most [`TRADES_KEPT`] trades are kept for a symbol, and each has that
//! many from the start. It knows nothing of HTTP, clocks or tasks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::book::Book;
use crate::listing::{self, Listing};
use crate::rng::Rng;
use crate::units::{Cents, Timestamp};

/// Trades kept for a symbol, newest last.
pub(crate) const TRADES_KEPT: usize = 100;

/// No price falls below this: ten levels of book fit beneath it.
pub(crate) const LOWEST: Cents = Cents(200);

/// No price rises above this.
pub(crate) const HIGHEST: Cents = Cents(1_000_000);

/// Symbols too quiet to have made their history in this time are given one that fits in it.
const LONGEST_HISTORY: Duration = Duration::from_secs(6 * 3_600);

/// The pace of the history where no trade is to come: as if the market had closed just now.
const RATE_BEFORE_CLOSE: f64 = 40.0;

/// Who crossed the spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// One trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) id: u64,
    pub(crate) price: Cents,
    pub(crate) size: u64,
    pub(crate) side: Side,
    pub(crate) at: Timestamp,
}

/// One symbol with everything that the API tells about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stock {
    pub(crate) listing: Listing,
    pub(crate) price: Cents,
    /// The price that `change` counts from.
    pub(crate) previous_close: Cents,
    pub(crate) volume: u64,
    pub(crate) book: Book,
    /// Oldest first; never empty.
    pub(crate) trades: VecDeque<Trade>,
    /// The deviation of one trade's step, as a part of the price.
    volatility: f64,
}

impl Stock {
    /// The trade that made the present state.
    pub(crate) fn last_trade(&self) -> &Trade {
        // Every stock trades while the history is made, and a trade only goes when a newer one comes.
        self.trades.back().expect("a stock has traded")
    }
}

/// The exchange.
pub(crate) struct Sim {
    rng: Rng,
    stocks: Vec<Stock>,
    by_symbol: HashMap<String, usize>,
    /// The running sum of the symbols' shares in all trades: one draw picks the symbol.
    shares: Vec<f64>,
    /// Trades a second over all symbols.
    rate: f64,
    last_id: u64,
    next_at: Option<Timestamp>,
}

impl Sim {
    /// The exchange of `seed` as it stands at `start`, with its history made. `rate` is in trades a second over all
    /// `symbols`; with 0 nothing trades after `start`.
    pub(crate) fn new(seed: u64, symbols: usize, rate: f64, start: Timestamp) -> Sim {
        let mut rng = Rng::new(seed);
        let listings = listing::invent(&mut rng, symbols);
        let activity = activity(&mut rng, listings.len());
        let stocks: Vec<Stock> = listings
            .into_iter()
            .zip(&activity)
            .map(|(listing, share)| opening(&mut rng, listing, *share))
            .collect();
        let shares = activity
            .iter()
            .scan(0.0, |sum, share| {
                *sum += share;
                Some(*sum)
            })
            .collect();
        let by_symbol =
            stocks.iter().enumerate().map(|(i, stock)| (stock.listing.symbol.clone(), i)).collect();
        let mut sim = Sim { rng, stocks, by_symbol, shares, rate, last_id: 0, next_at: None };
        sim.make_history(&activity, start);
        sim.resume(start);
        sim
    }

    /// All symbols, in alphabetical order.
    pub(crate) fn stocks(&self) -> &[Stock] {
        &self.stocks
    }

    /// The place of a symbol in [`Sim::stocks`].
    pub(crate) fn find(&self, symbol: &str) -> Option<usize> {
        self.by_symbol.get(symbol).copied()
    }

    /// The id of the newest trade: a version number of the whole exchange.
    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// When the next trade is due; never, where the rate is 0.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.next_at
    }

    /// Makes every trade that is due by `now` and returns their number.
    pub(crate) fn advance(&mut self, now: Timestamp) -> usize {
        let mut made = 0;
        while let Some(at) = self.next_at.filter(|at| *at <= now) {
            let draw = self.rng.unit() * self.shares.last().copied().unwrap_or_default();
            let index = self.shares.partition_point(|sum| *sum < draw).min(self.stocks.len() - 1);
            self.trade(index, at);
            self.resume(at);
            made += 1;
        }
        made
    }

    /// Trading goes on from `now`: what would have been due before is not made up for.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        self.next_at = (self.rate > 0.0).then(|| now.plus(gap(&mut self.rng, self.rate)));
    }

    /// Makes the trades that came before `start`, in the order of their times.
    fn make_history(&mut self, activity: &[f64], start: Timestamp) {
        let total: f64 = activity.iter().sum();
        let rate = if self.rate > 0.0 { self.rate } else { RATE_BEFORE_CLOSE };
        let slowest = TRADES_KEPT as f64 / LONGEST_HISTORY.as_secs_f64();
        let mut due = Vec::with_capacity(self.stocks.len() * TRADES_KEPT);
        for (index, share) in activity.iter().enumerate() {
            let own_rate = (rate * share / total).max(slowest);
            let mut ago = Duration::ZERO;
            for _ in 0..TRADES_KEPT {
                ago += gap(&mut self.rng, own_rate);
                due.push((Timestamp(start.0.saturating_sub(ago.as_micros() as u64)), index));
            }
        }
        due.sort_unstable();
        for (at, index) in due {
            self.trade(index, at);
        }
    }

    /// One trade of one symbol: a step of its walk, and its book moved along.
    fn trade(&mut self, index: usize, at: Timestamp) {
        let rng = &mut self.rng;
        let stock = &mut self.stocks[index];
        let step = (rng.normal() * stock.volatility * stock.price.0 as f64).round() as i64;
        let price = Cents((stock.price.0 + step).clamp(LOWEST.0, HIGHEST.0));
        // Buyers lift prices, mostly.
        let buyers = match step.signum() {
            1 => 0.8,
            -1 => 0.2,
            _ => 0.5,
        };
        let side = if rng.chance(buyers) { Side::Buy } else { Side::Sell };
        let near = rng.below(2) as i64;
        let far = 1 + rng.below(2 + price.0 as u64 / 20_000) as i64;
        let (below, above) = match side {
            Side::Buy => (far, near),
            Side::Sell => (near, far),
        };
        stock.book.quote(rng, Cents(price.0 - below), Cents(price.0 + above));
        let size = trade_size(rng);
        self.last_id += 1;
        stock.price = price;
        stock.volume += size;
        if stock.trades.len() == TRADES_KEPT {
            stock.trades.pop_front();
        }
        stock.trades.push_back(Trade { id: self.last_id, price, size, side, at });
    }
}

/// Each symbol's share in all trades: 1, 1/2, 1/3 … (Zipf), dealt out by chance.
fn activity(rng: &mut Rng, count: usize) -> Vec<f64> {
    let mut shares: Vec<f64> = (1..=count).map(|rank| 1.0 / rank as f64).collect();
    for last in (1..count).rev() {
        shares.swap(last, rng.index(last + 1));
    }
    shares
}

/// A symbol before its first trade.
fn opening(rng: &mut Rng, listing: Listing, share: f64) -> Stock {
    // Evenly spread over the orders of magnitude from 5.00 to 600.00.
    let price = Cents((500.0 * 120.0_f64.powf(rng.unit())) as i64);
    let overnight = (rng.normal() * 0.012).clamp(-0.06, 0.06);
    let previous_close = Cents((price.0 as f64 * (1.0 + overnight)) as i64);
    let volume = (share * 4_000_000.0 * rng.unit()) as u64 + rng.below(20_000);
    let volatility = 0.0002 + 0.0006 * rng.unit();
    let book = Book::new(rng, Cents(price.0 - 1), Cents(price.0 + 1));
    Stock {
        listing,
        price,
        previous_close,
        volume,
        book,
        trades: VecDeque::with_capacity(TRADES_KEPT),
        volatility,
    }
}

/// The time to the next of independent events that come `rate` times a second.
fn gap(rng: &mut Rng, rate: f64) -> Duration {
    Duration::from_secs_f64(rng.exponential(1.0 / rate).min(1e9))
}

/// Often a round hundred, else an odd lot.
fn trade_size(rng: &mut Rng) -> u64 {
    if rng.chance(0.4) { 100 * (1 + rng.exponential(2.0) as u64) } else { 1 + rng.exponential(60.0) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_769_851_800_000_000);

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn at_rate(seed: u64, rate: f64) -> Sim {
        Sim::new(seed, 50, rate, START)
    }

    /// Trades made after the start that are still kept, oldest first.
    fn made(sim: &Sim) -> Vec<(Trade, usize)> {
        let mut all: Vec<_> = sim
            .stocks()
            .iter()
            .enumerate()
            .flat_map(|(i, stock)| stock.trades.iter().map(move |trade| (*trade, i)))
            .filter(|(trade, _)| trade.at > START)
            .collect();
        all.sort_by_key(|(trade, _)| trade.id);
        all
    }

    #[test]
    fn a_seed_is_one_market() {
        let run = |seed| {
            let mut sim = at_rate(seed, 40.0);
            sim.advance(after(60));
            sim.stocks().to_vec()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn it_does_not_matter_how_the_time_is_cut() {
        let (mut whole, mut cut) = (at_rate(5, 40.0), at_rate(5, 40.0));
        let total = whole.advance(after(30));
        let mut rng = Rng::new(1);
        let (mut now, mut sum) = (START, 0);
        while now < after(30) {
            now = now.plus(Duration::from_micros(rng.below(100_000))).min(after(30));
            sum += cut.advance(now);
        }
        assert_eq!(total, sum);
        assert_eq!(whole.stocks(), cut.stocks());
        assert_eq!(whole.next_at(), cut.next_at());
    }

    #[test]
    fn every_symbol_has_a_history_in_the_past() {
        for rate in [0.0, 0.001, 40.0, 10_000.0] {
            let sim = at_rate(6, rate);
            for stock in sim.stocks() {
                assert_eq!(stock.trades.len(), TRADES_KEPT);
                assert!(stock.last_trade().at <= START);
                assert!(
                    stock
                        .trades
                        .iter()
                        .zip(stock.trades.iter().skip(1))
                        .all(|(a, b)| a.id < b.id && a.at <= b.at)
                );
            }
            assert_eq!(sim.last_id(), 50 * TRADES_KEPT as u64);
        }
    }

    #[test]
    fn prices_stay_sound_through_a_long_day() {
        let mut sim = at_rate(7, 1_000.0);
        for second in 1..=100 {
            sim.advance(after(second));
            for stock in sim.stocks() {
                assert!(stock.price >= LOWEST && stock.price <= HIGHEST);
                assert!(stock.book.bid() <= stock.price && stock.price <= stock.book.ask());
                assert!(stock.book.bid() < stock.book.ask());
                assert!(stock.book.bids.iter().all(|level| level.price.0 > 0));
                assert_eq!(stock.last_trade().price, stock.price);
                assert!(stock.previous_close.0 > 0);
                assert!(stock.trades.len() <= TRADES_KEPT);
                assert!(stock.trades.iter().all(|trade| trade.size > 0));
            }
        }
    }

    #[test]
    fn prices_move_and_nothing_else_does_without_a_trade() {
        let mut sim = at_rate(8, 40.0);
        let before = sim.stocks().to_vec();
        sim.advance(after(5));
        let traded: Vec<usize> = made(&sim).into_iter().map(|(_, index)| index).collect();
        assert!(traded.iter().any(|i| sim.stocks()[*i].price != before[*i].price));
        for (index, stock) in sim.stocks().iter().enumerate() {
            assert_eq!(*stock == before[index], !traded.contains(&index));
        }
    }

    #[test]
    fn trades_come_at_their_rate_and_irregularly() {
        let mut sim = at_rate(9, 40.0);
        let mut gaps = Vec::new();
        let mut last = START;
        while let Some(at) = sim.next_at().filter(|at| *at <= after(500)) {
            assert_eq!(sim.advance(at), 1);
            gaps.push(at.since(last).as_secs_f64());
            last = at;
        }
        // Exponential gaps: the deviation is as large as the mean; a regular beat has none.
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean - 1.0 / 40.0).abs() < 0.001, "{mean}");
        assert!((deviation / mean - 1.0).abs() < 0.05, "{}", deviation / mean);
    }

    #[test]
    fn a_few_symbols_are_much_more_active() {
        let mut sim = at_rate(10, 20.0);
        sim.advance(after(60));
        let mut counts = vec![0; 50];
        for (_, index) in made(&sim) {
            counts[index] += 1;
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        assert!(counts[0] >= 10 * counts[25].max(1), "{counts:?}");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut sim = at_rate(11, 40.0);
        sim.advance(after(10));
        sim.resume(after(3_600));
        assert!(sim.next_at() > Some(after(3_600)));
        let made = sim.advance(after(3_601));
        assert!((1..200).contains(&made), "{made}");
    }

    #[test]
    fn at_rate_zero_the_market_stands_still() {
        let mut sim = at_rate(12, 0.0);
        assert_eq!(sim.next_at(), None);
        assert_eq!(sim.advance(after(3_600)), 0);
    }

    #[test]
    fn symbols_are_found_by_their_ticker() {
        let sim = at_rate(13, 0.0);
        for (index, stock) in sim.stocks().iter().enumerate() {
            assert_eq!(sim.find(&stock.listing.symbol), Some(index));
        }
        assert_eq!(sim.find("nope"), None);
    }
}
