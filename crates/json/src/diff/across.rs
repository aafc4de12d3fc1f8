//! Values that move from one container to another: a card from one list to the next, a subtree to another key.
//!
//! The walk over two documents sees such a value vanish in one place and appear in another. Where both are the same, the
//! value is moved first, and the document after that move is compared instead; what is shorter is kept.

use bytes::Bytes;

use super::{Differ, patch_within};
use crate::document::Document;
use crate::document::follow::Taken;
use crate::document::tape::{NONE, Node};
use crate::identities::Identities;
use crate::keys::hash;
use crate::overlay::Overlay;
use crate::{concatenate, prove};

/// Values shorter than this are not worth finding: a move needs two paths.
const WORTH_MOVING: usize = 24;

/// How many values are moved so in one patch; each costs a comparison of the documents.
pub(super) const MOST: usize = 8;

/// How many values on each side are looked at.
const LOOKED_AT: usize = 4096;

/// What vanished and appeared while two documents were compared.
#[derive(Default)]
pub(super) struct Strays {
    gone: Vec<Node>,
    come: Vec<Come>,
}

/// A value that appeared.
struct Come {
    node: Node,
    /// The container of the old document that it appears in, and its place there.
    container: u32,
    ordinal: usize,
}

/// A state of the strays to go back to.
#[derive(Clone, Copy)]
pub(super) struct StraysMark(usize, usize);

impl Strays {
    pub(super) fn mark(&self) -> StraysMark {
        StraysMark(self.gone.len(), self.come.len())
    }

    pub(super) fn rewind(&mut self, mark: StraysMark) {
        self.gone.truncate(mark.0);
        self.come.truncate(mark.1);
    }
}

impl Differ<'_> {
    /// Takes note of a value that vanishes from its container.
    pub(super) fn goes(&mut self, node: Node) {
        if self.strays.gone.len() < LOOKED_AT && self.old.end(node) - self.old.start(node) >= WORTH_MOVING {
            self.strays.gone.push(node);
        }
    }

    /// Takes note of a value that appears in what was this container of the old document.
    pub(super) fn comes(&mut self, node: Node, container: u32, ordinal: usize) {
        if self.strays.come.len() < LOOKED_AT && self.new.end(node) - self.new.start(node) >= WORTH_MOVING {
            self.strays.come.push(Come { node, container, ordinal });
        }
    }
}

/// A shorter patch than `found`, which moves one of the strays first; none where there is none.
pub(super) fn moved_first(
    old: &Document,
    new: &Document,
    strays: &Strays,
    identities: &Identities,
    found: &Bytes,
    left: usize,
) -> Option<Bytes> {
    let (gone, come) = pair(old, new, strays)?;
    let operation = move_operation(old, gone, new, come)?;
    // The move is applied like any patch; what is not possible is not done.
    let parsed = prove::parse(&operation).ok()?;
    let text = Overlay::of(old, &parsed).ok()?.to_text();
    let (between, _) = Document::following(old, text.into(), usize::MAX).ok()?;
    let (new, taken): (Document, Vec<Taken>) =
        Document::following(&between, new.body().clone(), usize::MAX).ok()?;
    let rest = patch_within(&between, &new, taken, identities, left);
    let whole = concatenate(&[operation, rest]);
    (whole.len() < found.len()).then_some(whole)
}

/// A value that vanished, and the same where it appeared.
fn pair<'a>(old: &Document, new: &Document, strays: &'a Strays) -> Option<(Node, &'a Come)> {
    if strays.gone.is_empty() || strays.come.is_empty() {
        return None;
    }
    let mut gone: Vec<(u64, Node)> = strays.gone.iter().map(|&node| (hash(old.span(node)), node)).collect();
    gone.sort_unstable_by_key(|it| it.0);
    strays.come.iter().find_map(|come| {
        let text = new.span(come.node);
        let wanted = hash(text);
        let from = gone.partition_point(|it| it.0 < wanted);
        let same = gone.get(from).filter(|it| it.0 == wanted && old.span(it.1) == text)?;
        let source = old.tape().locate(same.1.entry, None).0;
        let target = old.tape().containers[come.container as usize].open;
        let is_inside = |(first, last): (u32, u32)| (first..=last).contains(&target);
        let encloses = |container: u32| {
            let it = &old.tape().containers[container as usize];
            is_inside((it.open, it.close))
        };
        // Taken out of an array around its target, it would shift the target's own index. Within one container the walk
        // has found it already, or could not.
        let shifts = !old.is_object(source) && encloses(source);
        (!shifts && source != come.container && !is_inside(old.extent(same.1))).then_some((same.1, come))
    })
}

fn move_operation(old: &Document, gone: Node, new: &Document, come: &Come) -> Option<Bytes> {
    let from = pointer_to(old, gone.entry);
    let container = old.tape().containers[come.container as usize].open;
    let mut path = pointer_to(old, container);
    if old.is_object(come.container) {
        if old.member(come.container, new.key(come.node).as_bytes()).is_some() {
            return None;
        }
        push_key(&mut path, new.raw_key(come.node));
    } else {
        let most = old.children(come.container).count();
        path.extend_from_slice(format!("/{}", come.ordinal.min(most)).as_bytes());
    }
    let parts: [&[u8]; 5] = [b"[{\"op\":\"move\",\"from\":\"", &from, b"\",\"path\":\"", &path, b"\"}]"];
    Some(parts.concat().into())
}

/// The pointer to an entry, as it stands inside a JSON string.
fn pointer_to(document: &Document, entry: u32) -> Vec<u8> {
    let tape = document.tape();
    if entry == 0 {
        return Vec::new();
    }
    let mut steps = Vec::new();
    let (mut entry, (mut container, mut ordinal)) = (entry, tape.locate(entry, None));
    while container != NONE {
        steps.push((container, entry, ordinal));
        let it = &tape.containers[container as usize];
        (entry, ordinal, container) = (it.open, it.ordinal, it.parent);
    }
    let mut path = Vec::new();
    for (container, entry, ordinal) in steps.into_iter().rev() {
        if document.is_object(container) {
            push_key(&mut path, document.raw_key_before(tape.starts[entry as usize] as usize));
        } else {
            path.extend_from_slice(format!("/{ordinal}").as_bytes());
        }
    }
    path
}

fn push_key(path: &mut Vec<u8>, raw_key: &[u8]) {
    path.push(b'/');
    super::draft::push_token(path, raw_key);
}
