//! How an older text is made of a newer one: what keeping many versions costs is what changed between them.
//!
//! Invariant: a delta is made for two texts and gives exactly the older one back from the newer one; it is checked when
//! it is made.

use bytes::Bytes;

/// How an older text is made of the newer one that it was checked with.
#[derive(Debug, Clone)]
pub struct Delta {
    pieces: Vec<Piece>,
    /// The bytes that the newer text does not have, all after one another.
    literals: Bytes,
}

/// A part of the newer text, then some literal bytes.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: u32,
    len: u32,
    literal: u32,
}

/// Bytes that both texts have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) older: u32,
    pub(crate) newer: u32,
    pub(crate) len: u32,
}

impl Delta {
    /// The delta for texts that share these parts; none where it would not be smaller than the older text. Parts that
    /// overlap in the older text are used once.
    pub(crate) fn of(older: &[u8], newer: &[u8], mut shared: Vec<Shared>) -> Option<Delta> {
        shared.sort_unstable_by_key(|part| part.older);
        let mut delta = Builder { pieces: Vec::with_capacity(shared.len() + 1), literals: Vec::new() };
        let mut at = 0;
        for part in shared {
            let (from, end) = ((part.older as usize).max(at), (part.older + part.len) as usize);
            if end <= from {
                continue;
            }
            let start = part.newer as usize + (from - part.older as usize);
            if older.get(from..end)? != newer.get(start..start + (end - from))? {
                return None;
            }
            delta.literal(&older[at..from]);
            delta.pieces.push(Piece { start: start as u32, len: (end - from) as u32, literal: 0 });
            at = end;
        }
        delta.literal(&older[at..]);
        let delta = Delta { pieces: delta.pieces, literals: Bytes::from(delta.literals.into_boxed_slice()) };
        (delta.memory() < older.len()).then_some(delta)
    }

    /// Bytes that it takes to keep.
    pub fn memory(&self) -> usize {
        self.pieces.capacity() * size_of::<Piece>() + self.literals.len()
    }
}

struct Builder {
    pieces: Vec<Piece>,
    literals: Vec<u8>,
}

impl Builder {
    fn literal(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(piece) => piece.literal += bytes.len() as u32,
            None => self.pieces.push(Piece { start: 0, len: 0, literal: bytes.len() as u32 }),
        }
        self.literals.extend_from_slice(bytes);
    }
}

/// A text in parts that lie elsewhere: the newest of a row of versions, taken back one version after another.
#[derive(Debug, Clone)]
pub struct Rewound<'a> {
    parts: Vec<&'a [u8]>,
    /// Where each part ends in the text.
    ends: Vec<usize>,
}

impl<'a> Rewound<'a> {
    /// A text that is not taken back yet.
    pub fn new(text: &'a [u8]) -> Rewound<'a> {
        Rewound { parts: vec![text], ends: vec![text.len()] }
    }

    /// Takes the text back to the version before. Costs the parts that the text is in, and
    /// the pieces of the delta.
    pub fn back(&self, delta: &'a Delta) -> Rewound<'a> {
        let mut rewound = Rewound { parts: Vec::new(), ends: Vec::new() };
        let mut literals = &delta.literals[..];
        for piece in &delta.pieces {
            self.copy_to(&mut rewound, piece.start as usize, (piece.start + piece.len) as usize);
            let (literal, rest) = literals.split_at((piece.literal as usize).min(literals.len()));
            rewound.push(literal);
            literals = rest;
        }
        rewound
    }

    /// The text.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.parts.concat())
    }

    fn copy_to(&self, other: &mut Rewound<'a>, mut from: usize, to: usize) {
        let mut part = self.ends.partition_point(|&end| end <= from);
        while from < to && part < self.parts.len() {
            let bytes = self.parts[part];
            let start = self.ends[part] - bytes.len();
            let end = to.min(self.ends[part]);
            other.push(&bytes[from - start..end - start]);
            from = end;
            part += 1;
        }
    }

    fn push(&mut self, bytes: &'a [u8]) {
        if !bytes.is_empty() {
            self.parts.push(bytes);
            self.ends.push(self.ends.last().copied().unwrap_or(0) + bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(parts: &[(u32, u32, u32)]) -> Vec<Shared> {
        parts.iter().map(|&(older, newer, len)| Shared { older, newer, len }).collect()
    }

    const FILLER: &str =
        "a text that is long enough for a delta to be smaller than all of it, even with its pieces";

    #[test]
    fn an_older_text_comes_back() {
        let older = format!("[1,{FILLER},22,3]");
        let newer = format!("[17,{FILLER},2,3,4]");
        let length = FILLER.len() as u32;
        let delta = Delta::of(older.as_bytes(), newer.as_bytes(), shared(&[(2, 3, length + 2), (0, 0, 2)]));
        let delta = delta.expect("it is smaller");
        assert_eq!(Rewound::new(newer.as_bytes()).back(&delta).to_bytes(), older);
        assert!(delta.memory() < older.len());
    }

    #[test]
    fn several_steps_back_are_one_text() {
        let texts: Vec<String> = (0..6).map(|n| format!("{n}{FILLER}{}{FILLER}", n * n)).collect();
        let deltas: Vec<Delta> = texts
            .windows(2)
            .map(|pair| {
                let length = FILLER.len() as u32;
                let second = |text: &str| text.len() as u32 - length;
                let parts = [(1, 1, length), (second(&pair[0]), second(&pair[1]), length)];
                Delta::of(pair[0].as_bytes(), pair[1].as_bytes(), shared(&parts)).expect("it is smaller")
            })
            .collect();
        let mut rewound = Rewound::new(texts[5].as_bytes());
        for at in (0..5).rev() {
            rewound = rewound.back(&deltas[at]);
            assert_eq!(rewound.to_bytes(), texts[at]);
        }
    }

    #[test]
    fn what_is_not_true_or_does_not_pay_is_refused() {
        assert!(Delta::of(b"abcdef", b"abcdef", shared(&[(0, 0, 6)])).is_none(), "too small to pay");
        let (older, newer) = (format!("x{FILLER}"), format!("y{FILLER}"));
        assert!(
            Delta::of(older.as_bytes(), newer.as_bytes(), shared(&[(0, 0, 20)])).is_none(),
            "not the same"
        );
        assert!(Delta::of(older.as_bytes(), newer.as_bytes(), shared(&[(1, 1, 200)])).is_none(), "not there");
        assert!(Delta::of(older.as_bytes(), newer.as_bytes(), Vec::new()).is_none(), "nothing shared");
        let overlapping = shared(&[(1, 1, 60), (20, 20, 65), (30, 30, 10)]);
        let delta = Delta::of(older.as_bytes(), newer.as_bytes(), overlapping).expect("it is smaller");
        assert_eq!(Rewound::new(newer.as_bytes()).back(&delta).to_bytes(), older);
    }
}
