//! Bytes that many streams get, in each coding made once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tidegate_wire::gzip::{self, Running, Segment};

/// How the bytes of a stream are coded on their way (`Content-Encoding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coding {
    /// As they are.
    #[default]
    Identity,
    /// gzip (RFC 1952), out of segments that all streams share.
    Gzip,
}

/// A part of a stream, shared by everyone who gets it.
#[derive(Debug, Clone)]
pub struct Frame(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plain: Bytes,
    gzip: OnceLock<Segment>,
}

impl Frame {
    /// The frame of these bytes.
    pub fn new(plain: Bytes) -> Frame {
        Frame(Arc::new(Shared { plain, gzip: OnceLock::new() }))
    }

    /// Its bytes as they are.
    pub fn plain(&self) -> &Bytes {
        &self.0.plain
    }

    /// It as a segment of a gzip stream, packed when it is first needed.
    pub(crate) fn segment(&self) -> &Segment {
        self.0.gzip.get_or_init(|| Segment::of(&self.0.plain))
    }

    /// Whether it was packed already.
    #[cfg(test)]
    pub(crate) fn is_packed(&self) -> bool {
        self.0.gzip.get().is_some()
    }
}

/// The coding of one stream, and what it has to remember of what it has sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Coded {
    Plain,
    Gzip(Running),
}

impl Coded {
    /// The state of a stream that has not begun.
    pub(crate) fn begin(coding: Coding) -> Coded {
        match coding {
            Coding::Identity => Coded::Plain,
            Coding::Gzip => Coded::Gzip(Running::default()),
        }
    }

    /// What comes before all else.
    pub(crate) fn header(self) -> &'static [u8] {
        match self {
            Coded::Plain => &[],
            Coded::Gzip(_) => &gzip::HEADER,
        }
    }

    /// The bytes of a frame on this stream, and the state after it.
    pub(crate) fn write(self, frame: &Frame) -> (Bytes, Coded) {
        let (bytes, after) = self.write_shared(frame);
        (bytes.clone(), after)
    }

    /// The same, where the bytes need not outlive the frame.
    pub(crate) fn write_shared(self, frame: &Frame) -> (&Bytes, Coded) {
        match self {
            Coded::Plain => (frame.plain(), self),
            Coded::Gzip(running) => {
                let segment = frame.segment();
                (segment.bytes(), Coded::Gzip(running.after(segment)))
            }
        }
    }

    /// The bytes of the last frame on this stream, and of the stream's end.
    pub(crate) fn write_last(self, frame: &Frame) -> Bytes {
        let (bytes, after) = self.write(frame);
        match after {
            Coded::Plain => bytes,
            Coded::Gzip(running) => [&bytes[..], &running.trailer()].concat().into(),
        }
    }
}
