//! The changes: what happens to a document between one answer of an API and the next.

use crate::documents::Kind;
use crate::node::Node;
use crate::random::Random;

/// What happens to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: the same text in another buffer.
    None,
    /// One value changes in place.
    OneValue,
    /// The ticking values of so many hundredths of the rows change in place, scattered.
    Rows(usize),
    /// A new row comes first.
    InsertHead,
    /// One row goes to another place.
    MoveRow,
    /// A new row comes first and the last one goes: a page of the newest.
    Window,
    /// All values change; what identifies rows stays.
    Renewal,
    /// The rows are in the opposite order.
    Reversed,
}

/// All changes, in the order of tables.
pub(crate) const CHANGES: &[Change] = &[
    Change::None,
    Change::OneValue,
    Change::Rows(1),
    Change::Rows(5),
    Change::Rows(10),
    Change::InsertHead,
    Change::MoveRow,
    Change::Window,
    Change::Renewal,
    Change::Reversed,
];

impl Change {
    /// What tables call it.
    pub(crate) fn name(self) -> String {
        match self {
            Change::None => "none".into(),
            Change::OneValue => "one value".into(),
            Change::Rows(percent) => format!("{percent}% of rows"),
            Change::InsertHead => "insert at head".into(),
            Change::MoveRow => "move a row".into(),
            Change::Window => "window".into(),
            Change::Renewal => "full renewal".into(),
            Change::Reversed => "reversed".into(),
        }
    }

    /// Whether only scalars change, in their places, and most of the text stays.
    pub(crate) fn is_scalar(self) -> bool {
        matches!(self, Change::None | Change::OneValue | Change::Rows(_))
    }

    /// The document after the change, or nothing where the change has no meaning for the kind.
    pub(crate) fn after(self, kind: &Kind, before: &Node, random: &mut Random) -> Option<Node> {
        let mut after = before.clone();
        if kind.rows.is_empty() {
            self.change_members(kind, &mut after, random)?;
        } else {
            self.change_rows(kind, &mut after, random);
        }
        if let Some(stamp) = kind.stamp
            && !matches!(self, Change::None | Change::OneValue)
            && let Some(stamp) = after.child_mut(stamp)
        {
            stamp.renew(random);
        }
        Some(after)
    }

    fn change_rows(self, kind: &Kind, document: &mut Node, random: &mut Random) {
        let main = kind.rows[0];
        match self {
            Change::None => {}
            Change::OneValue => {
                let rows = rows_at(document, main);
                let middle = rows.len() / 2;
                tick(&mut rows[middle], &kind.ticking[..1], random);
            }
            Change::Rows(percent) => {
                for path in kind.rows {
                    let rows = rows_at(document, path);
                    let count = (rows.len() * percent).div_ceil(100);
                    for row in random.scattered(count, rows.len()) {
                        tick(&mut rows[row], kind.ticking, random);
                    }
                }
            }
            Change::InsertHead => rows_at(document, main).insert(0, (kind.row)(random)),
            Change::MoveRow => {
                let rows = rows_at(document, main);
                let row = rows.remove(rows.len() * 3 / 4);
                rows.insert(rows.len() / 4, row);
            }
            Change::Window => {
                let rows = rows_at(document, main);
                rows.pop();
                rows.insert(0, (kind.row)(random));
            }
            Change::Renewal => {
                for path in kind.rows {
                    for row in rows_at(document, path) {
                        row.scalars_mut(kind.fixed, &mut |scalar| scalar.renew(random));
                    }
                }
            }
            Change::Reversed => rows_at(document, main).reverse(),
        }
    }

    /// The same for a document without rows: its settings tick, and its sections come, go and move.
    fn change_members(self, kind: &Kind, document: &mut Node, random: &mut Random) -> Option<()> {
        let mut scalars = Vec::new();
        match self {
            Change::None => {}
            Change::OneValue | Change::Rows(_) | Change::Renewal => {
                document.scalars_mut(&[], &mut |scalar| scalars.push(scalar));
                let count = match self {
                    Change::OneValue => 1,
                    Change::Rows(percent) => (scalars.len() * percent).div_ceil(100),
                    _ => scalars.len(),
                };
                for index in random.scattered(count, scalars.len()) {
                    scalars[index].renew(random);
                }
            }
            Change::InsertHead => add_section(deep(document, 4), kind, random),
            Change::Window => {
                let section = deep(document, 4);
                section.remove(0);
                add_section(section, kind, random);
            }
            Change::MoveRow => {
                let (name, section) = deep(document, 4).remove(0);
                // A name that is surely free where it goes.
                deep(document, 0).push((format!("{name}_moved"), section));
            }
            // The order of members means nothing.
            Change::Reversed => return None,
        }
        Some(())
    }
}

fn rows_at<'a>(document: &'a mut Node, path: &[&str]) -> &'a mut Vec<Node> {
    document.at_mut(path).and_then(Node::elements_mut).expect("a kind's rows are arrays")
}

fn tick(row: &mut Node, paths: &[&[&str]], random: &mut Random) {
    for path in paths {
        row.at_mut(path).expect("a row has what ticks in it").renew(random);
    }
}

/// The members of the first section so many levels down.
fn deep(document: &mut Node, levels: usize) -> &mut Vec<(String, Node)> {
    let Node::Object(members) = document else { unreachable!("sections are objects") };
    match levels {
        0 => members,
        _ => deep(&mut members[0].1, levels - 1),
    }
}

fn add_section(members: &mut Vec<(String, Node)>, kind: &Kind, random: &mut Random) {
    let name = format!("{}_added_{}", random.words(1, ""), random.below(1_000));
    members.insert(0, (name, (kind.row)(random)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::KINDS;

    /// How many rows differ in place, and how many there are, before and after.
    fn compare(kind: &Kind, before: &mut Node, after: &mut Node) -> (usize, usize, usize) {
        let rows = |node: &mut Node| node.at_mut(kind.rows[0]).and_then(Node::elements_mut).cloned().unwrap();
        let (before, after) = (rows(before), rows(after));
        let differ = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        (differ, before.len(), after.len())
    }

    #[test]
    fn changes_do_what_they_say() {
        // The largest document takes the same way through the code and only longer.
        for kind in KINDS.iter().filter(|kind| !kind.rows.is_empty() && kind.about_bytes < 1_000_000) {
            let mut before = (kind.build)(&mut Random::named(kind.name));
            for &change in CHANGES {
                let mut after = change.after(kind, &before, &mut Random::named("a change")).unwrap();
                let (differ, old, new) = compare(kind, &mut before, &mut after);
                let right = match change {
                    Change::None => differ == 0 && before == after,
                    Change::OneValue => differ == 1 && new == old,
                    Change::Rows(percent) => differ == (old * percent).div_ceil(100) && new == old,
                    Change::InsertHead => new == old + 1,
                    Change::MoveRow => new == old && differ > old / 3 && differ < old * 2 / 3,
                    Change::Window => new == old && differ > old / 2,
                    Change::Renewal => differ == old && new == old,
                    Change::Reversed => new == old && differ > old / 2,
                };
                assert!(right, "{}, {}: {differ} of {old} rows differ, now {new}", kind.name, change.name());
            }
        }
    }

    #[test]
    fn a_document_without_rows_changes_its_members() {
        let kind = KINDS.iter().find(|kind| kind.rows.is_empty()).unwrap();
        let before = (kind.build)(&mut Random::named(kind.name));
        for &change in CHANGES {
            let after = change.after(kind, &before, &mut Random::named("a change"));
            match change {
                Change::None => assert!(after == Some(before.clone())),
                Change::Reversed => assert!(after.is_none()),
                _ => assert!(after.is_some_and(|after| after != before), "{}", change.name()),
            }
        }
    }
}
