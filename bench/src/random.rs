//! Seeded numbers, so that each run measures the same documents: SplitMix64, which is enough for test data.

/// A sequence that depends on its name only.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a name: another case, another sequence, whatever the order in which cases are built.
    pub(crate) fn named(name: &str) -> Random {
        // FNV-1a; any spread of the names will do.
        Random(
            name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            }),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. The bias of the remainder does not matter here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// One of several.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// `count` different numbers below `bound`, ascending: rows scattered over a document.
    pub(crate) fn scattered(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        for place in 0..count {
            let other = place + self.below(bound - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    /// Words, joined.
    pub(crate) fn words(&mut self, count: usize, joint: &str) -> String {
        (0..count).map(|_| self.pick(WORDS)).collect::<Vec<_>>().join(joint)
    }
}

const WORDS: &[&str] = &[
    "amber", "anchor", "basin", "beacon", "birch", "canal", "cedar", "cliff", "coral", "delta", "drift",
    "ember", "fern", "fjord", "garnet", "glade", "harbor", "hazel", "inlet", "island", "jetty", "juniper",
    "kelp", "lagoon", "lantern", "maple", "marsh", "meadow", "north", "oak", "onyx", "orchard", "pebble",
    "pier", "quarry", "quay", "reef", "river", "sable", "shoal", "slate", "spruce", "strand", "tide",
    "timber", "upland", "vale", "wharf", "willow", "zephyr",
];
