//! How origins are connected to, as the configuration says it.

use crate::common::{Api, Identity, Setup, Stream, get, ok};

#[tokio::test]
async fn an_origin_with_a_private_authority_at_one_of_several_addresses() {
    let api = Api::serve(|_| ok("[1]")).await;
    let identity = Identity::new();
    // Another gateway is the origin: what it shows is what its authority vouches for.
    let origin = Setup::new(api.url()).tls(&identity).start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let places = format!("addresses = [\"{nobody}\", \"{}\"]\n", origin.address);
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
