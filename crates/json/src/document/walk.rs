//! Finding values by pointers, many of them in the order of the text.

use super::Document;
use super::tape::{Children, Node};
use crate::Pointer;
use crate::pointer::array_index;

/// Finds values by pointers. Pointers that come in the order of the text cost one walk along the containers on their
/// ways, all together; any other starts its containers over.
pub(crate) struct Walker<'a> {
    document: &'a Document,
    /// The containers on the way of the last pointer, from the root on.
    levels: Vec<Level<'a>>,
}

struct Level<'a> {
    container: u32,
    /// The children behind the last one that was found.
    rest: Children<'a>,
    /// That one, and its place.
    last: Option<(usize, Node)>,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(document: &'a Document) -> Walker<'a> {
        Walker { document, levels: Vec::new() }
    }

    /// The value at a pointer.
    pub(crate) fn find(&mut self, path: &Pointer) -> Option<Node> {
        let document = self.document;
        let mut node = document.root();
        for (depth, token) in path.tokens().enumerate() {
            if node.is_scalar() {
                return None;
            }
            let container = node.container;
            if self.levels.get(depth).is_none_or(|level| level.container != container) {
                self.levels.truncate(depth);
                self.levels.push(Level { container, rest: document.children(container), last: None });
            }
            let level = &mut self.levels[depth];
            node = if document.is_object(container) {
                level.member(document, &token)?
            } else {
                level.element(document, array_index(&token)?)?
            };
        }
        Some(node)
    }
}

impl<'a> Level<'a> {
    fn member(&mut self, document: &'a Document, name: &str) -> Option<Node> {
        if let Some((_, last)) = self.last.filter(|(_, last)| document.has_key(*last, name)) {
            return Some(last);
        }
        let found = self.rest.find(|&member| document.has_key(member, name)).or_else(|| {
            self.rest = document.children(self.container);
            self.rest.find(|&member| document.has_key(member, name))
        })?;
        self.last = Some((0, found));
        Some(found)
    }

    fn element(&mut self, document: &'a Document, index: usize) -> Option<Node> {
        let skip = match self.last {
            Some((place, last)) if place == index => return Some(last),
            Some((place, _)) if place < index => index - place - 1,
            Some(_) => {
                self.rest = document.children(self.container);
                index
            }
            None => index,
        };
        let found = self.rest.nth(skip)?;
        self.last = Some((index, found));
        Some(found)
    }
}
