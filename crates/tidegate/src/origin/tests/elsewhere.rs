//! Names that mean what a test says: what they lead to is checked, and what was checked is connected to.

use std::sync::{Arc, Mutex};

use crate::config::Network;
use crate::origin::{Elsewhere, Limits, Place, PublicOnly, Resolve, Resolving, Target, machine_tls};

use super::*;

const OBJECT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// Answers of a name server, in this order and the last for ever; and what it was asked.
#[derive(Debug, Clone)]
struct Names(Arc<Mutex<(Answers, Vec<String>)>>);

type Answers = Vec<&'static [&'static str]>;

impl Names {
    fn new(answers: &[&'static [&'static str]]) -> Names {
        Names(Arc::new(Mutex::new((answers.to_vec(), Vec::new()))))
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, place: &Place) -> Resolving {
        let mut state = self.0.lock().unwrap();
        state.1.push(place.host.clone());
        let answer = if state.0.len() > 1 { state.0.remove(0) } else { state.0[0] };
        let addresses =
            answer.iter().map(|address| (address.parse::<std::net::IpAddr>().unwrap(), place.port).into());
        Box::pin(std::future::ready(Ok(addresses.collect())))
    }
}

/// Every URL is allowed, and of this machine's addresses only 127.0.0.1: it stands for what is public.
fn elsewhere(names: &Names) -> Arc<Elsewhere> {
    let guard = PublicOnly::new(vec![Network::parse("127.0.0.1").unwrap()]);
    let limits = Limits {
        connect_timeout: AGES,
        head_timeout: AGES,
        body_timeout: AGES,
        max_body: 1000,
        redirects: 5,
        origins: 8,
    };
    Elsewhere::new(|_| true, guard, machine_tls(false).unwrap(), limits).asking(Arc::new(names.clone()))
}

/// A server on this address with the port of another one, if the machine lets it have it.
async fn beside(server: &ScriptedOrigin, address: &str) -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind((address, server.address().port())).await.expect("the port is free there")
}

fn named(host: &str, server: &ScriptedOrigin) -> Target {
    Target::parse(&format!("http://{host}:{}/", server.address().port())).unwrap()
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let server = ScriptedOrigin::bind().await;
    let private = beside(&server, "127.0.0.2").await;
    // A second look at the name would find another address.
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let elsewhere = elsewhere(&names);
    let origin = elsewhere.origin(&named("rebinding.example", &server)).unwrap();
    let act = |mut connection: OriginConnection| async move { connection.send(OBJECT).await };
    let (first, ()) = fetched_from(&server, &origin, get("/1"), act).await;
    assert!(matches!(first.outcome, Outcome::Fresh(_)), "{first:?}");
    assert_eq!(names.asked(), ["rebinding.example"]);
    // That connection is gone. The next one goes to what is remembered of the look-up, which was checked as well.
    let act = |mut connection: OriginConnection| async move { connection.send(OBJECT).await };
    let (second, ()) = fetched_from(&server, &origin, get("/2"), act).await;
    assert!(matches!(second.outcome, Outcome::Fresh(_)), "{second:?}");
    assert_eq!(names.asked(), ["rebinding.example"]);
    let nobody = tokio::time::timeout(SOON, private.accept()).await;
    assert!(nobody.is_err(), "what is not public was connected to");
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_tried() {
    let server = ScriptedOrigin::bind().await;
    let private = beside(&server, "127.0.0.2").await;
    let names = Names::new(&[&["127.0.0.2", "169.254.169.254", "::1", "127.0.0.1", "10.0.0.1"]]);
    let elsewhere = elsewhere(&names);
    let origin = elsewhere.origin(&named("mixed.example", &server)).unwrap();
    let act = |mut connection: OriginConnection| async move { connection.send(OBJECT).await };
    let (fetched, ()) = fetched_from(&server, &origin, get("/"), act).await;
    assert!(matches!(fetched.outcome, Outcome::Fresh(_)), "{fetched:?}");
    assert!(tokio::time::timeout(SOON, private.accept()).await.is_err());
}

#[tokio::test]
async fn a_name_that_leads_to_no_public_address_is_told_like_one_that_does_not_exist() {
    let server = ScriptedOrigin::bind().await;
    let mut told = Vec::new();
    for answers in [&[][..], &["127.0.0.2"], &["169.254.169.254", "fd00:ec2::254"], &["::ffff:127.0.0.1"]] {
        let names = Names::new(&[answers]);
        let elsewhere = elsewhere(&names);
        let origin = elsewhere.origin(&named("internal.example", &server)).unwrap();
        let Outcome::Failed(failure) = origin.fetch(get("/")).await.outcome else { panic!("{answers:?}") };
        told.push((failure.kind, failure.detail));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert_eq!(told[0].0, FailureKind::Unresolved);
}

#[tokio::test]
async fn a_redirect_to_a_name_that_leads_inside_is_not_followed() {
    let server = ScriptedOrigin::bind().await;
    let private = beside(&server, "127.0.0.2").await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let elsewhere = elsewhere(&names);
    let origin = elsewhere.origin(&named("outside.example", &server)).unwrap();
    let port = server.address().port();
    let act = |mut connection: OriginConnection| async move {
        let location = format!("http://inside.example:{port}/secret");
        connection
            .send(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
            .await;
    };
    let (fetched, ()) = fetched_from(&server, &origin, get("/"), act).await;
    let Outcome::Failed(failure) = &fetched.outcome else { panic!("{fetched:?}") };
    assert_eq!(failure.kind, FailureKind::Unresolved);
    assert!(!failure.detail.contains("secret"), "{}", failure.detail);
    assert_eq!(names.asked(), ["outside.example", "inside.example"]);
    assert!(tokio::time::timeout(SOON, private.accept()).await.is_err());
}

#[tokio::test]
async fn what_may_not_be_asked_is_refused_without_a_look_at_its_name() {
    let names = Names::new(&[&["127.0.0.1"]]);
    let elsewhere = elsewhere(&names);
    for (url, permitted) in [
        ("http://a.example/", true),
        ("http://127.0.0.1/", true),
        ("http://8.8.8.8/", true),
        ("http://127.0.0.2/", false),
        ("http://[::1]/", false),
        ("http://169.254.169.254/latest/meta-data/", false),
        ("http://[fd00:ec2::254]/", false),
        ("http://100.100.100.200/", false),
    ] {
        assert_eq!(elsewhere.permits(&Target::parse(url).unwrap()).is_ok(), permitted, "{url}");
    }
    assert!(names.asked().is_empty());
    // The connection checks again: an address is in no look-up.
    let origin = elsewhere.origin(&Target::parse("http://127.0.0.2:9/").unwrap()).unwrap();
    assert_eq!(kind(&origin.fetch(get("/")).await), FailureKind::Unresolved);
}
