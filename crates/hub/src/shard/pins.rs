//! What unfinished writes keep in memory.
//!
//! A connection that stalls in the middle of a frame holds that frame, and with it the version that it belongs to,
//! for as long as it likes. Frames are shared, so they are counted once however many connections stand in them; what
//! they take together has a budget.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// Names an unfinished write; later ones have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pin(u64);

/// A shared frame, by the place of its bytes: they stay there while anybody holds them.
type Place = (usize, usize);

fn place(frame: &Bytes) -> Place {
    (frame.as_ptr() as usize, frame.len())
}

/// The unfinished writes of a shard, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pins {
    next: u64,
    holders: BTreeMap<Pin, (usize, Place)>,
    frames: HashMap<Place, usize>,
    bytes: usize,
}

impl Pins {
    /// `holder` stands in the middle of `frame`.
    pub(super) fn hold(&mut self, holder: usize, frame: &Bytes) -> Pin {
        self.next += 1;
        let (pin, place) = (Pin(self.next), place(frame));
        self.holders.insert(pin, (holder, place));
        let count = self.frames.entry(place).or_default();
        if *count == 0 {
            self.bytes += frame.len();
        }
        *count += 1;
        pin
    }

    /// It does not any more.
    pub(super) fn release(&mut self, pin: Pin) {
        let Some((_, place)) = self.holders.remove(&pin) else { return };
        let Some(count) = self.frames.get_mut(&place) else { return };
        *count -= 1;
        if *count == 0 {
            self.frames.remove(&place);
            self.bytes -= place.1;
        }
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frames kept.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Who has held on for longest.
    pub(super) fn oldest(&self) -> Option<usize> {
        self.holders.first_key_value().map(|(_, (holder, _))| *holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_once_and_until_its_last_holder_lets_go() {
        let mut pins = Pins::default();
        let (one, two) = (Bytes::from(vec![1; 10]), Bytes::from(vec![2; 5]));
        let first = pins.hold(7, &one);
        let second = pins.hold(8, &one.clone());
        let third = pins.hold(9, &two);
        assert_eq!((pins.bytes(), pins.frames(), pins.oldest()), (15, 2, Some(7)));
        pins.release(first);
        assert_eq!((pins.bytes(), pins.oldest()), (15, Some(8)));
        pins.release(second);
        assert_eq!((pins.bytes(), pins.oldest()), (5, Some(9)));
        pins.release(second);
        pins.release(third);
        assert_eq!((pins.bytes(), pins.oldest()), (0, None));
    }
}
