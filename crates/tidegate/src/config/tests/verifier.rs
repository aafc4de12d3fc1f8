//! Whose word about callers counts, and what routes make of it: what is accepted, what is wrong and where.

use super::super::*;
use super::{ORIGIN, VERIFIER, errors, parse, unset};
use crate::identity::{Algorithm, KeyKind, Verifier};

/// A public key of the tokens in `testdata/identity`, by its algorithm.
pub(super) fn public(algorithm: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/identity/tokens.json");
    let fixture: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut tokens = fixture["tokens"].as_array().unwrap().iter();
    tokens.find(|token| token["alg"] == algorithm).unwrap()["public"].as_str().unwrap().to_owned()
}

/// A setting with this key alone.
fn keys(algorithm: &str) -> String {
    format!("public_keys = {{ a = {:?} }}\n", public(algorithm))
}

/// A verifier of its own lines, which stand from line 7 on, and a route.
fn with(verifier: &str, route: &str) -> String {
    format!(
        "{ORIGIN}\n[[verifier]]\nname = \"login\"\n{verifier}[[route]]\npath = \"/**\"\norigin = \"a\"\n{route}"
    )
}

fn check(verifier: &str, expected: &[&str]) {
    assert_eq!(errors(&with(verifier, ""), &unset), expected, "{verifier}");
}

/// The lines stand from line 4 on.
fn check_route(lines: &str, expected: &[&str]) {
    let text = format!("[[route]]\npath = \"/**\"\norigin = \"a\"\n{lines}{ORIGIN}{VERIFIER}");
    assert_eq!(errors(&text, &unset), expected, "{lines}");
}

#[test]
fn what_is_written_is_what_tokens_are_held_against() {
    let lines = format!(
        "public_keys = {{ \"2026\" = {:?}, ec = {:?} }}\nsecrets = {{ s = \"${{SECRET}}\" }}\n\
         algorithms = [\"PS256\", \"RS256\", \"ES256\", \"HS384\"]\nissuer = \"i\"\naudience = \"a\"\nleeway = \"1s\"\n",
        public("RS256"),
        public("ES256")
    );
    let route = "verifier = \"login\"\npartition_by = [\"sub\", \"https://example.com/tenant\"]\n\
                 claim_headers = { \"X-User\" = \"sub\" }\n";
    let secret = |_: &str| Some("zq9".repeat(16));
    let config = Config::parse("t", &with(&lines, route), &secret);
    let config = config.unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let callers = config.routes[0].callers.as_ref().unwrap();
    let Verifier::Jwt(verifier) = &*callers.verifier.verifier;
    let kinds: Vec<_> = verifier.keys.iter().map(|(name, key)| (name.as_str(), key.kind())).collect();
    assert_eq!(kinds, [("2026", KeyKind::Rsa), ("ec", KeyKind::P256), ("s", KeyKind::Secret)]);
    let expected = [Algorithm::Ps256, Algorithm::Rs256, Algorithm::Es256, Algorithm::Hs384];
    assert_eq!(verifier.algorithms, expected);
    assert_eq!((&*verifier.issuer, &*verifier.audience, verifier.leeway.as_secs()), ("i", "a", 1));
    let claims: Vec<_> = callers.partition_by.iter().map(|claim| claim.as_str()).collect();
    assert_eq!(claims, ["sub", "https://example.com/tenant"]);
    assert_eq!(callers.headers[0].0.as_str(), "x-user");
    let shown = format!("{config:?}");
    assert!(!shown.contains("zq9"), "{shown}");
}

#[test]
fn the_key_decides_where_nothing_is_written() {
    let algorithms = |lines: &str| {
        let config = parse(&with(lines, "verifier = \"login\"\n")).unwrap();
        let Verifier::Jwt(verifier) = &*config.routes[0].callers.as_ref().unwrap().verifier.verifier;
        verifier.algorithms.clone()
    };
    assert_eq!(algorithms(&keys("RS256")), [Algorithm::Rs256]);
    assert_eq!(algorithms(&keys("ES384")), [Algorithm::Es384]);
    let secret = format!("{}secrets = {{ a = \"{}\" }}\n", keys("EdDSA"), "s".repeat(32));
    assert_eq!(algorithms(&secret), [Algorithm::EdDsa, Algorithm::Hs256]);
}

#[test]
fn what_is_wrong_with_a_verifier_is_told() {
    let secret = format!("secrets = {{ a = \"{}\" }}\n", "s".repeat(40));
    check("", &["t:5:1 [[verifier]] has no key"]);
    check(
        "secrets = { a = \"short\", b = 1 }\n",
        &[
            "t:7:17 `secrets`: \"short\" is shorter than 32 bytes, which HS256 needs",
            "t:7:30 `secrets` is an integer, expected a table of names with secrets as strings",
        ],
    );
    check("public_keys = { a = \"x\" }\n", &["t:7:21 `public_keys`: \"x\" is not a public key in PEM form"]);
    let names = Algorithm::NAMES.join(", ");
    check(
        &format!("{secret}algorithms = [\"none\", \"hs256\", \"HS256\"]\n"),
        &[
            &format!("t:8:15 `algorithms`: \"none\" is none of {names}"),
            &format!("t:8:23 `algorithms`: \"hs256\" is none of {names}"),
        ],
    );
    check(
        &format!("{secret}algorithms = [\"HS512\"]\n"),
        &[
            "t:7:1 `secrets`: none of `algorithms` is for the key \"a\"",
            "t:8:15 `algorithms`: no key can verify \"HS512\"",
        ],
    );
    check(
        &format!("{secret}algorithms = [\"HS256\", \"RS256\"]\n"),
        &["t:8:24 `algorithms`: no key can verify \"RS256\""],
    );
    check(
        &format!("{secret}{}algorithms = [\"HS256\"]\n", keys("ES256")),
        &["t:8:1 `public_keys`: none of `algorithms` is for the key \"a\""],
    );
    check(&format!("{secret}leeway = \"1h\"\n"), &["t:8:10 `leeway`: \"1h\" is not between 0ms and 10m"]);
    check(&format!("{secret}{VERIFIER}"), &["t:9:8 the verifier on line 6 has the name \"login\" already"]);
}

#[test]
fn a_private_key_is_named_and_never_shown() {
    let key = "-----BEGIN PRIVATE KEY-----\nzq9zq9\n-----END PRIVATE KEY-----\n";
    let held = |_: &str| Some(key.to_owned());
    let text = with("public_keys = { a = \"${KEY}\" }\n", "");
    let shown = render(&Config::parse("t", &text, &held).unwrap_err());
    assert!(shown.contains("\"${KEY}\" is a private key") && !shown.contains("zq9"), "{shown}");
}

#[test]
fn what_is_wrong_with_a_route_is_told() {
    check_route("verifier = \"login\"\n", &[]);
    check_route("verifier = \"\"\n", &[]);
    check_route("verifier = \"logn\"\n", &["t:4:12 there is no verifier named \"logn\""]);
    check_route(
        "partition_by = [\"sub\"]\nclaim_headers = { X-User = \"sub\" }\n",
        &[
            "t:4:1 `partition_by` needs `verifier` beside it",
            "t:5:1 `claim_headers` needs `verifier` beside it",
        ],
    );
    check_route(
        "verifier = \"login\"\npartition_by = [\"sub\"]\nclaim_headers = { X-Tenant = \"tenant\" }\n",
        &["t:6:1 `claim_headers`: the claim \"tenant\" would reach the origin and divide nobody"],
    );
    check_route(
        "verifier = \"login\"\npartition_by = [\"\", \"a\", \"a\"]\n",
        &[
            "t:5:17 `partition_by`: \"\" is not the name of a claim",
            "t:5:26 `partition_by`: \"a\" is listed twice",
        ],
    );
    check_route(
        "verifier = \"login\"\npartition_by = [\"sub\"]\n\
         claim_headers = { Authorization = \"sub\", Cookie = \"sub\", Host = \"sub\", X-Forwarded-User = \"sub\" }\n",
        &[
            "t:6:19 `claim_headers`: \"Authorization\" is a field that clients send for themselves",
            "t:6:42 `claim_headers`: \"Cookie\" is a field that clients send for themselves",
            "t:6:58 `claim_headers`: \"Host\" is made by the gateway for each request",
            "t:6:72 `claim_headers`: \"X-Forwarded-User\" is made by the gateway for each request",
        ],
    );
    // Where nothing is shared, nobody has to be divided.
    check_route("live = false\nverifier = \"login\"\nclaim_headers = { X-Tenant = \"tenant\" }\n", &[]);
    check_route(
        "live = false\nverifier = \"login\"\npartition_by = [\"tenant\"]\n",
        &["t:6:1 `partition_by` has no effect: the route is not live"],
    );
}

#[test]
fn what_the_origin_sets_itself_tells_of_nobody() {
    let text = format!(
        "[[route]]\npath = \"/**\"\norigin = \"b\"\nverifier = \"login\"\npartition_by = [\"sub\"]\n\
         claim_headers = {{ X-User = \"sub\" }}\n[[origin]]\nname = \"b\"\nurl = \"http://h\"\n\
         headers = {{ X-USER = \"gateway\" }}\n{VERIFIER}"
    );
    let expected = ["t:6:1 `claim_headers`: \"x-user\" is set by the origin's `headers` already"];
    assert_eq!(errors(&text, &unset), expected);
}

#[test]
fn who_divides_callers_for_nothing_is_warned() {
    let warnings = |route: &str| {
        let text = format!("{ORIGIN}[[route]]\npath = \"/**\"\norigin = \"a\"\n{route}{VERIFIER}");
        parse(&text).unwrap().warnings_at("2026-01-01T00:00:00Z".parse().unwrap()).len()
    };
    assert_eq!(warnings("verifier = \"login\"\n"), 0);
    assert_eq!(warnings("verifier = \"login\"\npartition_by = [\"sub\"]\n"), 1);
    let told = "verifier = \"login\"\npartition_by = [\"sub\"]\nclaim_headers = { X-User = \"sub\" }\n";
    assert_eq!(warnings(told), 0);
}
