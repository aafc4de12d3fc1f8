//! The settings of `[[verifier]]`: whose word about callers counts.

use super::super::kind::{Kind, Section, Setting};
use super::{MINUTE, time};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Verifier,
        key: "name",
        kind: Kind::Name,
        default: None,
        example: "\"login\"",
        about: "Its name, by which routes refer to it. Clients see it, as the `realm` of `WWW-Authenticate`.",
        reason: "A name can be changed in one place when the keys behind it change.",
    },
    Setting {
        section: Section::Verifier,
        key: "public_keys",
        kind: Kind::PublicKeys,
        default: Some(""),
        example: "{ main = \"${file:login.pem}\" }",
        about: "The keys that the issuer signs with: for each a name, and the public key in PEM form (`BEGIN PUBLIC KEY`) of \
                RSA (2048 to 8192 bits), P-256, P-384 or Ed25519. A token whose `kid` is one of these names is held against \
                that key alone, any other against all that fit its algorithm.",
        reason: "The issuer keeps what signs, so that whoever reads this file can make no token. To change keys, name the \
                 new one beside the old one for as long as tokens of the old one live. They are read once, at the start.",
    },
    Setting {
        section: Section::Verifier,
        key: "secrets",
        kind: Kind::Secrets,
        default: Some(""),
        example: "{ main = \"${TOKEN_SECRET}\" }",
        about: "The same for issuers that sign with a secret (HS256 and its kin): the secret's text, whose bytes are the key, \
                at least 32 of them, 48 for HS384, 64 for HS512. Never shown.",
        reason: "Whoever knows one can make tokens. Prefer `public_keys` where the issuer has them; RFC 7518 sets the \
                 lengths.",
    },
    Setting {
        section: Section::Verifier,
        key: "algorithms",
        kind: Kind::Algorithms,
        default: Some(""),
        example: "[\"RS256\"]",
        about: "The algorithms by which tokens may be signed. Each needs a key of its kind, and each key one of them. Empty: \
                RS256 for an RSA key, ES256 and ES384 for the two curves, EdDSA for Ed25519, HS256 for a secret.",
        reason: "The key decides, and never the token: what a token's header says is only compared. `none` is not among \
                 them.",
    },
    Setting {
        section: Section::Verifier,
        key: "issuer",
        kind: Kind::Text,
        default: Some(""),
        example: "\"https://login.example.com\"",
        about: "What a token's `iss` has to be, letter by letter. Empty: anything, or nothing.",
        reason: "Empty where the key alone says who issued a token; name it where one key signs for several.",
    },
    Setting {
        section: Section::Verifier,
        key: "audience",
        kind: Kind::Text,
        default: Some(""),
        example: "\"orders-api\"",
        about: "What a token's `aud` has to be, or to hold among others. Empty: only tokens without an `aud` are valid.",
        reason: "A token that was issued for another service must not open this one (RFC 7519, section 4.1.3).",
    },
    Setting {
        section: Section::Verifier,
        key: "leeway",
        kind: time(0, 10 * MINUTE),
        default: Some("30s"),
        example: "\"30s\"",
        about: "By how much the issuer's clock and this machine's may differ, when `exp` and `nbf` are looked at. A token \
                without `exp` is not valid.",
        reason: "Machines that keep their clocks differ by less than a second; half a minute forgives one that does not.",
    },
];
