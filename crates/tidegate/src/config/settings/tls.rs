//! The settings of `[tls]`: TLS towards clients.

use super::super::kind::{Kind, Section, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Tls,
        key: "certificate",
        kind: Kind::File,
        default: None,
        example: "\"certificate.pem\"",
        about: "A file with the server's certificate in PEM form, and after it those that lead to a root which clients \
                trust, each followed by the one that signed it. A relative path is taken from the folder of the \
                configuration file.",
        reason: "It is what certificate authorities' tools call the full chain; without the middle of it, some clients do not \
                 trust it.",
    },
    Setting {
        section: Section::Tls,
        key: "key",
        kind: Kind::File,
        default: None,
        example: "\"key.pem\"",
        about: "A file with the certificate's private key in PEM form: PKCS #8, or the older forms of RSA and EC keys. It \
                must not be encrypted. RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, and Ed25519 are accepted.",
        reason: "ECDSA on P-256 is the cheapest when everybody connects at once: a signature of RSA takes many times \
                 as long.",
    },
];
