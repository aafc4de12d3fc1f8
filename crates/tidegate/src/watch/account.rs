//! What polling would have cost, beside what was received. Pure: a simulation of two careful pollers.
//!
//! Both ask every `interval`, as often as the stream confirms its data. The plain one gets a head and the whole body
//! each time. The one with gzip and entity tags gets a head each time, and the gzipped body only when the document
//! changed since it last asked. A head is taken to be [`HEAD_BYTES`].

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};

/// What an answer's head is taken to be: a status line and the usual fields.
pub(super) const HEAD_BYTES: u64 = 250;

/// The most polls that are made up for at once; a machine that slept for a week has not polled either.
const MAX_CATCH_UP: u32 = 1000;

/// The two pollers.
#[derive(Debug)]
pub(super) struct Account {
    next: Option<Instant>,
    has_news: bool,
    pub(super) updates: u64,
    pub(super) polls: u64,
    pub(super) plain_bytes: u64,
    pub(super) conditional_bytes: u64,
}

impl Account {
    pub(super) fn new() -> Account {
        Account { next: None, has_news: false, updates: 0, polls: 0, plain_bytes: 0, conditional_bytes: 0 }
    }

    /// The document changed. The first one starts the pollers.
    pub(super) fn take_update(&mut self, now: Instant) {
        self.updates += 1;
        self.has_news = true;
        self.next.get_or_insert(now);
    }

    /// Polls that are due by `now` happen; `body` gives the document as it is.
    pub(super) fn advance(&mut self, now: Instant, interval: Duration, body: impl FnOnce() -> String) {
        let Some(next) = self.next.filter(|next| *next <= now) else { return };
        let interval = interval.max(Duration::from_millis(1));
        let due = now.duration_since(next).as_nanos() / interval.as_nanos() + 1;
        let due = u32::try_from(due).unwrap_or(MAX_CATCH_UP);
        let body = body();
        let polls = u64::from(due.min(MAX_CATCH_UP));
        self.polls += polls;
        self.plain_bytes += polls * (HEAD_BYTES + body.len() as u64);
        self.conditional_bytes += polls * HEAD_BYTES;
        if std::mem::take(&mut self.has_news) {
            self.conditional_bytes += gzipped(body.as_bytes());
        }
        self.next = Some(if due > MAX_CATCH_UP { now + interval } else { next + interval * due });
    }
}

fn gzipped(body: &[u8]) -> u64 {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a `Vec` cannot fail; if it did, the body would count as it is.
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_or(body.len(), |bytes| bytes.len()) as u64
}

/// A number of bytes for people: `999 B`, `12.3 KB`, `4.56 MB`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (bytes as f64 / 1000.0, 0);
    // 999.95 and more would be printed as 1000.0.
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if bytes < 1000 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pollers_beside_the_stream() {
        let (mut account, start) = (Account::new(), Instant::now());
        let ms = |ms: u64| start + Duration::from_millis(ms);
        let body = || "x".repeat(10_000);
        let small = gzipped(body().as_bytes());
        assert!(small < 100);
        let mut check = |at: u64, changed: bool, polls: u64, bodies: u64| {
            if changed {
                account.take_update(ms(at));
            }
            account.advance(ms(at), Duration::from_millis(500), body);
            let expected = (polls, polls * (HEAD_BYTES + 10_000), polls * HEAD_BYTES + bodies * small);
            assert_eq!((account.polls, account.plain_bytes, account.conditional_bytes), expected, "at {at}");
        };
        check(0, false, 0, 0);
        check(100, true, 1, 1);
        check(599, false, 1, 1);
        check(600, false, 2, 1);
        check(700, true, 2, 1);
        check(701, true, 2, 1);
        check(1100, false, 3, 2);
        check(2600, false, 6, 2);
        // A machine that slept.
        check(100_000_000, true, 1006, 3);
        check(100_000_500, true, 1007, 4);
        assert_eq!(account.updates, 5);
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (12_345, "12.3 KB"),
            (999_949, "999.9 KB"),
            (999_951, "1.0 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
