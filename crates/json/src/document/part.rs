//! Documents made of parts of others: a value's own, and the array of some values.
//!
//! Their indexes are copied with the places shifted, not scanned again; only texts with white space are.

use bytes::Bytes;

use super::Document;
use super::scan;
use super::tape::{Container, NONE, Node, Tape};
use crate::compact;

impl Document {
    /// The document of the value at a node. It shares no memory with this one, unless it is the whole.
    pub(crate) fn part(&self, node: Node) -> Document {
        if node.entry == 0 {
            return self.clone();
        }
        let mut index = Index::default();
        let text = self.span(node);
        if !self.is_compact() {
            return self.made(compact(text).into_owned(), index, self.depth);
        }
        index.copy(self, node, 0, NONE, 0);
        self.made(text.to_vec(), index, self.depth)
    }

    /// The document of a text without white space that was put together of parts of this one's.
    fn made(&self, body: Vec<u8>, index: Index, depth: usize) -> Document {
        let body = Bytes::from(body);
        if self.is_compact() {
            let compact_len = body.len();
            return Document { body, tape: index.into_tape(), compact_len, depth };
        }
        let scanned = scan::scan(&body, usize::MAX, None);
        Document::of(body, scanned.expect("parts of a document, put together as an array, are a document"))
    }
}

/// An index as it grows.
#[derive(Default)]
struct Index {
    starts: Vec<u32>,
    containers: Vec<Container>,
}

impl Index {
    /// Copies that of a value, which comes to stand at this place of the text, in this container.
    fn copy(&mut self, document: &Document, node: Node, place: usize, parent: u32, ordinal: u32) {
        let (first, last) = document.extent(node);
        let entry = self.starts.len() as u32;
        let start = document.tape.starts[first as usize];
        let starts = &document.tape.starts[first as usize..=last as usize];
        self.starts.extend(starts.iter().map(|it| it - start + place as u32));
        if node.is_scalar() {
            return;
        }
        let (outer, number) = (node.container, self.containers.len() as u32);
        let next = document.tape.containers[outer as usize].next;
        let inner = &document.tape.containers[outer as usize..next as usize];
        self.containers.extend(inner.iter().map(|it| Container {
            open: it.open - first + entry,
            close: it.close - first + entry,
            // The outermost one's is set below.
            parent: it.parent.wrapping_sub(outer).wrapping_add(number),
            ordinal: it.ordinal,
            next: it.next - outer + number,
        }));
        let outermost = &mut self.containers[number as usize];
        (outermost.parent, outermost.ordinal) = (parent, ordinal);
    }

    fn into_tape(self) -> Tape {
        Tape { starts: self.starts.into(), containers: self.containers.into() }
    }
}

/// The array of some values of a document, as it grows.
pub(crate) struct Gathered<'a> {
    document: &'a Document,
    body: Vec<u8>,
    index: Index,
    count: u32,
    most: usize,
}

/// The array would be longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl<'a> Gathered<'a> {
    /// An array of up to this many bytes.
    pub(crate) fn new(document: &'a Document, most: usize) -> Gathered<'a> {
        let root = Container { open: 0, close: 0, parent: NONE, ordinal: 0, next: 0 };
        let index = Index { starts: vec![0], containers: vec![root] };
        // Places in a text have 32 bits.
        let most = most.min(u32::MAX as usize);
        Gathered { document, body: vec![b'['], index, count: 0, most }
    }

    /// Appends a value.
    pub(crate) fn push(&mut self, node: Node) -> Result<(), Full> {
        let text = self.document.span(node);
        let is_compact = self.document.is_compact();
        let text = if is_compact { text.into() } else { compact(text) };
        let comma = usize::from(self.count > 0);
        if self.body.len() + comma + text.len() + 1 > self.most {
            return Err(Full);
        }
        if self.count > 0 {
            self.body.push(b',');
        }
        if is_compact {
            self.index.copy(self.document, node, self.body.len(), 0, self.count);
        }
        self.body.extend_from_slice(&text);
        self.count += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Document {
        let (entries, containers) = (self.index.starts.len() as u32, self.index.containers.len() as u32);
        self.index.starts.push(self.body.len() as u32);
        let root = &mut self.index.containers[0];
        (root.close, root.next) = (entries, containers);
        self.body.push(b']');
        self.document.made(self.body, self.index, self.document.depth + 1)
    }
}
