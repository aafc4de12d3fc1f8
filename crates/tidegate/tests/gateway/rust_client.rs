//! What the Rust client can ask of a gateway, in both transports.

use std::time::Duration;

use tidegate_client::{Client, ClientBuilder, Error, Live, Mode, Transport, Update};

use crate::common::{Api, Cell, Running, Setup, ok, within};

async fn api() -> (Api, Cell<String>, Running) {
    let body = Cell::<String>::new(document(1));
    let served = body.clone();
    let api = Api::serve(move |_| ok(served.get())).await;
    let gateway = Setup::lively(api.url()).start().await;
    (api, body, gateway)
}

fn document(number: u32) -> String {
    format!(r#"{{"n":{number}.10,"rows":[{{"n":{number}}},{{"n":0}}],"fixed":"{}"}}"#, "x".repeat(200))
}

fn client(gateway: &Running, transport: Transport) -> ClientBuilder {
    let url = format!("http://{}/q", gateway.address);
    Client::builder(url).stream_only().transport(transport).max_backoff(Duration::from_millis(5))
}

/// The next change, as its kind and the document.
async fn change(live: &mut Live) -> (&'static str, String) {
    let kind = within("a change", async {
        loop {
            match live.next().await.unwrap() {
                Update::Snapshot { .. } => break "snapshot",
                Update::Patched { .. } => break "patch",
                Update::Merged { .. } => break "merge",
                _ => {}
            }
        }
    })
    .await;
    (kind, live.document().unwrap().text().into_owned())
}

#[tokio::test]
async fn each_mode_in_each_transport() {
    for transport in Transport::ALL {
        for (mode, kind) in [(Mode::Patch, "patch"), (Mode::Merge, "merge"), (Mode::Snapshot, "snapshot")] {
            let (_api, body, gateway) = api().await;
            let mut live = client(&gateway, transport).mode(mode).build().unwrap().live();
            assert_eq!(change(&mut live).await, ("snapshot", document(1)));
            body.set(document(2));
            assert_eq!(change(&mut live).await, (kind, document(2)), "{mode} in {transport}");
        }
        let (_api, _body, gateway) = api().await;
        let mut live = client(&gateway, transport).mode(Mode::First).build().unwrap().live();
        assert_eq!(change(&mut live).await, ("snapshot", document(1)));
        let end = async {
            loop {
                if let Err(error) = live.next().await {
                    break error;
                }
            }
        };
        assert_eq!(within("its end", end).await, Error::Complete);
    }
}

#[tokio::test]
async fn at_a_rate_and_of_an_age() {
    for transport in Transport::ALL {
        let (_api, body, gateway) = api().await;
        let builder =
            client(&gateway, transport).rate(Duration::from_millis(20)).max_age(Duration::from_secs(1));
        let mut live = builder.build().unwrap().live();
        assert_eq!(change(&mut live).await, ("snapshot", document(1)));
        body.set(document(2));
        assert_eq!(change(&mut live).await.1, document(2));
    }
}

#[tokio::test]
async fn a_part() {
    for transport in Transport::ALL {
        let (_api, body, gateway) = api().await;
        let mut path = client(&gateway, transport).select("$.rows[*].n").build().unwrap().live();
        let mut pointer = client(&gateway, transport).select("/n").build().unwrap().live();
        assert_eq!(change(&mut path).await, ("snapshot", "[1,0]".to_owned()));
        assert_eq!(change(&mut pointer).await, ("snapshot", "1.10".to_owned()));
        body.set(document(2));
        assert_eq!(change(&mut path).await.1, "[2,0]");
        assert_eq!(change(&mut pointer).await.1, "2.10");
        assert_eq!(path.data::<Vec<u32>>().unwrap().unwrap(), [2, 0]);
    }
}

#[tokio::test]
async fn text_that_is_not_json() {
    let text = "two\nlines, \"quoted\"\n";
    for transport in Transport::ALL {
        let api =
            Api::serve(move |_| crate::common::answer("200 OK", "Content-Type: text/plain\r\n", text)).await;
        let gateway = Setup::lively(api.url()).start().await;
        let mut live = client(&gateway, transport).build().unwrap().live();
        assert_eq!(change(&mut live).await, ("snapshot", text.to_owned()), "{transport}");
    }
}
