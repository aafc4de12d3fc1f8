//! Which addresses may be connected to on behalf of a client that chose the host itself.
//!
//! Owns one decision: whether an address belongs to the public internet. Everything else is this machine, a network
//! around it, or nothing, and a gateway that connects there lends its place in the network to whoever asks it. The
//! decision is about addresses and never about names: a name means what its resolution says at the time, so the address
//! that was looked at has to be the one that is connected to.
//!
//! The source is IANA's registries of special-purpose addresses
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>;
//! RFC 6890, RFC 8190) with those of multicast. IPv6 is judged the other way round: only 2000::/3 is handed out as global
//! unicast (RFC 4291 §2.4, <https://www.iana.org/assignments/ipv6-address-space>), and everything else is refused,
//! whatever it will be used for one day.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::resolve::Allow;
use crate::config::Network;

/// Lets through what is public, and the exceptions that the operator names.
#[derive(Debug, Clone, Default)]
pub struct PublicOnly {
    exceptions: Vec<Network>,
}

impl PublicOnly {
    /// A guard with exceptions: networks that may be connected to although they are not public.
    pub fn new(exceptions: Vec<Network>) -> PublicOnly {
        PublicOnly { exceptions }
    }
}

impl Allow for PublicOnly {
    fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.exceptions.iter().any(|network| network.contains(address))
    }
}

/// Blocks of IPv4 that are not the public internet: base, length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    // "this network", and with Linux this machine (RFC 791 §3.2)
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    // private (RFC 1918)
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // shared by a carrier's customers (RFC 6598)
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // loopback (RFC 1122 §3.2.1.3)
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // link-local (RFC 3927), where clouds answer for a machine's credentials
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // protocol assignments (RFC 6890 §2.1), among them NAT64's discovery
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // documentation (RFC 5737)
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // the nearest 6to4 relay, whoever runs it (RFC 7526)
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // benchmarks (RFC 2544)
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // multicast (RFC 5771)
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // reserved (RFC 1112 §4), with the broadcast address (RFC 919)
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    (Ipv4Addr::new(255, 255, 255, 255), 32),
];

/// Blocks inside 2000::/3 that are not the public internet.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    // protocol assignments (RFC 2928): Teredo, whose addresses hold another's IPv4 address, benchmarks, ORCHIDs
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // documentation (RFC 3849, RFC 9637)
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4 (RFC 3056), whose addresses hold the IPv4 address that a packet is sent to; deprecated by RFC 7526
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Global unicast, as far as it is handed out.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Where networks without IPv4 put the IPv4 internet (RFC 6052 §2.1): as public as the address in its last 32 bits.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if is_in_v6(address, NAT64) => {
            let [.., a, b, c, d] = address.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // What is mapped (::ffff:0:0/96), compatible (::/96) or unspecified is outside as well: nobody needs an IPv4
        // address spelt so.
        IpAddr::V6(address) => {
            is_in_v6(address, GLOBAL_UNICAST) && !SPECIAL_V6.iter().any(|block| is_in_v6(address, *block))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(base, prefix): &(Ipv4Addr, u32)| (address.to_bits() ^ base.to_bits()) >> (32 - prefix) == 0;
    !SPECIAL_V4.iter().any(is_in)
}

fn is_in_v6(address: Ipv6Addr, (base, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ base.to_bits()) >> (128 - prefix) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_and_what_is_not() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::8",
            "3ffe::1",
            "64:ff9b::8.8.8.8",
        ];
        let special = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.170",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1:fffe::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in special {
            assert!(!is_public(text.parse().unwrap()), "{text}");
            assert!(!PublicOnly::default().allows(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn exceptions_open_what_they_name_and_nothing_beside_it() {
        let networks = ["127.0.0.1", "10.1.0.0/16", "fd00:1::/32"];
        let guard = PublicOnly::new(networks.map(|network| Network::parse(network).unwrap()).into());
        for (text, expected) in [
            ("8.8.8.8", true),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::127.0.0.1", false),
            ("fd00:1::7", true),
            ("fd00:2::7", false),
        ] {
            assert_eq!(guard.allows(text.parse().unwrap()), expected, "{text}");
        }
    }
}
