//! Keys of one object: whether two of them are the same.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::strings;

/// A key in a text, with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeySpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) escaped: bool,
}

impl KeySpan {
    pub(crate) fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// Up to this many keys are compared each with each.
const FEW: usize = 12;

/// The first key in the text that stands before it already.
///
/// Few keys are compared, many are sorted: n log n whatever they are, so that no choice of keys makes it slow.
pub(crate) fn second_of_twins(bytes: &[u8], keys: &[KeySpan]) -> Option<KeySpan> {
    if keys.iter().any(|key| key.escaped) {
        let decoded: Vec<_> = keys
            .iter()
            .map(|key| {
                let text = key.text(bytes);
                strings::decode(&text[1..text.len() - 1]).into_owned()
            })
            .collect();
        return twins(keys.len(), |at| decoded[at].as_bytes()).map(|at| keys[at]);
    }
    if keys.len() <= FEW {
        let twin = |at: usize| {
            let text = keys[at].text(bytes);
            keys[..at]
                .iter()
                .any(|other| other.end - other.start == text.len() as u32 && other.text(bytes) == text)
        };
        return (1..keys.len()).find(|&at| twin(at)).map(|at| keys[at]);
    }
    twins(keys.len(), |at| keys[at].text(bytes)).map(|at| keys[at])
}

/// By hashes, which are short to sort; keys with equal hashes by their texts.
fn twins<'a>(count: usize, text: impl Fn(usize) -> &'a [u8]) -> Option<usize> {
    let mut order: Vec<(u64, u32)> = (0..count).map(|at| (hash(text(at)), at as u32)).collect();
    order.sort_unstable();
    let mut first: Option<usize> = None;
    for group in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let text = |at: u32| text(at as usize);
        group.sort_unstable_by(|a, b| text(a.1).cmp(text(b.1)).then(a.1.cmp(&b.1)));
        let twins = group.windows(2).filter(|pair| text(pair[0].1) == text(pair[1].1));
        let second = twins.map(|pair| pair[1].1 as usize).min();
        first = [first, second].into_iter().flatten().min();
    }
    first
}

/// Equal texts have equal hashes. The seed is fixed, so that diffs are reproducible: nothing may depend on hashes being
/// hard to make equal.
pub(crate) fn hash(text: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(text);
    hasher.finish()
}
