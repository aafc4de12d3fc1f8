//! The companies of the market: distinct names and tickers, invented from a seed.
//!
//! Invariants: a seed and a count give one list; tickers are 3 to 5 letters `A`–`Z`, distinct and in alphabetical
//! order (the order of every list of the API); names are distinct and plain ASCII letters and spaces, so they need
//! no escaping in JSON.

use std::collections::HashSet;

use crate::rng::Rng;

/// The most companies that can be listed: a fifth of the names that can be made, so inventing one stays quick.
pub(crate) const MOST: usize = 5_000;

/// A company and its ticker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) symbol: String,
    pub(crate) name: String,
}

const HEADS: [&str; 40] = [
    "Al", "Bran", "Cal", "Dor", "El", "Fen", "Gar", "Hal", "Ist", "Jor", "Kel", "Lor", "Mar", "Nor", "Or",
    "Pel", "Quin", "Ros", "Sel", "Tor", "Ul", "Ver", "Wil", "Xan", "Yar", "Zel", "Ash", "Bel", "Cor", "Dal",
    "Est", "Fal", "Grim", "Hol", "Iv", "Kas", "Lin", "Mon", "Nev", "Os",
];

const TAILS: [&str; 28] = [
    "ade", "ara", "bourne", "by", "dale", "den", "don", "ell", "en", "er", "field", "ford", "grove", "ham",
    "holm", "ia", "ick", "in", "ley", "low", "mere", "mont", "on", "or", "ova", "ridge", "stead", "wick",
];

const TRADES: [&str; 24] = [
    "Airlines",
    "Bancorp",
    "Chemicals",
    "Energy",
    "Foods",
    "Insurance",
    "Logistics",
    "Marine",
    "Materials",
    "Mining",
    "Motors",
    "Networks",
    "Optics",
    "Paper",
    "Pharma",
    "Power",
    "Railways",
    "Retail",
    "Robotics",
    "Semiconductors",
    "Software",
    "Studios",
    "Textiles",
    "Therapeutics",
];

/// What no ticker spells: it would be all that anyone sees on the board.
const UNLUCKY: [&str; 16] = [
    "ASS", "CUM", "DIE", "DIK", "FAG", "FUK", "GAY", "HOE", "KKK", "NAZ", "NIG", "PIS", "RAP", "SEX", "SHT",
    "TIT",
];

/// Invents `count` companies (at most [`MOST`]), in the order of their tickers.
pub(crate) fn invent(rng: &mut Rng, count: usize) -> Vec<Listing> {
    let mut names = HashSet::new();
    let mut symbols = HashSet::new();
    let mut listings = Vec::with_capacity(count);
    while listings.len() < count.min(MOST) {
        let base = format!("{}{}", rng.pick(&HEADS), rng.pick(&TAILS));
        let trade = rng.pick(&TRADES);
        let name = format!("{base} {trade}");
        if names.insert(name.clone()) {
            let symbol = ticker(rng, &base, trade, &symbols);
            symbols.insert(symbol.clone());
            listings.push(Listing { symbol, name });
        }
    }
    listings.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    listings
}

/// A free ticker that reads like the name; where all such are taken, the name's first letters and chance.
fn ticker(rng: &mut Rng, base: &str, trade: &str, taken: &HashSet<String>) -> String {
    let letters = base.to_ascii_uppercase();
    let consonants: String = letters.chars().filter(|c| !"AEIOU".contains(*c)).collect();
    let initial = trade.chars().next().into_iter();
    let with_initial = |stem: &str| stem.chars().chain(initial.clone()).collect::<String>();
    let start = |len: usize| letters.get(..len).unwrap_or(&letters);
    let fits = |candidate: &str| {
        (3..=5).contains(&candidate.len())
            && !taken.contains(candidate)
            && !UNLUCKY.iter().any(|word| candidate.contains(word))
    };
    let mut candidates = [
        start(3).to_owned(),
        start(4).to_owned(),
        with_initial(start(2)),
        with_initial(start(3)),
        with_initial(start(4)),
        with_initial(&consonants),
        consonants,
    ];
    // Not always the same shape first, or nearly every ticker would have three letters.
    let offset = rng.index(candidates.len());
    candidates.rotate_left(offset);
    for candidate in candidates {
        if fits(&candidate) {
            return candidate;
        }
    }
    loop {
        // 17,576 tickers for each two letters, and at most MOST are taken: this ends soon.
        let mut candidate = start(2).to_owned();
        candidate.extend((0..3).map(|_| char::from(b'A' + rng.below(26) as u8)));
        if fits(&candidate) {
            return candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_distinct_and_in_order() {
        for (seed, count) in [(1, 1), (1, 500), (2, 500), (3, MOST)] {
            let listings = invent(&mut Rng::new(seed), count);
            assert_eq!(listings.len(), count);
            assert!(listings.windows(2).all(|pair| pair[0].symbol < pair[1].symbol));
            let names: HashSet<_> = listings.iter().map(|listing| &listing.name).collect();
            assert_eq!(names.len(), count);
            for Listing { symbol, name } in &listings {
                assert!((3..=5).contains(&symbol.len()), "{symbol}");
                assert!(UNLUCKY.iter().all(|word| !symbol.contains(word)), "{symbol}");
                assert!(symbol.bytes().all(|b| b.is_ascii_uppercase()), "{symbol}");
                assert!(name.bytes().all(|b| b.is_ascii_alphabetic() || b == b' '), "{name}");
            }
        }
    }

    #[test]
    fn a_seed_is_one_list() {
        let list = |seed| invent(&mut Rng::new(seed), 500);
        assert_eq!(list(9), list(9));
        assert_ne!(list(9), list(10));
    }

    #[test]
    fn tickers_have_all_lengths() {
        let listings = invent(&mut Rng::new(1), 500);
        for length in 3..=5 {
            let count = listings.iter().filter(|listing| listing.symbol.len() == length).count();
            assert!(count >= 50, "{count} tickers of {length} letters");
        }
    }
}
