//! The key itself: bytes that are equal only for equal requests.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::identity::Identity;

/// Who may share: requests with equal keys, and nobody else. Holds credentials, so it never shows its content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SharingKey {
    /// Everything but the content, in an injective encoding: every part is preceded by its length.
    head: Arc<[u8]>,
    /// The content, shared with the request.
    body: Bytes,
}

impl fmt::Debug for SharingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharingKey({} bytes)", self.head.len() + self.body.len())
    }
}

impl SharingKey {
    /// The key of a request. `nonce` keeps it from being equal to any other.
    pub(super) fn of_request(
        scope: &str,
        method: &Method,
        target: &str,
        fields: &HeaderMap,
        body: Bytes,
        identity: Option<&Identity>,
        nonce: Option<u64>,
    ) -> SharingKey {
        let mut sorted: Vec<_> = fields.iter().collect();
        // Stable: the values of one name keep their order, which may matter.
        sorted.sort_by_key(|(name, _)| name.as_str());
        let nonce = nonce.map(u64::to_be_bytes);
        // One part, which is empty only for none.
        let identity = identity.map(|identity| encoded(identity.parts()));
        let fixed: [&[u8]; 5] = [
            scope.as_bytes(),
            target.as_bytes(),
            method.as_str().as_bytes(),
            nonce.as_ref().map_or(&[], |nonce| nonce.as_slice()),
            identity.as_deref().unwrap_or_default(),
        ];
        let named = sorted.into_iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        SharingKey { head: encoded(fixed.into_iter().chain(named)), body }
    }

    /// The key of a resource, whatever is asked of it and how.
    pub(super) fn of_resource(scope: &str, target: &str) -> SharingKey {
        SharingKey { head: encoded([scope.as_bytes(), target.as_bytes()].into_iter()), body: Bytes::new() }
    }
}

fn encoded<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(128);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes.into()
}
