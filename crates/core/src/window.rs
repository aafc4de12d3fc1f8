//! The versions of a feed that are kept: the head whole, and as many before it as the limits allow.
//!
//! What is kept of an older version is what composing a patch from there to the head needs, and no more: how its text is
//! made of the next version's (a [`Delta`], mostly some hundred bytes where a document of 90 KB changed a little), or the
//! text itself where that is smaller; the patch that led to it, because the patches one after another bound what a
//! composed one may cost; and the origin's validators of it. So a window of a few MiB holds hours of a document that
//! changes a little, where whole texts would fill it in seconds.
//!
//! Invariants: offsets in the window grow (by one in a feed; a view of it has gaps); the head is never dropped; the
//! retained bytes and versions stay within [`WindowLimits`] except for the head itself.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::document::{Document, Form};
use crate::json::{self, Delta, Rewound};
use crate::position::{Offset, Position};
use crate::representation::Validators;

/// One version of a feed: the content at a position. Immutable and shared.
#[derive(Debug)]
pub struct Version {
    /// Where it stands.
    pub position: Position,
    /// The body as the origin sent it, decoded: what plain readers get.
    pub body: Bytes,
    /// What sort of text it is.
    pub form: Form,
    /// The patch from the version before, an RFC 6902 array; none for the first version of a lineage, and where the
    /// whole is smaller or a patch cannot say it.
    pub patch: Option<Bytes>,
    /// The validators that the origin gave for it.
    pub validators: Validators,
    document: Document,
    text: OnceLock<Bytes>,
}

impl Version {
    /// The version at a position with this content.
    pub fn new(
        position: Position,
        body: Bytes,
        form: Form,
        document: Document,
        patch: Option<Bytes>,
        validators: Validators,
    ) -> Version {
        Version { position, body, form, patch, validators, document, text: OnceLock::new() }
    }

    /// What a snapshot carries: the compact text where it is JSON that can be patched, else the body. Made when first
    /// needed.
    pub fn text(&self) -> &Bytes {
        self.text.get_or_init(|| self.document.text())
    }

    /// The content, as the next version is compared with it.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What it counts against the window's limit while it is the head, in bytes: its texts, not the index, which the head
    /// has whatever the limit is.
    fn weight(&self) -> usize {
        let own_text = if self.document.text_len() == self.body.len() { 0 } else { self.document.text_len() };
        self.body.len() + own_text + self.patch.as_ref().map_or(0, Bytes::len)
    }
}

/// The merge patch (RFC 7396) between two versions, where there is one that says exactly what changed and is shorter than
/// the whole. Costs a comparison of their texts.
pub fn merge_between(old: &Version, new: &Version) -> Option<Bytes> {
    match (&old.document, &new.document) {
        (Document::Json(old), Document::Json(new)) => json::merge_patch(old, new),
        _ => None,
    }
}

/// An older version, as far as it is kept.
#[derive(Debug)]
struct Past {
    position: Position,
    form: Form,
    /// The patch from the version before.
    patch: Option<Bytes>,
    validators: Validators,
    back: Back,
}

/// How an older version's text is had.
#[derive(Debug)]
enum Back {
    Whole(Bytes),
    /// From the next version's.
    Delta(Delta),
}

impl Past {
    fn weight(&self) -> usize {
        let text = match &self.back {
            Back::Whole(text) => text.len(),
            Back::Delta(delta) => delta.memory(),
        };
        size_of::<Past>() + text + self.patch.as_ref().map_or(0, Bytes::len)
    }
}

/// What a window may hold, the head included; the head is held even where it alone is over.
#[derive(Debug, Clone, Copy)]
pub struct WindowLimits {
    /// Bytes of texts, deltas and patches.
    pub bytes: usize,
    /// Versions.
    pub versions: usize,
}

/// The versions kept of one lineage.
#[derive(Debug)]
pub struct Window {
    limits: WindowLimits,
    head: Option<Arc<Version>>,
    /// The versions before the head, oldest first.
    past: VecDeque<Past>,
    /// Of the past.
    weight: usize,
    /// The first offset after what was forgotten on purpose.
    begins: Offset,
}

impl Window {
    /// An empty window.
    pub fn new(limits: WindowLimits) -> Window {
        Window { limits, head: None, past: VecDeque::new(), weight: 0, begins: Offset(0) }
    }

    /// The newest version.
    pub fn head(&self) -> Option<&Arc<Version>> {
        self.head.as_ref()
    }

    /// The position of the version at `offset`, if it is kept.
    pub fn position_of(&self, offset: Offset) -> Option<Position> {
        match self.place_of(offset)? {
            Place::Head(head) => Some(head.position),
            Place::Past(index) => Some(self.past[index].position),
        }
    }

    /// The validators that the origin gave for the version at `offset`, if it is kept.
    pub fn validators_of(&self, offset: Offset) -> Option<&Validators> {
        match self.place_of(offset)? {
            Place::Head(head) => Some(&head.validators),
            Place::Past(index) => Some(&self.past[index].validators),
        }
    }

    /// The body and the form of the version at `offset`, if it is kept.
    ///
    /// Costs the deltas from the head to there, and one copy of the text.
    pub fn body_of(&self, offset: Offset) -> Option<(Bytes, Form)> {
        let index = match self.place_of(offset)? {
            Place::Head(head) => return Some((head.body.clone(), head.form)),
            Place::Past(index) => index,
        };
        let mut text = Rewound::new(&self.head.as_ref()?.body);
        for past in self.past.range(index..).rev() {
            text = match &past.back {
                Back::Whole(whole) => Rewound::new(whole),
                Back::Delta(delta) => text.back(delta),
            };
        }
        Some((text.to_bytes(), self.past[index].form))
    }

    /// The patches from the version at `offset` to the head, one after another in one; none where one of them is
    /// missing, or where it would not be shorter than `most` bytes.
    pub fn patches_since(&self, offset: Offset, most: usize) -> Option<Bytes> {
        let Place::Past(index) = self.place_of(offset)? else { return None };
        let older = self.past.range(index + 1..).map(|past| past.patch.as_ref());
        let patches: Option<Vec<&Bytes>> = older.chain([self.head.as_ref()?.patch.as_ref()]).collect();
        let patches = patches?;
        // Each has a bracket more than the comma that follows it in one.
        let length = 1 + patches.iter().map(|patch| patch.len() - 1).sum::<usize>();
        (length < most).then(|| json::concatenate(&patches))
    }

    /// The versions kept.
    pub fn len(&self) -> usize {
        self.past.len() + usize::from(self.head.is_some())
    }

    /// Whether nothing was published yet.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Makes `version` the head and drops the oldest versions that no longer fit. `back` says how the former head's body
    /// is made of the new one's; without it the body is kept whole.
    pub fn push(&mut self, version: Arc<Version>, back: Option<Delta>) {
        if let Some(former) = self.head.replace(version.clone()) {
            debug_assert!(former.position.offset < version.position.offset);
            let past = Past {
                position: former.position,
                form: former.form,
                patch: former.patch.clone(),
                validators: former.validators.clone(),
                back: back.map_or_else(|| Back::Whole(former.body.clone()), Back::Delta),
            };
            self.weight += past.weight();
            self.past.push_back(past);
        }
        while self.is_over(&version) && !self.past.is_empty() {
            self.drop_oldest();
        }
    }

    /// Forgets everything before the head, so that nobody resumes across it.
    pub fn forget_before_head(&mut self) {
        self.past.clear();
        self.weight = 0;
        self.begins = self.head.as_ref().map_or(self.begins, |head| head.position.offset);
    }

    /// Nothing leads from before this offset to it but the whole: the resource was gone in between.
    pub fn begins(&self) -> Offset {
        self.begins
    }

    fn is_over(&self, head: &Version) -> bool {
        self.weight + head.weight() > self.limits.bytes || self.len() > self.limits.versions
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.past.pop_front() {
            self.weight -= oldest.weight();
        }
    }

    fn place_of(&self, offset: Offset) -> Option<Place<'_>> {
        let head = self.head.as_ref()?;
        if offset == head.position.offset {
            return Some(Place::Head(head));
        }
        let index = self.past.partition_point(|past| past.position.offset < offset);
        (self.past.get(index)?.position.offset == offset).then_some(Place::Past(index))
    }
}

enum Place<'a> {
    Head(&'a Arc<Version>),
    Past(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Binding, Epoch};

    fn position(offset: u64) -> Position {
        Position { epoch: Epoch(1), offset: Offset(offset), binding: Binding(1) }
    }

    fn version(offset: u64, body: usize, patch: usize) -> Arc<Version> {
        let body = Bytes::from(vec![b'x'; body]);
        let document = Document::Whole { text: body.clone() };
        let patch = (patch > 0).then(|| Bytes::from(vec![b'p'; patch]));
        Arc::new(Version::new(position(offset), body, Form::Text, document, patch, Validators::default()))
    }

    fn offsets(window: &Window) -> Vec<u64> {
        let past = window.past.iter().map(|past| past.position.offset.0);
        past.chain(window.head.iter().map(|head| head.position.offset.0)).collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut window = Window::new(WindowLimits { bytes: usize::MAX, versions: 3 });
        for (offset, expected) in
            [(1, &[1][..]), (2, &[1, 2]), (3, &[1, 2, 3]), (4, &[2, 3, 4]), (5, &[3, 4, 5])]
        {
            window.push(version(offset, 10, 0), None);
            assert_eq!(offsets(&window), expected);
            assert_eq!(window.len(), expected.len());
        }
        for (offset, kept) in [(0, false), (2, false), (3, true), (5, true), (6, false), (u64::MAX, false)] {
            let found = window.position_of(Offset(offset)).map(|position| position.offset.0);
            assert_eq!(found, kept.then_some(offset));
        }
    }

    #[test]
    fn the_oldest_go_when_they_are_too_heavy() {
        let past = size_of::<Past>();
        let mut window = Window::new(WindowLimits { bytes: 100 + past, versions: usize::MAX });
        window.push(version(1, 50, 0), None);
        window.push(version(2, 40, 10), None);
        assert_eq!(offsets(&window), [1, 2], "exactly the limit");
        window.push(version(3, 1, 0), None);
        assert_eq!(offsets(&window), [2, 3]);
        window.push(version(4, 1000, 0), None);
        assert_eq!(offsets(&window), [4], "the head is kept whatever it weighs");
        window.push(version(5, 100 + past, 0), None);
        assert_eq!(offsets(&window), [5]);
        assert_eq!(window.weight, 0, "what was dropped weighs nothing");
    }

    #[test]
    fn a_text_of_its_own_counts() {
        let version = |body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            let document = Document::new(&body, Form::Json, 8).unwrap();
            Version::new(position(1), body, Form::Json, document, None, Validators::default())
        };
        let (shared, own) = (version("[1,2]"), version("[ 1 ]"));
        assert_eq!((shared.weight(), own.weight()), (5, 8));
        assert_eq!(shared.text().as_ptr(), shared.body.as_ptr());
        assert_eq!(own.text(), "[1]");
    }

    #[test]
    fn older_texts_come_back_from_what_is_kept_of_them() {
        let filler = "x".repeat(5_000);
        let body = |n: u64| Bytes::from(format!("[\"{filler}\",{n},\"{filler}\",{}]", n * n));
        let mut window = Window::new(WindowLimits { bytes: 20_000, versions: 100 });
        let mut document = Document::new(&body(1), Form::Json, 8).unwrap();
        let push = |window: &mut Window, n, document: &Document, patch, back| {
            let document = document.clone();
            let version =
                Version::new(position(n), body(n), Form::Json, document, patch, Validators::default());
            window.push(Arc::new(version), back);
        };
        push(&mut window, 1, &document, None, None);
        let (identities, controls) = Default::default();
        let rules = crate::Rules { max_depth: 8, identities: &identities, controls: &controls };
        for n in 2..20 {
            let step = document.follow(&body(n), Form::Json, rules).unwrap();
            document = step.document;
            let crate::Change::Patch(patch) = step.change else { panic!("a number changed") };
            // Every fifth text is kept whole.
            push(&mut window, n, &document, Some(patch), step.back.filter(|_| n % 5 != 0 || n > 10));
        }
        let kept: Vec<u64> = offsets(&window);
        assert!(kept.len() >= 10, "few changes weigh little: {kept:?}");
        for offset in kept {
            assert_eq!(window.body_of(Offset(offset)), Some((body(offset), Form::Json)));
        }
        let patches = window.patches_since(Offset(17), usize::MAX).unwrap();
        let old = json::Document::parse(body(17), 8).unwrap();
        assert_eq!(json::apply(&old, &patches).unwrap().body(), &body(19));
        assert_eq!(window.patches_since(Offset(17), patches.len()), None, "not shorter");
        assert_eq!(window.patches_since(Offset(19), usize::MAX), None);
    }

    #[test]
    fn forgetting_leaves_the_head() {
        let mut window = Window::new(WindowLimits { bytes: 1000, versions: 8 });
        window.forget_before_head();
        assert!(window.is_empty() && window.head().is_none() && window.position_of(Offset(1)).is_none());
        for offset in 1..4 {
            window.push(version(offset, 10, 5), None);
        }
        window.forget_before_head();
        assert_eq!((offsets(&window), window.weight), (vec![3], 0));
    }
}
