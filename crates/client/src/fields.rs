//! Header fields that are made anew for each request.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;

/// Why there are none.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Made = Pin<Box<dyn Future<Output = Result<HeaderMap, BoxError>> + Send>>;

/// The caller's function that makes them.
#[derive(Clone)]
pub(crate) struct FieldSource(Arc<dyn Fn() -> Made + Send + Sync>);

impl FieldSource {
    pub(crate) fn new<F, M>(make: F) -> FieldSource
    where
        F: Fn() -> M + Send + Sync + 'static,
        M: Future<Output = Result<HeaderMap, BoxError>> + Send + 'static,
    {
        FieldSource(Arc::new(move || Box::pin(make())))
    }

    pub(crate) fn make(&self) -> Made {
        (self.0)()
    }
}

impl fmt::Debug for FieldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldSource")
    }
}
