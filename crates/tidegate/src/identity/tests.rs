//! Tokens that others made, and tokens that were made to deceive.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use tidegate_core::ClaimValue;

use super::*;

const NOW: Duration = Duration::from_secs(1_800_000_000);
const SECRET: &[u8] = b"a secret that has as many bytes as HS512 wants it to have: 64 of them";

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/identity/tokens.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn verifier(keys: Vec<(&str, Key)>, algorithms: &[Algorithm]) -> JwtVerifier {
    JwtVerifier {
        keys: keys.into_iter().map(|(name, key)| (name.to_owned(), key)).collect(),
        algorithms: algorithms.to_vec(),
        issuer: "https://login.example".to_owned(),
        audience: "orders".to_owned(),
        leeway: Duration::from_secs(30),
    }
}

fn with_secret() -> JwtVerifier {
    verifier(vec![("main", Key::secret(SECRET).unwrap())], &[Algorithm::Hs256])
}

fn signed(header: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token with these changes to claims that are right; `null` takes one out.
fn token(changes: &Value) -> String {
    let mut claims =
        json!({ "iss": "https://login.example", "aud": "orders", "sub": "a", "exp": NOW.as_secs() + 60 });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
    signed(r#"{"alg":"HS256"}"#, &claims.to_string(), SECRET)
}

#[test]
fn tokens_of_other_programs_are_verified() {
    for made in fixture()["tokens"].as_array().unwrap() {
        let (name, token) = (made["alg"].as_str().unwrap(), made["token"].as_str().unwrap());
        let algorithm = Algorithm::named(name).unwrap();
        let key = match made["public"].as_str() {
            Some(pem) => Key::public(pem).unwrap(),
            None => Key::secret(made["secret"].as_str().unwrap().as_bytes()).unwrap(),
        };
        assert_eq!(key.kind(), algorithm.kind(), "{name}");
        let right = verifier(vec![("k", key.clone())], &[algorithm]);
        let verified = right.verify(token, NOW).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(verified.claims.identifying("sub"), Ok(ClaimValue::Text("alice".to_owned())));

        // A signature with any bit turned is none, nor is a token with another claim.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for bit in [0, 77, bytes.len() * 8 - 1] {
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(turned));
            assert_eq!(right.verify(&forged, NOW).unwrap_err(), Invalid::Signature, "{name} {bit}");
        }
        let (header, _) = message.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"bob","exp":4102444800}"#);
        let forged = format!("{header}.{other}.{signature}");
        assert_eq!(right.verify(&forged, NOW).unwrap_err(), Invalid::Signature, "{name}");
        // By every other algorithm it is refused, whatever the key.
        for other in Algorithm::NAMES.iter().filter(|other| **other != name) {
            let wrong = verifier(vec![("k", key.clone())], &[Algorithm::named(other).unwrap()]);
            assert_eq!(wrong.verify(token, NOW).unwrap_err(), Invalid::Algorithm, "{name} {other}");
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let fixture = fixture();
    for made in fixture["tokens"].as_array().unwrap().iter().filter(|made| made["public"].is_string()) {
        let pem = made["public"].as_str().unwrap();
        let key = Key::public(pem).unwrap();
        let payload =
            json!({ "iss": "https://login.example", "aud": "orders", "exp": 4_102_444_800_u64 }).to_string();
        let der =
            STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        // Even where secrets are accepted beside it.
        let both = vec![("k", key.clone()), ("s", Key::secret(SECRET).unwrap())];
        let lax = verifier(both, &[key.kind().usual(), Algorithm::Hs256]);
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &der] {
            for header in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","kid":"k"}"#] {
                let forged = signed(header, &payload, secret);
                assert_eq!(lax.verify(&forged, NOW).unwrap_err(), Invalid::Signature);
            }
        }
    }
}

#[test]
fn headers_decide_nothing() {
    let right = with_secret();
    let payload =
        json!({ "iss": "https://login.example", "aud": "orders", "exp": NOW.as_secs() + 60 }).to_string();
    for (header, expected) in [
        (r#"{"alg":"HS256"}"#, None),
        (r#"{"alg":"HS256","kid":"main"}"#, None),
        // A hint that leads nowhere.
        (r#"{"alg":"HS256","kid":"other"}"#, None),
        (r#"{"alg":"HS256","kid":7,"typ":"at+jwt","jku":"http://evil/","jwk":{"kty":"oct","k":"AA"}}"#, None),
        (r#"{"alg":"none"}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":"None"}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":"hs256"}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":"HS512"}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":"RS256"}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":["HS256"]}"#, Some(Invalid::Algorithm)),
        (r#"{"alg":null}"#, Some(Invalid::Algorithm)),
        ("{}", Some(Invalid::Algorithm)),
        (r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, Some(Invalid::Critical)),
        (r#"{"alg":"HS256","crit":[]}"#, Some(Invalid::Critical)),
        (r#"{"alg":"HS256","alg":"none"}"#, Some(Invalid::Malformed)),
        (r#"{"alg":"none","\u0061lg":"HS256"}"#, Some(Invalid::Malformed)),
        ("[]", Some(Invalid::Malformed)),
        ("", Some(Invalid::Malformed)),
    ] {
        let found = right.verify(&signed(header, &payload, SECRET), NOW).err();
        assert_eq!(found, expected, "{header}");
    }
    // Without a signature, and with somebody else's.
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(&payload));
    assert_eq!(right.verify(&none, NOW).unwrap_err(), Invalid::Algorithm);
    let unsigned = token(&json!({}));
    let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
    assert_eq!(right.verify(unsigned, NOW).unwrap_err(), Invalid::Signature);
    let others = signed(r#"{"alg":"HS256"}"#, &payload, b"another secret, no less long than it has to be");
    assert_eq!(right.verify(&others, NOW).unwrap_err(), Invalid::Signature);
}

/// A name of a key that is known leads to that key and to no other.
#[test]
fn a_name_of_another_key_does_not_lead_past_it() {
    let other = b"the secret of the other key, which is as long as it has to be";
    let keys = vec![("main", Key::secret(SECRET).unwrap()), ("other", Key::secret(other).unwrap())];
    let two = verifier(keys, &[Algorithm::Hs256]);
    let payload =
        json!({ "iss": "https://login.example", "aud": "orders", "exp": NOW.as_secs() + 60 }).to_string();
    let verify = |kid: &str, secret: &[u8]| {
        two.verify(&signed(&json!({ "alg": "HS256", "kid": kid }).to_string(), &payload, secret), NOW).err()
    };
    assert_eq!(verify("main", SECRET), None);
    assert_eq!(verify("other", other), None);
    assert_eq!(verify("other", SECRET), Some(Invalid::Signature));
    assert_eq!(verify("../main", SECRET), None);
}

#[test]
fn what_is_no_token_is_none() {
    let right = with_secret();
    let whole = token(&json!({}));
    let parts: Vec<_> = whole.split('.').collect();
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        &whole[1..],
        &format!("{whole}."),
        &format!(".{whole}"),
        &format!("{}.{}", parts[0], parts[1]),
        &format!("{whole}="),
        &format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
        &format!("{} .{}.{}", parts[0], parts[1], parts[2]),
        &format!("{whole}.{}.{}", parts[1], parts[2]),
    ] {
        assert!(right.verify(text, NOW).is_err(), "{text}");
    }
    assert_eq!(right.verify(&"a".repeat(20_000), NOW).unwrap_err(), Invalid::TooLong);
    let deep = signed(r#"{"alg":"HS256"}"#, &"[".repeat(9_000), SECRET);
    assert_eq!(right.verify(&deep, NOW).unwrap_err(), Invalid::Malformed);
    let twice = signed(r#"{"alg":"HS256"}"#, r#"{"sub":"a","sub":"b"}"#, SECRET);
    assert_eq!(right.verify(&twice, NOW).unwrap_err(), Invalid::Malformed);
    for length in 0..whole.len() {
        assert!(right.verify(&whole[..length], NOW).is_err(), "{length}");
    }
}

#[test]
fn times_are_held_with_leeway() {
    let right = with_secret();
    let now = NOW.as_secs();
    let check = |changes: Value, expected: Result<u64, Invalid>| {
        let found = right.verify(&token(&changes), NOW).map(|verified| verified.remaining.as_secs());
        assert_eq!(found, expected, "{changes}");
    };
    check(json!({}), Ok(90));
    check(json!({ "exp": now - 29 }), Ok(1));
    check(json!({ "exp": now as f64 - 29.5 }), Ok(0));
    check(json!({ "exp": now - 30 }), Err(Invalid::Expired));
    check(json!({ "exp": 0 }), Err(Invalid::Expired));
    check(json!({ "exp": -1.0e300 }), Err(Invalid::Expired));
    check(json!({ "exp": 1.0e300 }), Ok(3_200_000_000));
    check(json!({ "exp": null }), Err(Invalid::Endless));
    check(json!({ "exp": (now + 60).to_string() }), Err(Invalid::Claim("exp")));
    check(json!({ "exp": [now] }), Err(Invalid::Claim("exp")));
    check(json!({ "nbf": now + 30 }), Ok(90));
    check(json!({ "nbf": now + 31 }), Err(Invalid::Early));
    check(json!({ "nbf": "0" }), Err(Invalid::Claim("nbf")));
}

#[test]
fn issuer_and_audience_are_compared_exactly() {
    let check = |verifier: &JwtVerifier, changes: Value, expected: Option<Invalid>| {
        assert_eq!(verifier.verify(&token(&changes), NOW).err(), expected, "{changes}");
    };
    let right = with_secret();
    for iss in [
        json!(null),
        json!("https://login.example/"),
        json!("HTTPS://login.example"),
        json!(["https://login.example"]),
    ] {
        check(&right, json!({ "iss": iss }), Some(Invalid::Issuer));
    }
    for aud in [
        json!(null),
        json!("order"),
        json!(""),
        json!([]),
        json!(["billing"]),
        json!({ "orders": 1 }),
        json!([["orders"]]),
    ] {
        check(&right, json!({ "aud": aud }), Some(Invalid::Audience));
    }
    check(&right, json!({ "aud": ["billing", "orders"] }), None);
    // Who names no audience is in none.
    let anybody = JwtVerifier { issuer: String::new(), audience: String::new(), ..with_secret() };
    check(&anybody, json!({ "iss": null, "aud": null }), None);
    check(&anybody, json!({ "iss": "x" }), Some(Invalid::Audience));
    check(&anybody, json!({ "aud": "" }), Some(Invalid::Audience));
}

#[test]
fn claims_identify_by_kind_and_value() {
    let claims = json!({
        "text": "1", "whole": 1, "flag": true, "least": i64::MIN, "most": u64::MAX,
        "fraction": 1.0, "exponent": 1.0e300, "list": ["a"], "object": {"a": 1},
    });
    let raw = claims.to_string().replacen('{', r#"{"null":null,"huge":123456789012345678901,"#, 1);
    let raw = raw.replacen(
        '{',
        &format!(r#"{{"aud":"orders","iss":"https://login.example","exp":{},"#, NOW.as_secs() + 1),
        1,
    );
    let verified = with_secret().verify(&signed(r#"{"alg":"HS256"}"#, &raw, SECRET), NOW).unwrap();
    let of = |name: &str| verified.claims.identifying(name);
    assert_eq!(of("text"), Ok(ClaimValue::Text("1".to_owned())));
    assert_eq!(of("whole"), Ok(ClaimValue::Whole(1)));
    assert_eq!(of("flag"), Ok(ClaimValue::Flag(true)));
    assert_eq!(of("least"), Ok(ClaimValue::Whole(i64::MIN.into())));
    assert_eq!(of("most"), Ok(ClaimValue::Whole(u64::MAX.into())));
    for name in ["fraction", "exponent", "list", "object", "huge"] {
        assert_eq!(of(name), Err(Unusable::Kind), "{name}");
    }
    for name in ["null", "none", "", "/text"] {
        assert_eq!(of(name), Err(Unusable::Missing), "{name}");
    }
    assert!(!format!("{verified:?}").contains("orders"), "claims are not shown");
}

#[test]
fn what_is_no_public_key_is_named() {
    let fixture = fixture();
    let unusable = |name: &str| fixture["unusable"][name].as_str().unwrap();
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (text, expected) in [
        ("", KeyError::NotPem),
        ("secret", KeyError::NotPem),
        (&pem("PRIVATE KEY"), KeyError::Private),
        (&pem("RSA PRIVATE KEY"), KeyError::Private),
        (&pem("CERTIFICATE"), KeyError::Certificate),
        (&pem("RSA PUBLIC KEY"), KeyError::Pkcs1),
        (&pem("PUBLIC KEY"), KeyError::Kind),
        (unusable("rsa1024"), KeyError::RsaSize),
        (unusable("k1"), KeyError::Kind),
    ] {
        assert_eq!(Key::public(text).unwrap_err(), expected, "{text}");
    }
    assert_eq!(Key::secret(&[0; 31]).unwrap_err(), KeyError::ShortSecret);
    assert_eq!(format!("{:?}", Key::secret(SECRET).unwrap()), "Key(Secret)");
}
