//! The versions of a feed that are kept: the head, and as many before it as the limits allow.
//!
//! Invariants: offsets in the window are consecutive and grow; the head is never dropped; the retained bytes and
//! versions stay within [`WindowLimits`] except for the head itself.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::document::Form;
use crate::position::{Offset, Position};
use crate::representation::Validators;

/// One version of a feed: the content at a position. Immutable and shared.
#[derive(Debug)]
pub struct Version {
    /// Where it stands.
    pub position: Position,
    /// The body as the origin sent it, decoded: what plain readers get.
    pub body: Bytes,
    /// What a snapshot carries: the compact text where it is JSON that can be patched, else the body.
    pub text: Bytes,
    /// What sort of text it is.
    pub form: Form,
    /// The patch from the version before, an RFC 6902 array; none for the first version of a lineage, and where the
    /// whole is smaller or a patch cannot say it.
    pub patch: Option<Bytes>,
    /// The validators that the origin gave for it.
    pub validators: Validators,
}

impl Version {
    /// What it counts against the window's limit, in bytes.
    fn weight(&self) -> usize {
        let own_text = if self.text.as_ptr() == self.body.as_ptr() { 0 } else { self.text.len() };
        self.body.len() + own_text + self.patch.as_ref().map_or(0, Bytes::len)
    }
}

/// What a window may hold, the head included; the head is held even where it alone is over.
#[derive(Debug, Clone, Copy)]
pub struct WindowLimits {
    /// Bytes of bodies and patches.
    pub bytes: usize,
    /// Versions.
    pub versions: usize,
}

/// The versions kept of one lineage.
#[derive(Debug)]
pub struct Window {
    limits: WindowLimits,
    versions: VecDeque<Arc<Version>>,
    weight: usize,
}

impl Window {
    /// An empty window.
    pub fn new(limits: WindowLimits) -> Window {
        Window { limits, versions: VecDeque::new(), weight: 0 }
    }

    /// The newest version.
    pub fn head(&self) -> Option<&Arc<Version>> {
        self.versions.back()
    }

    /// The version at `offset`, if it is kept.
    pub fn get(&self, offset: Offset) -> Option<&Arc<Version>> {
        let oldest = self.versions.front()?.position.offset;
        let index = offset.0.checked_sub(oldest.0)?;
        self.versions.get(usize::try_from(index).ok()?)
    }

    /// The versions kept.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Whether nothing was published yet.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Makes `version` the head and drops the oldest versions that no longer fit.
    pub fn push(&mut self, version: Arc<Version>) {
        debug_assert!(self.head().is_none_or(|head| head.position.offset.next() == version.position.offset));
        self.weight += version.weight();
        self.versions.push_back(version);
        while self.versions.len() > 1
            && (self.weight > self.limits.bytes || self.versions.len() > self.limits.versions)
        {
            self.drop_oldest();
        }
    }

    /// Forgets everything before the head, so that nobody resumes across it.
    pub fn forget_before_head(&mut self) {
        while self.versions.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.versions.pop_front() {
            self.weight -= oldest.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Binding, Epoch};

    fn version(offset: u64, body: usize, patch: usize) -> Arc<Version> {
        let body = Bytes::from(vec![b'x'; body]);
        Arc::new(Version {
            position: Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(1) },
            text: body.clone(),
            body,
            form: Form::Text,
            patch: (patch > 0).then(|| Bytes::from(vec![b'p'; patch])),
            validators: Validators::default(),
        })
    }

    fn offsets(window: &Window) -> Vec<u64> {
        window.versions.iter().map(|version| version.position.offset.0).collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut window = Window::new(WindowLimits { bytes: usize::MAX, versions: 3 });
        for (offset, expected) in
            [(1, &[1][..]), (2, &[1, 2]), (3, &[1, 2, 3]), (4, &[2, 3, 4]), (5, &[3, 4, 5])]
        {
            window.push(version(offset, 10, 0));
            assert_eq!(offsets(&window), expected);
            assert_eq!(window.len(), expected.len());
        }
        for (offset, kept) in [(0, false), (2, false), (3, true), (5, true), (6, false), (u64::MAX, false)] {
            let found = window.get(Offset(offset)).map(|version| version.position.offset.0);
            assert_eq!(found, kept.then_some(offset));
        }
    }

    #[test]
    fn the_oldest_go_when_they_are_too_heavy() {
        let mut window = Window::new(WindowLimits { bytes: 100, versions: usize::MAX });
        window.push(version(1, 50, 0));
        window.push(version(2, 40, 10));
        assert_eq!(offsets(&window), [1, 2], "exactly the limit");
        window.push(version(3, 1, 0));
        assert_eq!(offsets(&window), [2, 3]);
        window.push(version(4, 1000, 0));
        assert_eq!(offsets(&window), [4], "the head is kept whatever it weighs");
        window.push(version(5, 100, 0));
        assert_eq!(offsets(&window), [5], "what was dropped weighs nothing");
        assert_eq!(window.weight, 100);
    }

    #[test]
    fn a_text_of_its_own_counts() {
        let body = Bytes::from_static(b"[ 1 ]");
        let shared = Version { text: body.clone(), body: body.clone(), ..some() };
        let own = Version { text: Bytes::from_static(b"[1]"), body, ..some() };
        assert_eq!((shared.weight(), own.weight()), (5, 8));
    }

    fn some() -> Version {
        Arc::into_inner(version(1, 0, 0)).expect("nobody else has it")
    }

    #[test]
    fn forgetting_leaves_the_head() {
        let mut window = Window::new(WindowLimits { bytes: 1000, versions: 8 });
        window.forget_before_head();
        assert!(window.is_empty() && window.head().is_none() && window.get(Offset(1)).is_none());
        for offset in 1..4 {
            window.push(version(offset, 10, 5));
        }
        window.forget_before_head();
        assert_eq!((offsets(&window), window.weight), (vec![3], 15));
    }
}
