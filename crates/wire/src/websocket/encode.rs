//! Writing frames, unmasked as a server's are (RFC 6455 §5.1).

use bytes::Bytes;

use super::CloseCode;
use super::opcode::{CLOSE, CONTINUATION, FIN, MOST_CONTROL, PING, PONG, TEXT};

fn frame(first: u8, content: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(content.len() + 10);
    out.push(first);
    // RFC 6455 §5.2: the shortest form of the length.
    match content.len() {
        length @ 0..=125 => out.push(length as u8),
        length @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out.into()
}

/// A whole text message.
pub fn text(content: &[u8]) -> Bytes {
    frame(FIN | TEXT, content)
}

/// The beginning of a text message that has another fragment.
pub fn first_fragment(content: &[u8]) -> Bytes {
    frame(TEXT, content)
}

/// The end of a message that was begun.
pub fn last_fragment(content: &[u8]) -> Bytes {
    frame(FIN | CONTINUATION, content)
}

/// A ping.
pub fn ping() -> Bytes {
    Bytes::from_static(&[FIN | PING, 0])
}

/// The answer to a ping with this content, which is cut to what a control frame may hold.
pub fn pong(content: &[u8]) -> Bytes {
    frame(FIN | PONG, &content[..content.len().min(MOST_CONTROL)])
}

/// The closing frame. The reason is cut at a character to what a control frame may hold.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    let ends = reason.char_indices().map(|(start, character)| start + character.len_utf8());
    let most = ends.take_while(|end| *end <= MOST_CONTROL - 2).last().unwrap_or(0);
    frame(FIN | CLOSE, &[&code.number().to_be_bytes()[..], &reason.as_bytes()[..most]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_their_shortest_form() {
        for (length, header) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (0xffff, &[0x81, 126, 0xff, 0xff]),
            (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let bytes = text(&vec![b'x'; length]);
            assert_eq!((&bytes[..header.len()], bytes.len()), (header, header.len() + length));
        }
        assert_eq!(first_fragment(b"{")[..], [0x01, 1, b'{']);
        assert_eq!(last_fragment(b"}")[..], [0x80, 1, b'}']);
    }

    #[test]
    fn control_frames_stay_short() {
        assert_eq!(pong(&[7; 300]).len(), 2 + 125);
        let closing = close(CloseCode::Policy, &"ü".repeat(100));
        assert_eq!(closing[..4], [0x88, 2 + 122, 0x03, 0xf0]);
        assert!(std::str::from_utf8(&closing[4..]).is_ok());
        assert_eq!(close(CloseCode::Normal, "")[..], [0x88, 2, 0x03, 0xe8]);
    }
}
