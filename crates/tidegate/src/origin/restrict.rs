//! What an answer that some other site gave may not do here.
//!
//! A browser takes every answer of the gateway for one of the gateway's own site. So what another site says to browsers
//! about *its* site is taken out: cookies, policies, reports, permissions for scripts of other origins. And a document that
//! a browser opens is put into a sandbox, so that its scripts do not run with the rights of the gateway's site.

use http::header::{
    ALT_SVC, CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, REFRESH, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What speaks of the site, and not of the representation.
const OF_THE_SITE: [HeaderName; 16] = [
    SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("clear-site-data"),
    STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("public-key-pins"),
    ALT_SVC,
    REFRESH,
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("origin-agent-cluster"),
    HeaderName::from_static("accept-ch"),
    HeaderName::from_static("critical-ch"),
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("nel"),
    CONTENT_SECURITY_POLICY_REPORT_ONLY,
];

/// No script, no form, no frame, nothing loaded, and an origin of its own (CSP 3 §6.3.2).
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Restricts an answer's fields. `may_ask`: whether it may ask for credentials, because they would reach it.
pub(crate) fn answer(fields: &mut HeaderMap, may_ask: bool) {
    for name in OF_THE_SITE {
        fields.remove(name);
    }
    let shared: Vec<HeaderName> =
        fields.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in shared {
        fields.remove(name);
    }
    if !may_ask {
        fields.remove(WWW_AUTHENTICATE);
    }
    fields.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_site_says_nothing_about_this_one() {
        let sent = [
            ("set-cookie", "session=stolen"),
            ("set-cookie", "b=2"),
            ("strict-transport-security", "max-age=1"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("content-security-policy", "script-src *"),
            ("www-authenticate", "Basic realm=\"the gateway\""),
            ("etag", "\"1\""),
            ("content-type", "text/html"),
        ];
        let mut fields = HeaderMap::new();
        for (name, value) in sent {
            fields.append(name, value.parse().unwrap());
        }
        let mut asking = fields.clone();
        answer(&mut fields, false);
        let mut names: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                ("content-security-policy", "default-src 'none'; sandbox"),
                ("content-type", "text/html"),
                ("etag", "\"1\""),
                ("x-content-type-options", "nosniff"),
            ]
        );
        answer(&mut asking, true);
        assert!(asking.contains_key(WWW_AUTHENTICATE));
    }
}
