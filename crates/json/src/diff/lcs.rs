//! The sequence algorithms: a longest common subsequence within a bound, and a longest increasing one.

/// Pairs of equal places, increasing on both sides and as many as possible (Myers, *An O(ND) Difference
/// Algorithm*, 1986); none when finding them takes more than `budget` steps. What was used is taken off `budget`.
///
/// Costs (n + m) × d steps for d differences, and memory for half of the steps.
pub(crate) fn common(old: &[u64], new: &[u64], budget: &mut usize) -> Option<Vec<(usize, usize)>> {
    let most = old.len() + new.len();
    // furthest[k + 1] is the furthest place in `old` that was reached on the diagonal that `k` counts from the
    // lowest of the round, `-d`; before[d] is that table as round d found it.
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut furthest: Vec<usize> = Vec::new();
    for differences in 0..=most {
        let mut reached = Vec::with_capacity(differences + 1);
        for step in 0..=differences {
            let mut x = start(&furthest, differences, step);
            // The diagonal is x − y = 2·step − differences.
            let mut y = x + differences - 2 * step;
            *budget = budget.checked_sub(1)?;
            while x < old.len() && y < new.len() && old[x] == new[y] {
                *budget = budget.checked_sub(1)?;
                x += 1;
                y += 1;
            }
            reached.push(x);
            if x == old.len() && y == new.len() {
                before.push(furthest);
                return Some(trace(&before, old.len(), step));
            }
        }
        before.push(std::mem::replace(&mut furthest, reached));
    }
    // Deleting everything and inserting everything is `most` differences, so that round ends at the end.
    None
}

/// Where a round begins on its `step`-th diagonal from below, after one difference more than the round before
/// (`furthest`, one diagonal fewer): an insertion keeps the place in `old`, a deletion goes one on.
fn start(furthest: &[usize], differences: usize, step: usize) -> usize {
    if differences == 0 {
        0
    } else if is_insertion(furthest, differences, step) {
        furthest[step]
    } else {
        furthest[step - 1] + 1
    }
}

/// In the round before, the diagonal above is the `step`-th and the one below is the one before it.
fn is_insertion(furthest: &[usize], differences: usize, step: usize) -> bool {
    step == 0 || (step != differences && furthest[step - 1] < furthest[step])
}

/// Walks the rounds back from the end, and collects the diagonal steps.
fn trace(before: &[Vec<usize>], end: usize, mut step: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut x = end;
    for (differences, furthest) in before.iter().enumerate().rev() {
        let from = start(furthest, differences, step);
        while x > from {
            x -= 1;
            pairs.push((x, x + differences - 2 * step));
        }
        if differences > 0 && !is_insertion(furthest, differences, step) {
            step -= 1;
            x = from - 1;
        }
    }
    pairs.reverse();
    pairs
}

/// The places of a longest strictly increasing subsequence. Costs n log n, and only n for what is in order already.
pub(super) fn increasing(sequence: &[usize]) -> Vec<usize> {
    // tails[l] is the smallest value that ends an increasing subsequence of l + 1 values, with its place.
    let mut tails: Vec<(usize, u32)> = Vec::with_capacity(sequence.len());
    let mut previous: Vec<u32> = Vec::with_capacity(sequence.len());
    for (place, &value) in sequence.iter().enumerate() {
        let length = match tails.last() {
            Some(&(last, _)) if last < value => tails.len(),
            _ => tails.partition_point(|&(tail, _)| tail < value),
        };
        previous.push(length.checked_sub(1).map_or(u32::MAX, |shorter| tails[shorter].1));
        let tail = (value, place as u32);
        if length == tails.len() {
            tails.push(tail);
        } else {
            tails[length] = tail;
        }
    }
    let mut places = Vec::with_capacity(tails.len());
    let mut at = tails.last().map_or(u32::MAX, |&(_, place)| place);
    while let Some(&before) = previous.get(at as usize) {
        places.push(at as usize);
        at = before;
    }
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The textbook's table: slow, and plainly right.
    fn longest_common(old: &[u64], new: &[u64]) -> usize {
        let mut row = vec![0; new.len() + 1];
        for a in old {
            let mut diagonal = 0;
            for (place, b) in new.iter().enumerate() {
                let best = if a == b { diagonal + 1 } else { row[place].max(row[place + 1]) };
                diagonal = std::mem::replace(&mut row[place + 1], best);
            }
        }
        row[new.len()]
    }

    #[test]
    fn the_budget_ends_the_search() {
        let (old, new): (Vec<u64>, Vec<u64>) = ((0..1000).collect(), (1000..2000).collect());
        let mut budget = 10_000;
        assert_eq!(common(&old, &new, &mut budget), None);
        let mut budget = 1_000;
        assert_eq!(common(&old, &old, &mut budget), None);
        let mut budget = 1_001;
        assert_eq!(common(&old, &old, &mut budget).map(|pairs| pairs.len()), Some(1000));
        assert_eq!(budget, 0);
    }

    proptest! {
        #[test]
        fn common_is_common_and_longest(old in prop::collection::vec(0..5u64, 0..30), new in prop::collection::vec(0..5u64, 0..30)) {
            let pairs = common(&old, &new, &mut 100_000).expect("within the budget");
            prop_assert!(pairs.iter().all(|&(x, y)| old[x] == new[y]));
            prop_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
            prop_assert_eq!(pairs.len(), longest_common(&old, &new));
        }

        #[test]
        fn increasing_is_increasing_and_longest(sequence in prop::collection::vec(0..40usize, 0..40)) {
            let places = increasing(&sequence);
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1] && sequence[pair[0]] < sequence[pair[1]]));
            let values: Vec<u64> = sequence.iter().map(|&value| value as u64).collect();
            let sorted: Vec<u64> = (0..40).collect();
            prop_assert_eq!(places.len(), longest_common(&values, &sorted));
        }
    }
}
