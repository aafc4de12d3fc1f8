//! Several addresses: turns, one that dies and comes back, and names whose addresses change.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use super::super::resolve::{Allow, Place, Resolve, Resolving};
use super::*;

/// Answers every request on every connection with a document that names the server, until it is told to end.
struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(name: &'static str) -> Server {
        Server::at("127.0.0.1:0".parse().unwrap(), name).await
    }

    async fn at(address: SocketAddr, name: &'static str) -> Server {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, name));
            }
        });
        Server { address, task }
    }

    fn place(&self) -> Place {
        Place { host: self.address.ip().to_string(), port: self.address.port() }
    }

    /// Ends it: its connections break, and new ones are refused.
    async fn end(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

async fn answer(stream: tokio::net::TcpStream, name: &str) {
    let (mut read, mut write) = stream.into_split();
    let mut head = Vec::new();
    while let Ok(byte) = tokio::io::AsyncReadExt::read_u8(&mut read).await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            let body = format!("\"{name}\"");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if tokio::io::AsyncWriteExt::write_all(&mut write, answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// An origin that is called `origin.test` and is connected to as these settings say, each connection for one request.
fn origin_at(connections: ConnectionSettings) -> HttpOrigin {
    let connections = ConnectionSettings { max_age: Duration::ZERO, ..connections };
    HttpOrigin::new(OriginSettings { connections, ..settings("http://origin.test") }).unwrap()
}

pub(super) fn at(addresses: Vec<Place>) -> ConnectionSettings {
    ConnectionSettings { addresses, ..ConnectionSettings::default() }
}

/// Who answered.
async fn asked(origin: &HttpOrigin) -> String {
    let fetched = origin.fetch(get("/")).await;
    match fetched.outcome {
        Outcome::Fresh(document) => String::from_utf8(document.body.to_vec()).unwrap().replace('"', ""),
        Outcome::Failed(failure) => format!("{:?}: {}", failure.kind, failure.detail),
        other => panic!("{other:?}"),
    }
}

async fn asked_times(origin: &HttpOrigin, times: usize) -> Vec<String> {
    let mut answers = Vec::with_capacity(times);
    for _ in 0..times {
        answers.push(asked(origin).await);
    }
    answers
}

#[tokio::test]
async fn connections_take_turns() {
    let (a, b) = (Server::start("a").await, Server::start("b").await);
    let origin = origin_at(at(vec![a.place(), b.place()]));
    assert_eq!(asked_times(&origin, 4).await, ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn one_that_dies_costs_no_request_and_comes_back() {
    let (a, b) = (Server::start("a").await, Server::start("b").await);
    let origin = origin_at(at(vec![a.place(), b.place()]));
    assert_eq!(asked_times(&origin, 2).await, ["a", "b"]);
    let address = a.end().await;
    assert_eq!(asked_times(&origin, 4).await, ["b", "b", "b", "b"]);
    // While it is left out nobody knocks; the connection after that does.
    let _a = Server::at(address, "again").await;
    let back = async {
        while asked(&origin).await != "again" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(AGES, back).await.expect("it is tried again");
    // Its answer made it as good as the other.
    let mut both = asked_times(&origin, 2).await;
    both.sort();
    assert_eq!(both, ["again", "b"]);
}

#[tokio::test]
async fn connections_that_are_kept_are_given_up_when_old() {
    let (a, b) = (Server::start("a").await, Server::start("b").await);
    let connections = at(vec![a.place(), b.place()]);
    let young = ConnectionSettings { max_age: AGES, ..connections.clone() };
    let young =
        HttpOrigin::new(OriginSettings { connections: young, ..settings("http://origin.test") }).unwrap();
    assert_eq!(asked_times(&young, 3).await, ["a", "a", "a"]);
    assert_eq!(asked_times(&origin_at(connections), 3).await, ["a", "b", "a"]);
}

#[tokio::test]
async fn when_all_are_dead_it_says_so_and_recovers() {
    let (a, b) = (Server::start("a").await, Server::start("b").await);
    let origin = origin_at(at(vec![a.place(), b.place()]));
    let address = a.end().await;
    b.end().await;
    for _ in 0..3 {
        let said = asked(&origin).await;
        assert!(said.starts_with("Unreachable: no connection to origin.test: "), "{said}");
        assert!(said.contains("refused") && !said.contains("127.0.0.1"), "{said}");
    }
    // Both are left out, and so both are tried: nobody waits for the time to be over.
    let _a = Server::at(address, "a").await;
    assert_eq!(asked(&origin).await, "a");
}

/// What each name's look-ups come to; the last for ever.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Option<Vec<SocketAddr>>>>>,
    asked: Mutex<usize>,
}

impl Names {
    fn say(&self, name: &str, answers: Vec<Option<Vec<SocketAddr>>>) {
        self.answers.lock().unwrap().insert(name.to_owned(), answers);
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Resolve for Names {
    fn resolve(&self, place: &Place) -> Resolving {
        *self.asked.lock().unwrap() += 1;
        let mut answers = self.answers.lock().unwrap();
        let of_the_name = answers.get_mut(&place.host);
        let answer =
            of_the_name.and_then(|list| if list.len() > 1 { list.remove(0) } else { list[0].clone() });
        Box::pin(async move { answer.ok_or_else(|| std::io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn a_name_is_asked_for_once_for_many_connections() {
    let a = Server::start("a").await;
    let names = Arc::new(Names::default());
    names.say("origin.test", vec![Some(vec![a.address])]);
    let origin = origin_at(ConnectionSettings { resolver: names.clone(), ..ConnectionSettings::default() });
    assert_eq!(asked_times(&origin, 5).await, ["a"; 5]);
    assert_eq!(names.asked(), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_said() {
    let names = Arc::new(Names::default());
    let origin = origin_at(ConnectionSettings { resolver: names, ..ConnectionSettings::default() });
    let said = asked(&origin).await;
    assert_eq!(said, "Unresolved: no connection to origin.test: its name has no known address: no such name");
}

#[tokio::test]
async fn a_name_that_moved_is_found_when_its_old_address_is_dead() {
    let (a, b) = (Server::start("a").await, Server::start("b").await);
    let names = Arc::new(Names::default());
    names.say("origin.test", vec![Some(vec![a.address]), None, Some(vec![b.address])]);
    let origin = origin_at(ConnectionSettings { resolver: names.clone(), ..ConnectionSettings::default() });
    assert_eq!(asked(&origin).await, "a");
    a.end().await;
    // The look-up that fails leaves the old address in use, and so the failure is told as it is.
    let moved = async {
        loop {
            match asked(&origin).await.as_str() {
                "b" => break,
                said => assert!(said.contains("refused"), "{said}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(AGES, moved).await.expect("it is asked for again");
    assert_eq!(names.asked(), 3);
}

#[tokio::test]
async fn an_address_that_says_nothing_does_not_keep_the_next_waiting() {
    let b = Server::start("b").await;
    // The backlog of a listener that accepts nobody is full with these, and its kernel is silent then.
    let full = tokio::net::TcpSocket::new_v4().unwrap();
    full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = full.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let silent = Place { host: "127.0.0.1".to_owned(), port: address.port() };
    let origin = origin_at(at(vec![silent, b.place()]));
    assert_eq!(asked(&origin).await, "b");
}

/// Refuses one address.
#[derive(Debug)]
struct Not(IpAddr);

impl Allow for Not {
    fn allows(&self, address: IpAddr) -> bool {
        address != self.0
    }
}

#[tokio::test]
async fn what_the_guard_refuses_is_not_connected_to() {
    let server = Server::start("a").await;
    let forbidden = server.address.ip();
    let names = Arc::new(Names::default());
    names.say("origin.test", vec![Some(vec![server.address])]);
    let by_name = ConnectionSettings { resolver: names, ..ConnectionSettings::default() };
    let unknown =
        ConnectionSettings { resolver: Arc::new(Names::default()), ..ConnectionSettings::default() };
    for connections in [by_name, at(vec![server.place()]), unknown] {
        let guarded = ConnectionSettings { guard: Some(Arc::new(Not(forbidden))), ..connections };
        let said = asked(&origin_at(guarded)).await;
        assert!(said.contains("no address that may be connected to"), "{said}");
    }
}
