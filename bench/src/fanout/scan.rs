//! Reads an HTTP/1.1 answer that streams Server-Sent Events, as it comes and as cheaply as it goes.
//!
//! The load client shares the machine with what it measures, so events are cut out of the read buffer where they lie
//! and copied only when they are cut in two. Invariant: where the bytes are cut makes no difference to the events.

use std::mem;

/// The most that one event or head may take: a bound for what a broken peer makes us keep.
const MOST: usize = 4 << 20;

/// What a connection's bytes turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A status other than 200.
    Status(u16),
    /// Not HTTP, or not framed as it says.
    Framing,
    /// The chunked body ended: the server closes the stream.
    Ended,
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its type; empty where it names none.
    pub(crate) kind: &'a [u8],
    /// Its `id`; empty where it has none.
    pub(crate) id: &'a [u8],
    /// Its last `data` line: all that are measured here have one.
    pub(crate) data: &'a [u8],
}

/// One connection's reader.
#[derive(Debug)]
pub(crate) struct Scanner {
    stage: Stage,
    /// The beginning of a head, a chunk's size line or an event whose rest has not come.
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    /// The body goes on to the connection's end.
    Plain,
    /// Inside a chunk, with so many bytes to come.
    Chunk(usize),
    /// In the size line of a chunk (or the line end before it), with what was read of the number.
    Size(Option<usize>),
    /// After the number: extensions, until the line's end.
    SizeEnd(usize),
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner { stage: Stage::Head, held: Vec::new() }
    }
}

impl Scanner {
    /// Whether the head has come.
    pub(crate) fn is_streaming(&self) -> bool {
        self.stage != Stage::Head
    }

    /// Takes the next bytes and tells the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(&Event<'_>)) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.stage {
                Stage::Head => self.head(rest)?,
                Stage::Plain => {
                    self.body(rest, tell)?;
                    &[]
                }
                Stage::Chunk(left) => {
                    let (now, later) = rest.split_at(left.min(rest.len()));
                    self.body(now, tell)?;
                    self.stage = match left - now.len() {
                        0 => Stage::Size(None),
                        left => Stage::Chunk(left),
                    };
                    later
                }
                Stage::Size(_) | Stage::SizeEnd(_) => self.size(rest)?,
            };
        }
        Ok(())
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        let Some(end) = memchr::memmem::find(&self.held, b"\r\n\r\n").map(|place| place + 4) else {
            return if self.held.len() > MOST { Err(Broken::Framing) } else { Ok(&[]) };
        };
        let mut head = mem::take(&mut self.held);
        head.truncate(end);
        let status = head
            .strip_prefix(b"HTTP/1.1 ")
            .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok());
        match status {
            None => return Err(Broken::Framing),
            Some(200) => {}
            Some(other) => return Err(Broken::Status(other)),
        }
        head.make_ascii_lowercase();
        let chunked = memchr::memmem::find(&head, b"\r\ntransfer-encoding: chunked\r\n").is_some();
        self.stage = if chunked { Stage::Size(None) } else { Stage::Plain };
        Ok(&bytes[end - before..])
    }

    fn size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        for (place, &byte) in bytes.iter().enumerate() {
            let rest = &bytes[place + 1..];
            self.stage = match (self.stage, byte) {
                (Stage::Size(None), b'\r' | b'\n') => self.stage,
                (Stage::Size(Some(0)) | Stage::SizeEnd(0), b'\n') => return Err(Broken::Ended),
                (Stage::Size(Some(size)) | Stage::SizeEnd(size), b'\n') => {
                    self.stage = Stage::Chunk(size);
                    return Ok(rest);
                }
                (Stage::Size(number), digit) if digit.is_ascii_hexdigit() => {
                    let digit = char::from(digit).to_digit(16).unwrap_or(0) as usize;
                    let number = number.unwrap_or(0).checked_mul(16).ok_or(Broken::Framing)?;
                    Stage::Size(Some(number | digit))
                }
                (Stage::Size(Some(number)), b'\r' | b';' | b' ') => Stage::SizeEnd(number),
                (Stage::SizeEnd(number), _) => Stage::SizeEnd(number),
                _ => return Err(Broken::Framing),
            };
        }
        Ok(&[])
    }

    fn body(&mut self, bytes: &[u8], tell: &mut impl FnMut(&Event<'_>)) -> Result<(), Broken> {
        let mut rest = bytes;
        if !self.held.is_empty() {
            // The blank line may have been cut in two.
            let from = self.held.len() - 1;
            let before = self.held.len();
            // Only as much is copied as completes the event: the end is looked for in the new bytes first.
            let straddles = self.held[from] == b'\n' && rest.first() == Some(&b'\n');
            let end = if straddles { Some(1) } else { blank_line(rest) };
            let taken = end.unwrap_or(rest.len());
            self.held.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if end.is_none() {
                return if before > MOST { Err(Broken::Framing) } else { Ok(()) };
            }
            tell_event(&self.held, tell);
            // Kept where it is small, so that a stream whose events are always cut does not allocate each time; given
            // back where it is large, so that thousands of connections do not keep a document each.
            if self.held.capacity() > 4096 {
                self.held = Vec::new();
            } else {
                self.held.clear();
            }
        }
        while let Some(end) = blank_line(rest) {
            tell_event(&rest[..end], tell);
            rest = &rest[end..];
        }
        self.held.extend_from_slice(rest);
        Ok(())
    }
}

/// The end of the first event, after its blank line.
fn blank_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes)
        .find(|&place| bytes.get(place + 1) == Some(&b'\n'))
        .map(|place| place + 2)
}

fn tell_event(block: &[u8], tell: &mut impl FnMut(&Event<'_>)) {
    let mut event = Event { kind: &[], id: &[], data: &[] };
    let mut start = 0;
    let mut dispatches = false;
    for end in memchr::memchr_iter(b'\n', block) {
        let line = &block[start..end];
        start = end + 1;
        let Some(colon) = line.iter().take(8).position(|&byte| byte == b':') else { continue };
        let value = &line[colon + 1..];
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => {
                event.data = value;
                dispatches = true;
            }
            b"id" => event.id = value,
            b"event" => event.kind = value,
            _ => {}
        }
    }
    if dispatches {
        tell(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, id, data.
    type Told = (String, String, String);

    fn events(pieces: &[&[u8]]) -> (Vec<Told>, Result<(), Broken>) {
        let mut scanner = Scanner::default();
        let mut events = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        for piece in pieces {
            let result = scanner.feed(piece, &mut |event| {
                events.push((text(event.kind), text(event.id), text(event.data)));
            });
            if result.is_err() {
                return (events, result);
            }
        }
        (events, Ok(()))
    }

    const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
        : hello\n\nevent: snapshot\nid: 1.a\ndata: {\"a\":1}\n\n:\nretry: 5\nid:2\ndata:x:y\n\n:\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        23\r\nevent: snapshot\nid: 1.a\ndata: {\"a\":\r\n\
        4;x=y\r\n1}\n\n\r\n1B\r\n:\nretry: 5\nid:2\ndata:x:y\n\n:\r\n";

    #[test]
    fn cuts_make_no_difference() {
        let expected = [("snapshot", "1.a", r#"{"a":1}"#), ("", "2", "x:y")]
            .map(|(kind, id, data)| (kind.to_owned(), id.to_owned(), data.to_owned()));
        for text in [PLAIN, CHUNKED] {
            let bytes = text.as_bytes();
            for first in 0..bytes.len() {
                for second in first..bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let (events, result) = events(&pieces);
                    assert_eq!(
                        (events.as_slice(), result),
                        (expected.as_slice(), Ok(())),
                        "{first} {second}"
                    );
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(events(&single).0, expected);
        }
    }

    #[test]
    fn what_is_no_stream_is_told() {
        for (text, expected) in [
            ("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", Broken::Status(503)),
            ("SSH-2.0-OpenSSH\r\n\r\n", Broken::Framing),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Broken::Ended),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Broken::Framing),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nab\r\n\r\n", Broken::Framing),
        ] {
            // The fourth byte of the last one's chunk is the line end; what follows is no size.
            let text = text.replace("ab\r\n\r\n", "ab\r\nx\r\n");
            assert_eq!(events(&[text.as_bytes()]).1, Err(expected), "{text:?}");
        }
    }
}
