//! How origins are connected to, as the configuration says it.

use crate::common::{Api, Identity, Setup, Stream, get, ok};
use crate::process::started;

#[tokio::test]
async fn an_origin_with_a_private_authority_at_one_of_several_addresses() {
    let api = Api::serve(|_| ok("[1]")).await;
    let identity = Identity::new();
    // Another gateway is the origin: what it shows is what its authority vouches for. It is a process of its own, because
    // what comes back to the process that sent it is refused.
    let file = identity.config(api.url());
    let (_origin, origin) = started(&["serve", "--config", file.to_str().unwrap()]).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let places = format!("addresses = [\"{nobody}\", \"{}\"]\n", origin);
    let trusting = places.clone() + &identity.ca();
    let gateway = Setup::lively("https://localhost").origin(&trusting).start().await;
    let answer = get(gateway.address, "/q", &[]).await;
    assert_eq!((answer.status, answer.text()), (200, "[1]"));
    let mut stream = Stream::open(gateway.address, "/q", &[]).await;
    assert_eq!(stream.begin().await.0.data, "[1]");

    // Without the authority it says what to do.
    let gateway = Setup::lively("https://localhost").origin(&places).start().await;
    let answer = get(gateway.address, "/q", &[]).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("origin's setting `ca`"), "{}", answer.text());
}
