//! Reading a client's frames (RFC 6455 §5).

use std::fmt;

use super::CloseCode;
use super::opcode::{BINARY, CLOSE, CONTINUATION, FIN, MOST_CONTROL, OPCODE, PING, PONG, RESERVED, TEXT};

/// How many frames one message may come in. Whoever needs more sends empty ones.
pub const MAX_FRAGMENTS: u16 = 1024;

/// Two bytes, the longest length, and the mask.
const MOST_HEADER: usize = 14;

/// What a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text message, complete.
    Text(String),
    /// A ping: the same content goes back in a pong. Of several that wait, only the last needs an answer (§5.5.3).
    Ping(Vec<u8>),
    /// A pong, answer to a ping or not.
    Pong,
    /// It wants to close, and sends nothing more. Without a code it said none.
    Close {
        /// Its code.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
}

/// Why a connection has to be closed. The text is the reason for the closing frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A frame without a mask (§5.1).
    Unmasked,
    /// A reserved bit is set (§5.2).
    Reserved,
    /// An opcode that nothing defines (§5.2).
    Opcode,
    /// A control frame in fragments, or with more than 125 bytes (§5.5).
    Control,
    /// A continuation of nothing (§5.4).
    NothingToContinue,
    /// A new message inside another (§5.4).
    Interleaved,
    /// A length in more bytes than it needs, or over 2⁶³ − 1 (§5.2).
    Length,
    /// A closing frame with one byte, or with a code that no frame may carry (§5.5.1, §7.4).
    Close,
    /// A binary message.
    Binary,
    /// Text that is not UTF-8 (§8.1).
    NotUtf8,
    /// A message over the limit.
    TooBig {
        /// The limit in bytes.
        limit: u32,
    },
    /// A message in more than [`MAX_FRAGMENTS`] frames.
    TooManyFragments,
}

impl Violation {
    /// The code to close with.
    pub fn code(self) -> CloseCode {
        match self {
            Violation::Unmasked
            | Violation::Reserved
            | Violation::Opcode
            | Violation::Control
            | Violation::NothingToContinue
            | Violation::Interleaved
            | Violation::Length
            | Violation::Close => CloseCode::Protocol,
            Violation::Binary => CloseCode::Unsupported,
            Violation::NotUtf8 => CloseCode::NotUtf8,
            Violation::TooBig { .. } => CloseCode::TooBig,
            Violation::TooManyFragments => CloseCode::Policy,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Unmasked => "a client's frame has to be masked",
            Violation::Reserved => "a reserved bit is set, and no extension was agreed on",
            Violation::Opcode => "there is no such opcode",
            Violation::Control => "a control frame has one fragment and 125 bytes at the most",
            Violation::NothingToContinue => "a continuation without a beginning",
            Violation::Interleaved => "a message begins inside another",
            Violation::Length => "a length that is not in its shortest form",
            Violation::Close => "a closing frame that is not as it should be",
            Violation::Binary => "messages are text",
            Violation::NotUtf8 => "the text is not UTF-8",
            Violation::TooBig { limit } => {
                return write!(f, "a message may have at most {limit} bytes");
            }
            Violation::TooManyFragments => {
                return write!(f, "a message may have at most {MAX_FRAGMENTS} fragments");
            }
        })
    }
}

impl std::error::Error for Violation {}

/// The frame whose content is being read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    first: u8,
    mask: [u8; 4],
    /// How much of its content was read.
    at: u32,
    /// How much is still to come.
    left: u32,
}

impl Frame {
    fn is_control(self) -> bool {
        self.first & OPCODE >= CLOSE
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A closing frame came: what follows is not read (§5.5.1).
    Closed,
    Failed(Violation),
}

/// An incremental decoder of what a client sends: bytes in, [`Received`] out, the same however the bytes are cut.
///
/// A fault is told by the first byte that proves it: nothing is kept of a message that its length makes too big. Memory is
/// taken for what came, not for what a length announces, and none is kept between messages.
///
/// ```
/// use tidegate_wire::websocket::{Decoder, Received};
///
/// let mut decoder = Decoder::new(65536);
/// let mut input = &[0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2, 0x89][..];
/// assert_eq!(decoder.next(&mut input), Ok(Some(Received::Text("hi".into()))));
/// assert_eq!(decoder.next(&mut input), Ok(None));
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// The content of a message so far, unmasked; while a control frame is read its content stands behind that.
    buffer: Vec<u8>,
    /// How much of the message was found to be UTF-8, up to a character that is not complete.
    checked: u32,
    max_message: u32,
    frame: Option<Frame>,
    state: State,
    /// How many frames of the message came; 0: there is none.
    fragments: u16,
    header: [u8; MOST_HEADER],
    header_len: u8,
}

impl Decoder {
    /// A decoder at the end of a handshake. `max_message` is the most bytes of one message.
    pub fn new(max_message: u32) -> Decoder {
        Decoder {
            buffer: Vec::new(),
            checked: 0,
            max_message,
            frame: None,
            state: State::Open,
            fragments: 0,
            header: [0; MOST_HEADER],
            header_len: 0,
        }
    }

    /// Reads on, up to the end of the next thing that the client said, and takes from `input` what it read. `None`: all
    /// was read. After a violation always the same, and after a closing frame nothing more.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Received>, Violation> {
        match self.state {
            State::Open => {}
            State::Closed => {
                *input = &[];
                return Ok(None);
            }
            State::Failed(violation) => return Err(violation),
        }
        let result = self.read(input);
        match &result {
            Err(violation) => {
                self.state = State::Failed(*violation);
                self.buffer = Vec::new();
            }
            Ok(Some(Received::Close { .. })) => {
                self.state = State::Closed;
                self.buffer = Vec::new();
            }
            Ok(_) => {}
        }
        result
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<Received>, Violation> {
        loop {
            if self.frame.is_none() {
                self.frame = self.read_header(input)?;
            }
            let Some(frame) = self.frame else { return Ok(None) };
            let frame = self.read_content(frame, input)?;
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            self.frame = None;
            let received = if frame.is_control() { self.end_control(frame)? } else { self.end_data(frame)? };
            if received.is_some() {
                return Ok(received);
            }
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.header[usize::from(self.header_len)] = byte;
            self.header_len += 1;
            let [first, second, ..] = self.header;
            match self.header_len {
                1 => self.check_first(first)?,
                2 => check_second(first, second)?,
                _ => {}
            }
            let length_bytes = match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            if self.header_len >= 2 && usize::from(self.header_len) == 2 + length_bytes + 4 {
                self.header_len = 0;
                return self.frame_of(length_bytes).map(Some);
            }
        }
        Ok(None)
    }

    fn check_first(&self, first: u8) -> Result<(), Violation> {
        if first & RESERVED != 0 {
            return Err(Violation::Reserved);
        }
        match first & OPCODE {
            CONTINUATION if self.fragments == 0 => Err(Violation::NothingToContinue),
            CONTINUATION if self.fragments == MAX_FRAGMENTS => Err(Violation::TooManyFragments),
            TEXT | BINARY if self.fragments > 0 => Err(Violation::Interleaved),
            CONTINUATION | TEXT => Ok(()),
            BINARY => Err(Violation::Binary),
            CLOSE | PING | PONG if first & FIN == 0 => Err(Violation::Control),
            CLOSE | PING | PONG => Ok(()),
            _ => Err(Violation::Opcode),
        }
    }

    /// The frame whose header is complete, with a length in `length_bytes` more bytes.
    fn frame_of(&mut self, length_bytes: usize) -> Result<Frame, Violation> {
        let (length, mask) = self.header[2..].split_at(length_bytes);
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        let more = length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let (length, least) = match length_bytes {
            0 => (u64::from(self.header[1] & 0x7f), 0),
            2 => (more, 126),
            _ => (more, 0x1_0000),
        };
        if length < least || length > i64::MAX as u64 {
            return Err(Violation::Length);
        }
        let frame =
            Frame { first: self.header[0], mask, at: 0, left: u32::try_from(length).unwrap_or(u32::MAX) };
        if !frame.is_control() {
            if self.buffer.len() as u64 + length > u64::from(self.max_message) {
                return Err(Violation::TooBig { limit: self.max_message });
            }
            self.fragments += 1;
        }
        Ok(frame)
    }

    /// Reads what there is of the frame's content.
    fn read_content(&mut self, mut frame: Frame, input: &mut &[u8]) -> Result<Frame, Violation> {
        let (content, rest) = input.split_at(input.len().min(frame.left as usize));
        *input = rest;
        let mask = frame.mask.iter().cycle().skip(frame.at as usize % 4);
        self.buffer.extend(content.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        // Not more than `left`, which fits.
        frame.at += content.len() as u32;
        frame.left -= content.len() as u32;
        if !frame.is_control() {
            self.check_text()?;
        }
        Ok(frame)
    }

    /// Checks what was not checked of the message's text. A character may be cut at the end, also of a frame (§8.1).
    fn check_text(&mut self) -> Result<(), Violation> {
        let unchecked = &self.buffer[self.checked as usize..];
        match std::str::from_utf8(unchecked) {
            Ok(_) => self.checked += unchecked.len() as u32,
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to() as u32,
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    fn end_data(&mut self, frame: Frame) -> Result<Option<Received>, Violation> {
        if frame.first & FIN == 0 {
            return Ok(None);
        }
        self.fragments = 0;
        self.checked = 0;
        let text = String::from_utf8(std::mem::take(&mut self.buffer)).map_err(|_| Violation::NotUtf8)?;
        Ok(Some(Received::Text(text)))
    }

    fn end_control(&mut self, frame: Frame) -> Result<Option<Received>, Violation> {
        let content = self.buffer.split_off(self.buffer.len() - frame.at as usize);
        if self.fragments == 0 {
            self.buffer = Vec::new();
        }
        Ok(Some(match frame.first & OPCODE {
            PING => Received::Ping(content),
            PONG => Received::Pong,
            _ => read_close(&content)?,
        }))
    }
}

fn check_second(first: u8, second: u8) -> Result<(), Violation> {
    if second & 0x80 == 0 {
        return Err(Violation::Unmasked);
    }
    if first & OPCODE >= CLOSE && usize::from(second & 0x7f) > MOST_CONTROL {
        return Err(Violation::Control);
    }
    Ok(())
}

fn read_close(content: &[u8]) -> Result<Received, Violation> {
    let Some((code, reason)) = content.split_first_chunk() else {
        return match content {
            [] => Ok(Received::Close { code: None, reason: String::new() }),
            _ => Err(Violation::Close),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::may_be_sent(code) {
        return Err(Violation::Close);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
    Ok(Received::Close { code: Some(code), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests;
