//! Field controls: what a route does not want to hear of is not told, and what is told is whole.

use crate::common::{Api, Cell, Setup, Stream, get, ok, until};

#[tokio::test]
async fn only_what_counts_is_told_and_it_is_told_whole() {
    let body = Cell::<String>::new(r#"{"at":1,"took":7,"data":[{"sku":"a","price":1.10}]}"#);
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let route = "payload = \"/data\"\ntolerance = { \"$.data[*].price\" = 0.05 }\n";
    let gateway = Setup::lively(api.url()).route(route).start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let (snapshot, _) = stream.begin().await;
    assert_eq!(snapshot.data, body.get());

    // The envelope changes, and a price by a little: nothing of that is told, however often it is asked.
    body.set(r#"{"at":2,"took":9,"data":[{"sku":"a","price":1.14}]}"#);
    let asked = api.asked();
    until("it is asked again and again", || async { api.asked() >= asked + 3 }).await;
    // Small steps add up against what was told last; then all of the document is told as it is.
    body.set(r#"{"at":3,"took":4,"data":[{"sku":"a","price":1.16}]}"#);
    assert_eq!(stream.expect("snapshot").await.data, body.get());
    assert_eq!(get(gateway.address, "/q", &[]).await.text(), body.get());
}

#[tokio::test]
async fn a_plain_reader_has_the_version_that_was_told_last() {
    let body = Cell::<String>::new(r#"{"at":1,"value":1}"#);
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).route("ignore = [\"$.at\"]\n").start().await;
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    let (snapshot, _) = stream.begin().await;
    body.set(r#"{"at":2,"value":1}"#);
    let asked = api.asked();
    until("it is asked again and again", || async { api.asked() >= asked + 3 }).await;
    let read = get(gateway.address, "/q", &[]).await;
    assert_eq!(read.text(), r#"{"at":1,"value":1}"#);
    assert_eq!(read.field("etag"), Some(&*format!("\"{}\"", snapshot.id.unwrap_or_default())));
    body.set(r#"{"at":3,"value":2}"#);
    assert_eq!(stream.expect("snapshot").await.data, body.get());
}
