//! What `Cache-Status` says of an answer (RFC 9211): where it comes from, and why.
//!
//! Every value here is a token or an integer, so that what is written is a valid structured field (RFC 9651).

use http::StatusCode;
use tidegate_core::caching::{Forward, Reuse};
use tidegate_hub::{Current, Source};

/// A request that no cache answers, because of its method (RFC 9211 §2.2).
pub(super) const METHOD: &str = "fwd=method";

/// A request that is not for the hub to answer, or whose answer is for its sender alone.
pub(super) const BYPASS: &str = "fwd=bypass";

/// Nothing was kept that may be used, and the request forbade to ask.
pub(super) const NOT_KEPT: &str = "detail=not-kept";

/// For an answer from the hub that is sent with this status.
pub(super) fn of(current: &Current, status: StatusCode) -> String {
    let mut parts = Vec::new();
    match current.forwarded {
        None => {
            parts.push("hit".to_owned());
            parts.extend(current.ttl_s.map(|ttl| format!("ttl={ttl}")));
        }
        Some(forwarded) => {
            parts.push(fwd(forwarded.why).to_owned());
            // Where it is not said, it is the answer's own.
            let other = forwarded.status.filter(|answered| *answered != status);
            parts.extend(other.map(|status| format!("fwd-status={}", status.as_u16())));
            match current.source {
                // §2.4: only what others can have is stored.
                Source::Fetched if current.stored => parts.push("stored".to_owned()),
                Source::Collapsed => parts.push("collapsed".to_owned()),
                Source::Fetched | Source::Memory => {}
            }
        }
    }
    let detail = match current.reuse {
        None | Some(Reuse::Fresh) => None,
        Some(Reuse::Stale) => Some("detail=max-stale"),
        Some(Reuse::WhileRevalidate) => Some("detail=stale-while-revalidate"),
        Some(Reuse::IfError) => Some("detail=stale-if-error"),
    };
    parts.extend(detail.map(str::to_owned));
    parts.join("; ")
}

/// Why the origin was asked.
pub(super) fn fwd(why: Forward) -> &'static str {
    match why {
        Forward::Miss => "fwd=miss",
        Forward::Stale => "fwd=stale",
        Forward::Request => "fwd=request",
    }
}
