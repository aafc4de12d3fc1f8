//! The settings of `[[origin]]` that say how it is connected to.

use super::super::kind::{Kind, Section, Setting};
use super::{HOUR, time};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Origin,
        key: "addresses",
        kind: Kind::Places,
        default: Some(""),
        example: "[\"10.0.0.1:8080\", \"[::1]:9000\", \"api-2.internal:8080\"]",
        about: "Where to connect to in place of the URL's host and port: addresses and names, each with a port. Connections \
                take turns. The `Host` field and the name in the certificate stay the URL's. One that cannot be connected \
                to is followed by the next at once, and is left out for 1 to 30 seconds; so is one on which three requests \
                in a row broke. When all are left out, all are tried.",
        reason: "Empty: the URL's host. Names are asked for again after 30 s by the next connection that is made, and at \
                 once when none of their addresses can be reached; a look-up that fails leaves the last answer in use.",
    },
    Setting {
        section: Section::Origin,
        key: "max_connection_age",
        kind: time(1_000, 24 * HOUR),
        default: Some("5m"),
        example: "\"5m\"",
        about: "How long a connection is used for new requests; what is under way is finished. Each lasts up to a quarter \
                less, so that not all end together.",
        reason: "A name's new addresses, and an address that is back, get their share of the connections within this time.",
    },
    Setting {
        section: Section::Origin,
        key: "http2",
        kind: Kind::OneOf(&["auto", "never", "prior-knowledge"]),
        default: Some("auto"),
        example: "\"auto\"",
        about: "When HTTP/2 is spoken to the origin. `auto`: over https, where the origin offers it. `prior-knowledge`: \
                always, over plain http too. What HTTP/2 does not have, such as WebSocket upgrades, goes by HTTP/1.1 beside \
                it.",
        reason: "A hundred requests at a time share a connection, so many feeds cost few handshakes; there are eight \
                 connections at most. An origin that allows less than a hundred is better asked with `never`.",
    },
    Setting {
        section: Section::Origin,
        key: "ca",
        kind: Kind::File,
        default: Some(""),
        example: "\"ca.pem\"",
        about: "A file with the certificates, in PEM form, of those who may vouch for an https origin. They take the place \
                of this machine's roots. A relative path is taken from the folder of the configuration file.",
        reason: "Empty: this machine's roots. An API with a private authority is trusted by naming that one, and by nobody \
                 else then. Verification cannot be switched off: for a certificate that signs itself, name that one, which \
                 must say that it is no authority's (`CA:FALSE`).",
    },
    Setting {
        section: Section::Origin,
        key: "client_certificate",
        kind: Kind::File,
        default: Some(""),
        example: "\"gateway.pem\"",
        about: "A file with the gateway's own certificate in PEM form, and after it those that lead to a root which the \
                origin trusts. For https origins that ask for one (mTLS); together with `client_key`.",
        reason: "Empty: none. It is shown on behalf of every client, so the origin must not take it for one of them.",
    },
    Setting {
        section: Section::Origin,
        key: "client_key",
        kind: Kind::File,
        default: Some(""),
        example: "\"gateway.key\"",
        about: "A file with that certificate's private key in PEM form, not encrypted.",
        reason: "Empty: none. The files are read and held against each other when the configuration is checked, and once.",
    },
];
