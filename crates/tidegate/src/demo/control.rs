//! What the page may do to the market and to the gateway, and who may ask for it.
//!
//! Controls change state, and any page of the web can send a simple `POST` here. So only what comes from this page
//! itself, or from no page at all, is obeyed.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use tidegate_market::Fault;

/// Where a request comes from, as the browser sees it (Fetch Metadata §2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The path below which the controls are.
pub(super) const BELOW: &str = "/control/";

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// The market fails in this way from now on, or works again.
    Market(Fault),
    /// The gateway is ended, and started anew.
    RestartGateway,
}

impl Control {
    /// The control of a path below `/control/`.
    pub(super) fn of(path: &str) -> Option<Control> {
        match path.strip_prefix(BELOW)? {
            "gateway/restart" => Some(Control::RestartGateway),
            market => {
                let state = market.strip_prefix("market/")?;
                STATES.iter().find(|(name, _)| *name == state).map(|(_, fault)| Control::Market(*fault))
            }
        }
    }
}

/// The market's states by the names that the page has for them.
const STATES: [(&str, Fault); 4] =
    [("run", Fault::None), ("halt", Fault::Halt), ("error", Fault::Error), ("hang", Fault::Hang)];

/// The page's name for a state of the market.
pub(super) fn state_name(fault: Fault) -> &'static str {
    match fault {
        Fault::None => "run",
        Fault::Halt => "halt",
        Fault::Error => "error",
        Fault::Hang => "hang",
    }
}

/// Whether the request comes from this very page, or from no page.
///
/// Browsers say so themselves where they trust the connection, which includes loopback; elsewhere they name the
/// page's origin with every `POST`, and it has to be the one that was asked.
pub(super) fn is_ours(request: &HeaderMap) -> bool {
    if let Some(site) = request.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let Some(origin) = request.get(ORIGIN) else { return true };
    let host = origin.as_bytes().strip_prefix(b"http://");
    host.is_some() && host == request.get(HOST).map(|host| host.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn every_state_has_a_path_and_nothing_else_has() {
        for (name, fault) in STATES {
            assert_eq!(Control::of(&format!("/control/market/{name}")), Some(Control::Market(fault)));
            assert_eq!(state_name(fault), name);
        }
        assert_eq!(Control::of("/control/gateway/restart"), Some(Control::RestartGateway));
        for path in ["/control/", "/control/market/", "/control/market/run/", "/control/gateway/stop", "/run"]
        {
            assert_eq!(Control::of(path), None, "{path}");
        }
    }

    #[test]
    fn only_this_page_and_programs_that_are_no_page_are_obeyed() {
        let check = |fields: &[(&'static str, &'static str)], expected: bool| {
            let pairs = fields
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            assert_eq!(is_ours(&pairs.collect()), expected, "{fields:?}");
        };
        check(&[("host", "127.0.0.1:8000")], true);
        check(&[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")], true);
        check(&[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8001")], false);
        check(&[("host", "127.0.0.1:8000"), ("origin", "https://127.0.0.1:8000")], false);
        check(&[("host", "127.0.0.1:8000"), ("origin", "null")], false);
        check(&[("origin", "http://127.0.0.1:8000")], false);
        check(&[("origin", "http://"), ("host", "h")], false);
        check(&[("sec-fetch-site", "same-origin")], true);
        for site in ["same-site", "cross-site", "none", ""] {
            check(&[("sec-fetch-site", site), ("host", "h"), ("origin", "http://h")], false);
        }
    }
}
