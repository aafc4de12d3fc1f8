//! Where every value of a text begins, and how the containers enclose each other.
//!
//! An *entry* is a value's beginning or a container's closing bracket, in the order of the text; keys have none, they
//! are found from their values. A *container* is an array or object. When only scalars of a text change, its entries
//! stay the same in number and meaning, and the containers are shared by both versions' tapes.
//!
//! Costs 4 bytes an entry and 20 a container (which has two entries).

use std::sync::Arc;

use crate::search::gallop;

/// Says «no container».
pub(crate) const NONE: u32 = u32::MAX;

/// An array or object, by entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Container {
    /// The entry of its opening bracket.
    pub(crate) open: u32,
    /// The entry of its closing bracket.
    pub(crate) close: u32,
    /// The container around it.
    pub(crate) parent: u32,
    /// How many siblings stand before it.
    pub(crate) ordinal: u32,
    /// The first container after the ones inside it; its own number is one less than its first inner one's.
    pub(crate) next: u32,
}

/// A value in a text: its entry, and its container where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) entry: u32,
    pub(crate) container: u32,
}

impl Node {
    pub(crate) fn is_scalar(self) -> bool {
        self.container == NONE
    }
}

/// The index of one text.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    pub(crate) starts: Arc<Vec<u32>>,
    pub(crate) containers: Arc<Vec<Container>>,
}

impl Tape {
    pub(crate) fn root(&self) -> Node {
        Node { entry: 0, container: if self.containers.is_empty() { NONE } else { 0 } }
    }

    /// The entry after a value and everything in it.
    pub(crate) fn after(&self, node: Node) -> u32 {
        if node.is_scalar() { node.entry + 1 } else { self.containers[node.container as usize].close + 1 }
    }

    /// The number of the first container after a value and everything in it, which the caller says for a scalar.
    fn containers_after(&self, node: Node, before: u32) -> u32 {
        if node.is_scalar() { before } else { self.containers[node.container as usize].next }
    }

    /// The values directly inside a container.
    pub(crate) fn children(&self, container: u32) -> Children<'_> {
        let it = &self.containers[container as usize];
        Children { tape: self, entry: it.open + 1, end: it.close, container: container + 1, last: it.next }
    }

    /// The container that directly holds an entry that is not the root, and how many siblings stand before it.
    ///
    /// `last` is an earlier scalar with its container and place there. Costs a search from there, and a step for each level
    /// that lies between the two.
    pub(crate) fn locate(&self, entry: u32, last: Option<(u32, u32, u32)>) -> (u32, u32) {
        let near = last.map_or(0, |last| last.1);
        let opened = gallop(&self.containers, near as usize, |container| container.open < entry);
        if let Some((before, container, ordinal)) = last
            && self.containers[opened - 1].open < before
            && entry < self.containers[container as usize].close
        {
            // Only scalars, one entry each, stand between the two.
            return (container, ordinal + (entry - before));
        }
        let mut container = opened as u32 - 1;
        let mut before = None;
        loop {
            let it = &self.containers[container as usize];
            if it.close >= entry {
                let ordinal = match before {
                    // Only scalars, one entry each, stand between the last container and this entry.
                    Some((ordinal, close)) => ordinal + (entry - close),
                    None => entry - it.open - 1,
                };
                return (container, ordinal);
            }
            before = Some((it.ordinal, it.close));
            container = it.parent;
        }
    }

    /// Bytes of memory, beside the text's.
    pub(crate) fn memory(&self) -> usize {
        self.starts.capacity() * size_of::<u32>() + self.containers.capacity() * size_of::<Container>()
    }
}

/// The values directly inside a container, in order.
#[derive(Clone)]
pub(crate) struct Children<'a> {
    tape: &'a Tape,
    entry: u32,
    end: u32,
    container: u32,
    last: u32,
}

impl Iterator for Children<'_> {
    type Item = Node;

    #[inline(always)]
    fn next(&mut self) -> Option<Node> {
        if self.entry >= self.end {
            return None;
        }
        let is_container =
            self.container < self.last && self.tape.containers[self.container as usize].open == self.entry;
        let node = Node { entry: self.entry, container: if is_container { self.container } else { NONE } };
        self.entry = self.tape.after(node);
        self.container = self.tape.containers_after(node, self.container);
        Some(node)
    }
}
