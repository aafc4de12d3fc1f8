//! A token from a token endpoint, by the client's own credentials (RFC 6749 §4.4).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tidegate_core::{Failure, FailureKind, Phase};
use tidegate_hub::Body;

use super::super::exchange::Link;

/// The largest answer that is read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What stays as it is in a form (RFC 6749 appendix B).
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// How the client says its secret (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretStyle {
    /// In `Authorization`, which every issuer has to understand.
    Basic,
    /// In the body.
    Post,
}

/// Where tokens come from.
#[derive(Clone)]
pub struct OAuth2Settings {
    /// The token endpoint.
    pub url: Uri,
    /// Who the gateway is there.
    pub client_id: String,
    /// How it proves that.
    pub client_secret: String,
    /// What it wants to do; empty for the issuer's default.
    pub scope: String,
    /// For whom the token is; empty where the issuer knows.
    pub audience: String,
    /// Where the secret stands.
    pub style: SecretStyle,
}

/// A token as it was granted.
pub(super) struct Granted {
    /// The value of `Authorization`.
    pub(super) field: HeaderValue,
    /// How long it is valid, where that was said.
    pub(super) life: Option<Duration>,
}

/// A token endpoint.
pub(in super::super) struct Endpoint {
    link: Arc<Link>,
    time_out: Duration,
    url: Uri,
    authorization: Option<HeaderValue>,
    form: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl fmt::Debug for OAuth2Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Settings").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// `time_out` is for reading the answer; connecting and waiting for it are the link's.
    pub(in super::super) fn new(settings: OAuth2Settings, link: Link, time_out: Duration) -> Endpoint {
        let OAuth2Settings { url, client_id, client_secret, scope, audience, style } = settings;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(
            [("scope", &*scope), ("audience", &*audience)].into_iter().filter(|(_, value)| !value.is_empty()),
        );
        let authorization = match style {
            SecretStyle::Basic => {
                let pair = format!("{}:{}", encoded(&client_id), encoded(&client_secret));
                secret(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
            }
            SecretStyle::Post => {
                form.extend([("client_id", &*client_id), ("client_secret", &*client_secret)]);
                None
            }
        };
        let form: Vec<_> =
            form.into_iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        Endpoint { link: Arc::new(link), time_out, url, authorization, form: form.join("&") }
    }

    /// Asks for a token. A connection that broke before the answer is worth a second try: nothing came of the first.
    pub(super) async fn ask(&self) -> Result<Granted, Failure> {
        match self.ask_once().await {
            Err(failure) if failure.kind == FailureKind::NoAnswer => self.ask_once().await,
            asked => asked,
        }
    }

    async fn ask_once(&self) -> Result<Granted, Failure> {
        let response = self.link.exchange(self.request(), None).await?;
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(self.time_out, Limited::new(body, ANSWER_LIMIT).collect()).await;
        let body = match body {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return Err(self.failure("did not complete its answer")),
            Err(_) => {
                let late = format!("the answer of {} was not complete in time", self.link.authority());
                return Err(Failure::new(FailureKind::TimedOut(Phase::Body), late));
            }
        };
        if head.status != StatusCode::OK {
            let seconds =
                head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let retry_after = seconds.map(Duration::from_secs);
            return Err(Failure { retry_after, ..self.refused(head.status, &body) });
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| self.failure("answered with something that is no token"))?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(self.failure("gave a token that is not of the type `Bearer`"));
        }
        let field = secret(&format!("Bearer {}", answer.access_token))
            .ok_or_else(|| self.failure("gave a token that no field can carry"))?;
        // Some issuers write the number as a text.
        let seconds =
            answer.expires_in.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
        let life = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Granted { field, life })
    }

    fn request(&self) -> Request<Body> {
        let body =
            http_body_util::Full::from(self.form.clone()).map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let fields = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        fields.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        fields.extend(self.authorization.clone().map(|value| (header::AUTHORIZATION, value)));
        request
    }

    /// Why there is no token, in the words of the standard at most: an answer may repeat what was sent.
    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let code = serde_json::from_slice(body).ok().map(|Refusal { error }| error).filter(|code| {
            // The codes of RFC 6749 §5.2 and its extensions.
            (1..=40).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        match code.filter(|code| !self.form.contains(code.as_str())) {
            Some(code) => self.failure(&format!("refused a token with {status} ({code})")),
            None => self.failure(&format!("refused a token with {status}")),
        }
    }

    /// No token, so the origin cannot be asked.
    pub(super) fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Unreachable, format!("the token endpoint {} {what}", self.link.authority()))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
