//! Bytes that many streams get.

use std::sync::Arc;

use bytes::Bytes;

/// A part of a stream, made once and shared by everyone who gets it.
#[derive(Debug, Clone)]
pub struct Frame(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plain: Bytes,
}

impl Frame {
    /// The frame of these bytes.
    pub fn new(plain: Bytes) -> Frame {
        Frame(Arc::new(Shared { plain }))
    }

    /// Its bytes as they are.
    pub fn plain(&self) -> &Bytes {
        &self.0.plain
    }
}
