//! An update with its bytes in every format, each made when it is first needed.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tidegate_core::{Form, Offset, Position, Version};
use tidegate_wire::{Format, Kind, Update};

use crate::frame::Frame;

/// An update that many subscribers get.
#[derive(Debug)]
pub struct Encoded {
    kind: Kind,
    position: Position,
    parent: Option<Position>,
    content: Content,
    frames: [OnceLock<Frame>; Format::ALL.len()],
}

#[derive(Debug)]
enum Content {
    Whole(Arc<Version>),
    Step(Bytes),
}

impl Encoded {
    /// A version, whole.
    pub fn whole(version: Arc<Version>) -> Encoded {
        let position = version.position;
        let content = Content::Whole(version);
        Encoded { kind: Kind::Snapshot, position, parent: None, content, frames: Default::default() }
    }

    /// What leads from the version at `from` to `position`, in the same epoch.
    pub fn step(kind: Kind, from: Offset, position: Position, text: Bytes) -> Encoded {
        let parent = Some(Position { offset: from, ..position });
        Encoded { kind, position, parent, content: Content::Step(text), frames: Default::default() }
    }

    /// What it brings.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it leads.
    pub fn offset(&self) -> Offset {
        self.position.offset
    }

    /// Which version it leads from; none for a snapshot.
    pub fn from(&self) -> Option<Offset> {
        self.parent.map(|parent| parent.offset)
    }

    /// How long its text is, in bytes.
    pub fn text_len(&self) -> usize {
        match &self.content {
            Content::Whole(version) => version.document().text_len(),
            Content::Step(text) => text.len(),
        }
    }

    /// Its bytes in a format.
    pub fn frame(&self, format: Format) -> &Frame {
        self.frames[format.index()].get_or_init(|| Frame::new(self.encode(format)))
    }

    fn encode(&self, format: Format) -> Bytes {
        let (text, form) = match &self.content {
            Content::Whole(version) => (version.text(), version.form),
            Content::Step(text) => (text, Form::Json),
        };
        // A document's text and a patch are UTF-8 by construction: `Document::new` refuses anything else.
        let text = std::str::from_utf8(text).expect("documents and patches are UTF-8");
        let Encoded { kind, position, parent, .. } = *self;
        format.update(Update { kind, position, parent, form, text })
    }
}
