//! The files of an origin, its addresses, and everything that can be wrong with them.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tidegate_testkit::pem;

use super::super::*;
use super::tls::{Folder, pair};
use super::{ROUTE, parse};

fn origin(scheme: &str, lines: &str) -> String {
    format!("[[origin]]\nname = \"a\"\nurl = \"{scheme}://api.example.com\"\n{lines}{ROUTE}")
}

/// The errors of a file with these lines in its origin.
fn check(folder: &Folder, lines: &str, expected: &[&str]) {
    folder.write("t.toml", origin("https", lines));
    assert_eq!(folder.errors(), expected, "{lines}");
}

#[test]
fn an_authority_and_a_certificate_of_the_gateway() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let (other, _) = pair();
    folder.write("ca.pem", format!("{certificate}{other}"));
    folder.write("gateway.pem", &certificate);
    folder.write("gateway.key", &key);
    let lines = "ca = \"ca.pem\"\nclient_certificate = \"gateway.pem\"\nclient_key = \"gateway.key\"\n";
    folder.write("t.toml", origin("https", lines));
    let config = folder.load().unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let tls = &config.origins[0].tls;
    assert_eq!(tls.authorities.as_ref().unwrap().certificates.len(), 2);
    assert_eq!(tls.client.as_ref().unwrap().material.cert.len(), 1);
    assert_eq!(config, folder.load().unwrap());
    let printed = format!("{config:?}{}", crate::check::summary(&config));
    assert!(printed.contains("gateway.key") && !printed.contains(key.lines().nth(1).unwrap()));
    // What is empty is not there: so a variable may decide.
    let config = parse(&origin("https", "ca = \"${CA:-}\"\nclient_key = \"\"\n")).unwrap();
    assert_eq!(config.origins[0].tls, OriginTls::default());
}

#[test]
fn a_client_certificate_that_is_not_valid_now_is_a_warning() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["gateway".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2020, 3, 4);
    folder.write("gateway.pem", pem("CERTIFICATE", params.self_signed(&key).unwrap().der()));
    folder.write("gateway.key", pem("PRIVATE KEY", &key.serialize_der()));
    let lines = "client_certificate = \"gateway.pem\"\nclient_key = \"gateway.key\"\n";
    folder.write("t.toml", origin("https", lines));
    let config = folder.load().unwrap();
    assert_eq!(config.warnings_at("2020-03-04T00:00:00Z".parse().unwrap()), [""; 0]);
    assert_eq!(
        config.warnings_at("2020-03-05T00:00:00Z".parse().unwrap()),
        [
            "the certificate in \"gateway.pem\" expired on 2020-03-04 00:00:00 UTC: its origin does not trust it"
        ]
    );
}

#[test]
fn files_of_an_origin_that_cannot_be_used() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    folder.write("c.pem", &certificate);
    folder.write("k.pem", &key);
    let missing = "cannot be read: No such file or directory (os error 2)";
    check(&folder, "ca = \"ca.pem\"\n", &[&format!("t.toml:4:6 `ca`: \"ca.pem\" {missing}")]);
    check(&folder, "ca = \"k.pem\"\n", &["t.toml:4:6 `ca`: \"k.pem\" holds no certificate in PEM form"]);
    folder.write("bad.pem", [&certificate, &*pem("CERTIFICATE", b"x")].concat());
    check(
        &folder,
        "ca = \"bad.pem\"\n",
        &["t.toml:4:6 `ca`: \"bad.pem\" holds a certificate, number 2, that cannot be understood"],
    );
    let half = "`client_certificate` and `client_key` need each other";
    check(&folder, "client_certificate = \"c.pem\"\n", &[&format!("t.toml:4:22 {half}")]);
    check(&folder, "client_key = \"k.pem\"\n", &[&format!("t.toml:4:14 {half}")]);
    let (other, _) = pair();
    folder.write("other.pem", other);
    check(
        &folder,
        "client_certificate = \"other.pem\"\nclient_key = \"k.pem\"\n",
        &["t.toml:5:14 `client_key`: \"k.pem\" does not belong to the certificate in \"other.pem\""],
    );
    folder.write("t.toml", origin("http", "ca = \"c.pem\"\n"));
    assert_eq!(folder.errors(), ["t.toml:4:6 `ca` has no effect: the origin's URL is not https"]);
}

#[test]
fn addresses_and_versions() {
    let addresses = |list: &str| {
        let config = parse(&origin("http", &format!("addresses = {list}\n"))).unwrap();
        let addresses = &config.origins[0].connections.addresses;
        addresses.iter().map(|text| (text.host().to_owned(), text.port())).collect::<Vec<_>>()
    };
    assert_eq!(
        addresses("[\"10.0.0.1:8080\", \"[::1]:9000\", \"API-2.internal:80\"]"),
        [("10.0.0.1".to_owned(), 8080), ("::1".to_owned(), 9000), ("api-2.internal".to_owned(), 80)]
    );
    for wrong in [
        "",
        "h",
        "h:",
        ":80",
        "h:0",
        "h:+80",
        "h:65536",
        "::1:80",
        "[::1]",
        "http://h:80",
        "h:80/a",
        "a b:80",
    ] {
        let errors = parse(&origin("http", &format!("addresses = [\"{wrong}\"]\n"))).unwrap_err();
        let expected = format!("`addresses`: \"{wrong}\" is not a host or an address with a port");
        assert_eq!(errors[0].problem.message(), expected);
    }
    let twice = parse(&origin("http", "addresses = [\"h:80\", \"H:80\"]\n")).unwrap_err();
    assert_eq!(twice[0].problem.message(), "`addresses`: \"H:80\" is listed twice");
    let config = parse(&origin("http", "http2 = \"prior-knowledge\"\n")).unwrap();
    assert_eq!(*config.origins[0].connections.http2, HttpVersions::PriorKnowledge);
    let errors = parse(&origin("http", "http2 = \"yes\"\n")).unwrap_err();
    assert_eq!(
        (errors[0].problem.message().as_str(), errors[0].problem.help().as_str()),
        ("`http2`: \"yes\" is none of auto, never, prior-knowledge", "write one of these words")
    );
}
