//! A running market: its meter, its faults, its start and its end.

use std::net::SocketAddr;

use crate::support::{Answer, Client, first_symbol, market};
use tidegate_market::{
    ANONYMOUS, Counts, Endpoint, Fault, HIGHEST_RATE, MOST_SYMBOLS, Market, MarketConfig, StartError, Usage,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes on a connection of their own and reads until the market closes it.
async fn raw(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the market listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read");
    answer
}

/// Lets the market run until `done` holds of its usage.
async fn until(market: &Market, done: impl Fn(&Usage) -> bool) {
    while !done(&market.usage()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn bytes_are_counted_as_they_are_on_the_wire() {
    let market = market(0.0).await;
    let address = market.local_addr();
    let (mut bytes_in, mut bytes_out) = (0, 0);
    let etag = Client::connect(address).await.get("/quotes?apikey=other").await.field("etag").to_owned();
    let get = "GET /quotes?apikey=page HTTP/1.1\r\n";
    let end = "Connection: close\r\n\r\n";
    let requests = [
        (format!("{get}Host: m\r\n{end}"), 200),
        (format!("{get}Host: m\r\nAccept-Encoding: gzip\r\n{end}"), 200),
        (format!("{get}Host: m\r\nIf-None-Match: {etag}\r\n{end}"), 304),
        (format!("HEAD /quotes?apikey=page HTTP/1.1\r\nHost: m\r\n{end}"), 200),
        (format!("POST /quotes?apikey=page HTTP/1.1\r\nHost: m\r\n{end}"), 405),
        (format!("OPTIONS /quotes?apikey=page HTTP/1.1\r\nHost: m\r\n{end}"), 204),
        ("GET /quotes?apikey=page HTTP/1.0\r\n\r\n".to_owned(), 200),
        // Two on one connection.
        (format!("{get}Host: m\r\n\r\n{get}Host: m\r\n{end}"), 200),
        // Neither none nor two hosts are allowed.
        (format!("{get}{end}"), 400),
        (format!("{get}Host: m\r\nHost: n\r\n{end}"), 400),
    ];
    for (request, status) in &requests {
        let answer = raw(address, request).await;
        assert_eq!(answer[9..12], *status.to_string().as_bytes(), "{request}");
        bytes_in += request.len() as u64;
        bytes_out += answer.len() as u64;
        let counts = market.usage().of("page", Endpoint::Quotes);
        assert_eq!((counts.bytes_in, counts.bytes_out), (bytes_in, bytes_out), "{request}");
    }
    let counts = market.usage().of("page", Endpoint::Quotes);
    assert_eq!(counts, Counts { requests: 11, not_modified: 1, bytes_out, bytes_in });
    assert_eq!(market.usage().of("other", Endpoint::Quotes).requests, 1);
}

#[tokio::test]
async fn usage_is_told_by_key_and_endpoint() {
    let market = market(0.0).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let symbol = first_symbol(client).await;
    for _ in 0..3 {
        client.get(&format!("/quotes/{symbol}/trades?apikey=board")).await;
    }
    client.get("/missing?apikey=board").await;
    let answer = client.get("/usage").await;
    assert_eq!(answer.field("cache-control"), "no-store");
    let told = answer.json();
    assert_eq!(told["keys"]["board"]["/quotes/{symbol}/trades"]["requests"], 3);
    assert_eq!(told["keys"]["board"]["other"]["requests"], 1);
    assert_eq!(told["keys"][ANONYMOUS]["/quotes"]["requests"], 1);
    assert_eq!(told["keys"][ANONYMOUS]["/usage"]["requests"], 1);
    assert_eq!(market.usage().of_key("board").requests, 4);
    assert_eq!(market.usage().total().requests, 6);
}

#[tokio::test]
async fn an_error_is_a_503_until_it_ends() {
    let market = market(0.0).await;
    let client = &mut Client::connect(market.local_addr()).await;
    market.set_fault(Fault::Error);
    let answer = client.get("/quotes").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("content-type"), "application/problem+json");
    assert_eq!(answer.field("retry-after"), "1");
    assert_eq!(answer.field("access-control-allow-origin"), "*");
    market.set_fault(Fault::None);
    assert_eq!(client.get("/quotes").await.status, 200);
}

#[tokio::test]
async fn what_hangs_is_answered_when_that_ends() {
    for (then, status) in [(Fault::None, 200), (Fault::Error, 503), (Fault::Halt, 200)] {
        let market = market(0.0).await;
        let mut client = Client::connect(market.local_addr()).await;
        market.set_fault(Fault::Hang);
        let held = tokio::spawn(async move { client.get("/quotes").await });
        until(&market, |usage| usage.total().requests == 1).await;
        assert_eq!(market.usage().total().bytes_out, 0);
        assert!(!held.is_finished());
        market.set_fault(then);
        assert_eq!(held.await.expect("no panic").status, status);
    }
}

#[tokio::test]
async fn a_halt_holds_at_once_and_trading_goes_on_after_it() {
    let market = market(HIGHEST_RATE).await;
    let client = &mut Client::connect(market.local_addr()).await;
    market.set_fault(Fault::Halt);
    let halted = client.get("/quotes").await;
    assert_eq!(halted.status, 200);
    for _ in 0..100 {
        assert_eq!(client.get("/quotes").await.body, halted.body);
    }
    market.set_fault(Fault::None);
    assert!(moves_on(client, &halted, async |_| ()).await);
}

#[tokio::test]
async fn trading_goes_on_behind_an_outage() {
    let market = market(HIGHEST_RATE).await;
    let client = &mut Client::connect(market.local_addr()).await;
    market.set_fault(Fault::Halt);
    let before = client.get("/quotes").await;
    // Halted again whenever the API answers, so that all that changes has changed behind the outage.
    let outage = async |client: &mut Client| {
        market.set_fault(Fault::Error);
        assert_eq!(client.get("/quotes").await.status, 503);
        market.set_fault(Fault::Halt);
    };
    assert!(moves_on(client, &before, outage).await);
}

/// Whether the quotes become others within many tries, each after a `turn`.
async fn moves_on(client: &mut Client, before: &Answer, turn: impl AsyncFn(&mut Client)) -> bool {
    for _ in 0..10_000 {
        turn(client).await;
        if client.get("/quotes").await.body != before.body {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = market(0.0).await;
    let listen = first.local_addr();
    let error = Market::start(MarketConfig { listen, ..MarketConfig::default() }).await.expect_err("taken");
    assert!(matches!(error, StartError::AddressInUse { address } if address == listen), "{error:?}");
    assert_eq!(error.to_string(), format!("{listen} is already in use"));
}

#[tokio::test]
async fn impossible_markets_are_refused() {
    for symbols in [0, MOST_SYMBOLS + 1] {
        let error =
            Market::start(MarketConfig { symbols, ..MarketConfig::default() }).await.expect_err("refused");
        assert!(matches!(error, StartError::Symbols { given } if given == symbols), "{error:?}");
    }
    for rate in [-1.0, f64::NAN, f64::INFINITY, HIGHEST_RATE + 1.0] {
        let error =
            Market::start(MarketConfig { rate, ..MarketConfig::default() }).await.expect_err("refused");
        assert!(matches!(error, StartError::Rate { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn shutting_down_frees_the_port_and_answers_what_hangs() {
    let market = market(40.0).await;
    let address = market.local_addr();
    let mut idle = Client::connect(address).await;
    idle.get("/").await;
    let mut held = Client::connect(address).await;
    market.set_fault(Fault::Hang);
    let held = tokio::spawn(async move { held.get("/quotes").await });
    until(&market, |usage| usage.total().requests == 2).await;
    market.shutdown().await;
    assert_eq!(held.await.expect("no panic").status, 200);
    assert!(TcpStream::connect(address).await.is_err());
    market.shutdown().await;
    let config = MarketConfig { listen: address, symbols: 5, ..MarketConfig::default() };
    let again = Market::start(config).await.expect("the port is free");
    assert_eq!(Client::connect(again.local_addr()).await.get("/").await.status, 200);
}

#[tokio::test]
async fn equal_seeds_list_equal_companies() {
    let names = |market: &Market| {
        let address = market.local_addr();
        async move {
            let quotes = Client::connect(address).await.get("/quotes").await.json();
            let list = quotes.as_array().expect("quotes").iter();
            list.map(|quote| (quote["symbol"].clone(), quote["name"].clone())).collect::<Vec<_>>()
        }
    };
    let (one, two) = (market(0.0).await, market(0.0).await);
    assert_eq!(names(&one).await, names(&two).await);
}
