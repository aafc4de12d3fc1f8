//! What the terminal says: where to look, what to try, how to stop it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the parts really listen.
pub(super) struct Announcement {
    pub(super) page: SocketAddr,
    pub(super) gateway: SocketAddr,
    pub(super) market: SocketAddr,
    pub(super) symbols: u32,
    /// How this program was called, so that its other commands can be copied as they are printed.
    pub(super) program: Option<String>,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [page, gateway, market] = [self.page, self.gateway, self.market].map(reachable);
        let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
        let program = self.program.as_deref().filter(plain).unwrap_or("tidegate");
        writeln!(f, "Look at   http://{page}/")?;
        writeln!(f)?;
        writeln!(f, "Gateway   http://{gateway}/quotes   every GET of the market, live")?;
        writeln!(f, "Market    http://{market}/quotes   a plain JSON API with {} symbols", self.symbols)?;
        writeln!(f)?;
        writeln!(f, "Try       curl -N -H 'Accept: text/event-stream' http://{gateway}/quotes")?;
        writeln!(f, "          {program} watch http://{gateway}/quotes")?;
        writeln!(f)?;
        writeln!(f, "Stop it with Ctrl-C.")
    }
}

/// The address under which this machine reaches a listener: one that listens on every address has none of its own.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_can_be_opened_as_it_is_printed() {
        let check = |listening: &str, expected: &str| {
            let address: SocketAddr = listening.parse().unwrap();
            assert_eq!(reachable(address).to_string(), expected, "{listening}");
        };
        check("127.0.0.1:8000", "127.0.0.1:8000");
        check("0.0.0.0:8000", "127.0.0.1:8000");
        check("[::]:8000", "[::1]:8000");
        check("192.0.2.7:80", "192.0.2.7:80");
    }

    #[test]
    fn the_page_comes_first_and_the_commands_name_this_program() {
        let announcement = |program: Option<&str>| {
            let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let program = program.map(str::to_owned);
            Announcement { page: at(1), gateway: at(2), market: at(3), symbols: 500, program }.to_string()
        };
        let text = announcement(Some("target/release/tidegate"));
        assert!(text.starts_with("Look at   http://127.0.0.1:1/\n"), "{text}");
        assert!(
            text.contains("\n          target/release/tidegate watch http://127.0.0.1:2/quotes\n"),
            "{text}"
        );
        for odd in [None, Some("my programs/tidegate")] {
            assert!(announcement(odd).contains("\n          tidegate watch http"), "{odd:?}");
        }
    }
}
