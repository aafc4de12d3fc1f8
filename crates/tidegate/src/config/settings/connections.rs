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
];
