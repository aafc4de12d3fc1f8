//! An origin and its token endpoint, each doing what a test says.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use tidegate_core::{Failure, FailureKind, Outcome};
use tidegate_hub::{FetchRequest, Fetched, Origin};
use tidegate_testkit::{RecordedRequest, ScriptedOrigin};

use super::super::tests::{fields, get, settings};
use super::*;
use crate::origin::{HttpOrigin, OriginSettings};

const SECRET: &str = "hush+hush";

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1";

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";

fn with_token(api: &ScriptedOrigin, issuer: &str, style: SecretStyle) -> HttpOrigin {
    let oauth2 = OAuth2Settings {
        url: format!("{issuer}/token").parse().unwrap(),
        client_id: "gate way".to_owned(),
        client_secret: SECRET.to_owned(),
        scope: "read all".to_owned(),
        audience: String::new(),
        style,
    };
    let credentials = CredentialSettings { fields: Vec::new(), oauth2: Some(oauth2) };
    assert!(!format!("{credentials:?}").contains(SECRET));
    HttpOrigin::new(OriginSettings { credentials, ..settings(&api.url()) }).unwrap()
}

fn token(name: &str, life: u64) -> String {
    let body = format!("{{\"access_token\":\"{name}\",\"token_type\":\"bearer\",\"expires_in\":{life}}}");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers the next request on a new connection, which then closes.
async fn answers(server: &ScriptedOrigin, answer: impl AsRef<str>) -> RecordedRequest {
    let (mut connection, request) = server.request().await;
    connection.send(answer.as_ref().replacen("\r\n", "\r\nconnection: close\r\n", 1)).await;
    request
}

fn failure(fetched: &Fetched) -> &Failure {
    match &fetched.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn is_fresh(fetched: &Fetched) -> bool {
    matches!(fetched.outcome, Outcome::Fresh(_))
}

/// Lets time pass for whoever asks the runtime's clock.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn own_fields_take_the_place_of_a_client_s() {
    let api = ScriptedOrigin::bind().await;
    let own = [("x-api-key", SECRET), ("authorization", "Basic b3du")];
    let own = own.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).to_vec();
    let credentials = CredentialSettings { fields: own, oauth2: None };
    let origin = HttpOrigin::new(OriginSettings { credentials, ..settings(&api.url()) }).unwrap();
    assert!(!format!("{origin:?}").contains(SECRET));
    let given =
        fields(&[("x-api-key", "a"), ("x-api-key", "b"), ("authorization", "Bearer c"), ("x-other", "d")]);
    let request = FetchRequest { fields: given, ..get("/") };
    let (fetched, sent) = tokio::join!(origin.fetch(request), answers(&api, OK));
    assert!(is_fresh(&fetched));
    assert_eq!(sent.all("x-api-key"), [SECRET]);
    assert_eq!(sent.all("authorization"), ["Basic b3du"]);
    assert_eq!(sent.all("x-other"), ["d"]);
    assert_eq!(origin.replaced_fields(), ["x-api-key", "authorization"]);
}

#[tokio::test]
async fn one_token_is_fetched_for_everyone() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let origin = with_token(&api, &issuer.url(), SecretStyle::Basic);
    let serving = async {
        let asked = answers(&issuer, token("t1", 3600)).await;
        for _ in 0..3 {
            assert_eq!(answers(&api, OK).await.all("authorization"), ["Bearer t1"]);
        }
        asked
    };
    let (fetched, asked) = tokio::join!(join_all((0..3).map(|_| origin.fetch(get("/")))), serving);
    assert!(fetched.iter().all(is_fresh), "{fetched:?}");
    assert!(asked.head.starts_with("POST /token HTTP/1.1\r\n"), "{}", asked.head);
    // RFC 6749 §2.3.1: each part is encoded as in a form before they are joined.
    assert_eq!(asked.all("authorization"), ["Basic Z2F0ZSUyMHdheTpodXNoJTJCaHVzaA=="]);
    assert_eq!(asked.body, b"grant_type=client_credentials&scope=read%20all");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_nobody_waits() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let origin = with_token(&api, &issuer.url(), SecretStyle::Post);
    let (_, asked, _) =
        tokio::join!(origin.fetch(get("/")), answers(&issuer, token("t1", 3600)), answers(&api, OK));
    let body = String::from_utf8(asked.body.clone()).unwrap();
    assert!(body.ends_with("&client_id=gate%20way&client_secret=hush%2Bhush"), "{body}");
    assert!(asked.all("authorization").is_empty());
    pass(Duration::from_secs(3550)).await;
    // The old one is used while the new one is on its way.
    let (fetched, sent) = tokio::join!(origin.fetch(get("/")), answers(&api, OK));
    assert!(is_fresh(&fetched));
    assert_eq!(sent.all("authorization"), ["Bearer t1"]);
    answers(&issuer, token("t2", 3600)).await;
    pass(Duration::from_secs(100)).await;
    let (_, sent) = tokio::join!(origin.fetch(get("/")), answers(&api, OK));
    assert_eq!(sent.all("authorization"), ["Bearer t2"]);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let origin = with_token(&api, &issuer.url(), SecretStyle::Basic);
    tokio::join!(origin.fetch(get("/")), answers(&issuer, token("t1", 3600)), answers(&api, OK));
    pass(Duration::from_secs(60)).await;
    let serving = async {
        answers(&api, UNAUTHORIZED).await;
        answers(&issuer, token("t2", 3600)).await;
        answers(&api, OK).await
    };
    let (fetched, sent) = tokio::join!(origin.fetch(get("/")), serving);
    assert!(is_fresh(&fetched));
    assert_eq!(sent.all("authorization"), ["Bearer t2"]);
    // A new one is refused for another reason: that is the origin's answer.
    let (fetched, _) = tokio::join!(origin.fetch(get("/")), answers(&api, UNAUTHORIZED));
    match fetched.outcome {
        Outcome::Answered(answer) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_without_it() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let origin = with_token(&api, &issuer.url(), SecretStyle::Basic);
    let body = format!("{{\"error\":\"invalid_client\",\"error_description\":\"not {SECRET}\"}}");
    let answer = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (fetched, _) = tokio::join!(origin.fetch(get("/")), answers(&issuer, &answer));
    let told = failure(&fetched);
    assert_eq!(told.kind, FailureKind::Unreachable);
    let authority = issuer.url().replace("http://", "");
    let detail =
        format!("the token endpoint {authority} refused a token with 401 Unauthorized (invalid_client)");
    assert_eq!(told.detail, detail);
    // It is not asked again at once.
    assert_eq!(failure(&origin.fetch(get("/")).await), told);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    for (body, why) in [
        ("{}", "something that is no token"),
        ("<html>", "something that is no token"),
        (r#"{"access_token":"a","token_type":"mac"}"#, "not of the type"),
        (r#"{"access_token":"a\n","token_type":"Bearer"}"#, "no field can carry"),
        (r#"{"access_token":"a","token_type":"Bearer","expires_in":"0"}"#, "expired already"),
    ] {
        let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
        let origin = with_token(&api, &issuer.url(), SecretStyle::Basic);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (fetched, _) = tokio::join!(origin.fetch(get("/")), answers(&issuer, &answer));
        assert!(failure(&fetched).detail.contains(why), "{body}: {fetched:?}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_named() {
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let url = issuer.url();
    drop(issuer);
    let origin = with_token(&api, &url, SecretStyle::Basic);
    let fetched = origin.fetch(get("/")).await;
    assert_eq!(failure(&fetched).kind, FailureKind::Unreachable);
    assert!(failure(&fetched).detail.contains(&url.replace("http://", "")), "{fetched:?}");
}

/// The log as it is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_in_no_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (api, issuer) = (ScriptedOrigin::bind().await, ScriptedOrigin::bind().await);
    let origin = with_token(&api, &issuer.url(), SecretStyle::Basic);
    tracing::info!(?origin, "the log is on");
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 27\r\n\r\n{\"error\":\"invalid_request\"}";
    tokio::join!(origin.fetch(get("/")), answers(&issuer, refusal));
    pass(Duration::from_secs(5)).await;
    tokio::join!(origin.fetch(get("/")), answers(&issuer, token("t0ken", 3600)), answers(&api, OK));
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("the log is on") && written.contains("no new token"), "{written}");
    for secret in [SECRET, "hush%2Bhush", "Z2F0ZSUyMHdheTpodXNoJTJCaHVzaA", "t0ken"] {
        assert!(!written.contains(secret), "{written}");
    }
}
