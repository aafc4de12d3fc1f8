//! What somebody is told who may not connect.

use bytes::Bytes;
use tidegate_wire::problem::PROBLEM_JSON;
use tidegate_wire::{Problem, ProblemKind};

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// As many are open as `max_connections` allows.
    TooMany,
    /// As many are open from this address as `max_connections_per_address` allows.
    TooManyFromAddress,
    /// As many came within a second as `max_connects_per_second` allows.
    TooFast,
    /// Memory runs short.
    OutOfMemory,
}

impl Refusal {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::TooMany, Self::TooManyFromAddress, Self::TooFast, Self::OutOfMemory];

    /// The problem in words.
    pub fn problem(self) -> Problem {
        let (kind, detail) = match self {
            Self::TooMany => {
                (ProblemKind::TooManyConnections, "as many connections are open as `max_connections` allows")
            }
            Self::TooManyFromAddress => (
                ProblemKind::TooManyConnections,
                "as many connections are open to this address as `max_connections_per_address` allows",
            ),
            Self::TooFast => (
                ProblemKind::ConnectingTooFast,
                "as many connections came within a second as `max_connects_per_second` allows",
            ),
            Self::OutOfMemory => (ProblemKind::Overloaded, "the gateway's memory is used up"),
        };
        Problem::new(kind).with_detail(detail)
    }

    /// After how many seconds to come back. `random` is any number; it spreads the refused, so that they do not all come
    /// back at once. The rate lets others in within a second; a place becomes free only when somebody leaves.
    pub fn retry_after_s(self, random: u32) -> u32 {
        let (least, most) = match self {
            Self::TooFast => (1, 5),
            Self::TooMany | Self::TooManyFromAddress | Self::OutOfMemory => (5, 15),
        };
        least + random % (most - least + 1)
    }

    /// The whole answer, for a socket of which no request was read: HTTP/1.1 503, after which the connection is closed.
    pub fn response(self, random: u32) -> Bytes {
        let problem = self.problem();
        let body = problem.to_json();
        let status = problem.known().map_or(503, |kind| kind.status().as_u16());
        let head = format!(
            "HTTP/1.1 {status} Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\
             cache-control: no-store\r\nretry-after: {}\r\nconnection: close\r\n\r\n",
            body.len(),
            self.retry_after_s(random),
        );
        Bytes::from(head + &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_an_answer() {
        let answer = Refusal::TooFast.response(7);
        assert_eq!(
            std::str::from_utf8(&answer).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 200\r\n\
             cache-control: no-store\r\nretry-after: 3\r\nconnection: close\r\n\r\n\
             {\"type\":\"urn:tidegate:problem:connecting-too-fast\",\"title\":\"Too many connections are being opened\",\
             \"status\":503,\"detail\":\"as many connections came within a second as `max_connects_per_second` allows\"}"
        );
    }

    #[test]
    fn every_refusal_is_a_503_with_a_time_in_its_spread() {
        for refusal in Refusal::ALL {
            assert_eq!(refusal.problem().status, Some(503));
            let spread = if refusal == Refusal::TooFast { 1..=5 } else { 5..=15 };
            let mut times: Vec<_> = (0..1000).map(|random| refusal.retry_after_s(random)).collect();
            times.sort_unstable();
            times.dedup();
            assert_eq!(times, spread.collect::<Vec<_>>());
            assert!(refusal.retry_after_s(u32::MAX) <= 15);
            let text = String::from_utf8(refusal.response(1).to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
            assert_eq!(Problem::from_json(body.as_bytes()), Some(refusal.problem()));
        }
    }
}
