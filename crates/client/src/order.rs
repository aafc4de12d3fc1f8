//! What an id says about the order of events, for clients that meet proxies which repeat or reorder them.
//!
//! Positions are opaque: nothing may be asked of a gateway by making one up. What the protocol does promise is that
//! within an epoch offsets only grow (its second invariant), and so two positions that look like a gateway's can be
//! compared. Of anything else nothing is said.

use tidegate_core::Position;

/// Whether `position` is older than `than`, as far as can be told.
pub(crate) fn is_behind(position: &str, than: &str) -> bool {
    match (position.parse::<Position>(), than.parse::<Position>()) {
        (Ok(a), Ok(b)) => (a.epoch, a.binding) == (b.epoch, b.binding) && a.offset < b.offset,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positions_of_one_lineage_compare() {
        let at = |offset| format!("0000000000001.{offset}.0000007");
        assert!(is_behind(&at(9), &at(10)));
        assert!(!is_behind(&at(10), &at(10)) && !is_behind(&at(11), &at(10)));
        assert!(!is_behind("0000000000002.9.0000007", &at(10)));
        assert!(!is_behind("0000000000001.9.0000008", &at(10)));
        assert!(!is_behind("a.1", "a.2") && !is_behind(&at(1), "a.2"));
    }
}
