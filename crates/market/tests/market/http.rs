//! The API over loopback: representations, validators, codings, methods, errors, CORS.

use crate::support::{Answer, Client, first_symbol, market};
use serde_json::Value;

const STILL: f64 = 0.0;

/// The body's text of a member whose value is a number, as it stands on the wire.
fn number_text<'a>(body: &'a str, member: &str) -> &'a str {
    let (_, rest) = body.split_once(&format!("\"{member}\":")).expect("the member");
    &rest[..rest.find([',', '}']).expect("an end")]
}

fn assert_cors(answer: &Answer) {
    assert_eq!(answer.field("access-control-allow-origin"), "*");
    assert!(answer.field("access-control-expose-headers").contains("ETag"));
    assert_eq!(answer.field("timing-allow-origin"), "*");
}

#[tokio::test]
async fn every_endpoint_answers_json() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let symbol = first_symbol(client).await;
    let quotes = client.get("/quotes").await.json();
    assert_eq!(quotes.as_array().map(Vec::len), Some(40));
    let paths = ["/", "/quotes"].map(str::to_owned).into_iter().chain([
        format!("/quotes/{symbol}"),
        format!("/quotes/{symbol}/trades"),
        format!("/orderbook/{symbol}"),
    ]);
    for path in paths {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("content-type"), "application/json", "{path}");
        assert_eq!(answer.field("cache-control"), "public, no-cache", "{path}");
        assert_eq!(answer.field("vary"), "Accept-Encoding", "{path}");
        assert_eq!(answer.field("content-length"), answer.body.len().to_string(), "{path}");
        assert!(httpdate::parse_http_date(answer.field("last-modified")).is_ok(), "{path}");
        assert!(httpdate::parse_http_date(answer.field("date")).is_ok(), "{path}");
        let etag = answer.field("etag");
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{path}: {etag}");
        assert_cors(&answer);
        answer.json();
    }
    let quote = client.get(&format!("/quotes/{symbol}")).await;
    assert_eq!(quote.json(), quotes[0]);
    let text = String::from_utf8(quote.body.to_vec()).expect("UTF-8");
    for member in ["price", "change", "change_percent", "bid", "ask"] {
        let decimals = number_text(&text, member).split_once('.').expect("decimals").1;
        assert_eq!(decimals.len(), 2, "{text}");
    }
    let trades = client.get(&format!("/quotes/{symbol}/trades")).await.json();
    let newest = &trades["trades"][0];
    assert_eq!((&newest["price"], &newest["time"]), (&quotes[0]["price"], &quotes[0]["time"]));
    let book = client.get(&format!("/orderbook/{symbol}")).await.json();
    assert_eq!(
        (&book["bids"][0]["price"], &book["asks"][0]["price"]),
        (&quotes[0]["bid"], &quotes[0]["ask"])
    );
}

#[tokio::test]
async fn validators_are_asked_about() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let full = client.get("/quotes").await;
    let etag = full.field("etag").to_owned();
    for (condition, expected) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"x\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = client.send(method, "/quotes", &[("if-none-match", &condition)]).await;
            assert_eq!(answer.status, expected, "{method} {condition}");
            assert_eq!(answer.field("etag"), etag);
            assert_eq!(answer.field("cache-control"), "public, no-cache");
            assert_eq!(answer.field("vary"), "Accept-Encoding");
            assert_cors(&answer);
            if expected == 304 {
                assert!(answer.body.is_empty());
                assert!(!answer.headers.contains_key("content-length"));
                assert!(!answer.headers.contains_key("content-type"));
            }
        }
    }
    // The key is no part of the representation.
    let keyed = client.send("GET", "/quotes?apikey=a", &[("if-none-match", &etag)]).await;
    assert_eq!(keyed.status, 304);
}

#[tokio::test]
async fn codings_have_their_own_tags() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let plain = client.get("/quotes").await;
    let gzip = client.send("GET", "/quotes", &[("accept-encoding", "br, gzip;q=0.5")]).await;
    assert_eq!(plain.field("content-encoding"), "");
    assert_eq!(gzip.field("content-encoding"), "gzip");
    assert_eq!(gzip.field("content-length"), gzip.body.len().to_string());
    assert!(gzip.body.len() * 2 < plain.body.len());
    assert_eq!(gzip.gunzip(), plain.body);
    assert_ne!(gzip.field("etag"), plain.field("etag"));
    assert_eq!(gzip.field("vary"), "Accept-Encoding");
    for (accept, condition, status) in [
        ("gzip", gzip.field("etag"), 304),
        ("gzip", plain.field("etag"), 200),
        ("gzip;q=0", plain.field("etag"), 304),
        ("gzip;q=0", gzip.field("etag"), 200),
    ] {
        let fields = [("accept-encoding", accept), ("if-none-match", condition)];
        assert_eq!(client.send("GET", "/quotes", &fields).await.status, status, "{accept} {condition}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    for (path, fields) in
        [("/quotes", &[("accept-encoding", "gzip")][..]), ("/quotes", &[]), ("/nothing", &[])]
    {
        let get = client.send("GET", path, fields).await;
        let head = client.send("HEAD", path, fields).await;
        assert_eq!(head.status, get.status);
        assert!(head.body.is_empty());
        let without_date = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers
        };
        assert_eq!(without_date(&head), without_date(&get));
    }
}

#[tokio::test]
async fn the_market_moves_and_versions_follow() {
    let market = market(1_000.0).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let mut seen: Vec<(String, Value)> = Vec::new();
    while seen.len() < 5 {
        let answer = client.get("/quotes").await;
        let (etag, quotes) = (answer.field("etag").to_owned(), answer.json());
        let newest = quotes.as_array().expect("quotes").iter().map(|quote| quote["time"].as_str()).max();
        let newest = newest.flatten().expect("a time").to_owned();
        match seen.last() {
            Some((last, same)) if *last == etag => assert_eq!(*same, quotes),
            _ => seen.push((etag, quotes)),
        }
        let modified = httpdate::parse_http_date(answer.field("last-modified")).expect("a date");
        let date = httpdate::parse_http_date(answer.field("date")).expect("a date");
        assert!(modified <= date);
        // The second that Last-Modified names is that of the newest trade.
        assert!(httpdate::fmt_http_date(modified).contains(&newest[11..19]), "{newest}");
    }
}

#[tokio::test]
async fn errors_are_problems() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let long = format!("/quotes?apikey={}", "k".repeat(65));
    for (method, target, status) in [
        ("GET", "/quotes/nope", 404),
        ("GET", "/quotes/nope/trades", 404),
        ("GET", "/orderbook/nope", 404),
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("POST", "/quotes", 405),
        ("DELETE", "/quotes/nope", 405),
        ("PUT", "/usage", 405),
        ("GET", &long, 400),
    ] {
        let answer = client.send(method, target, &[]).await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.field("content-type"), "application/problem+json");
        assert_eq!(answer.json()["status"], status);
        assert!(answer.json()["detail"].is_string());
        assert_eq!(answer.field("allow"), if status == 405 { "GET, HEAD, OPTIONS" } else { "" });
        assert_cors(&answer);
    }
}

#[tokio::test]
async fn any_page_may_ask() {
    let market = market(STILL).await;
    let client = &mut Client::connect(market.local_addr()).await;
    let preflight = [
        ("origin", "https://page.test"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization,if-none-match"),
    ];
    let answer = client.send("OPTIONS", "/quotes", &preflight).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.field("access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert_eq!(answer.field("access-control-allow-headers"), "authorization,if-none-match");
    assert_eq!(answer.field("access-control-max-age"), "7200");
    assert_cors(&answer);
    let plain = client.send("OPTIONS", "/quotes", &[]).await;
    assert_eq!(plain.status, 204);
    assert_eq!(plain.field("allow"), "GET, HEAD, OPTIONS");
    assert_eq!(plain.field("access-control-max-age"), "");
}
