//! Why a connection is closed.

/// Why a connection is closed (RFC 6455 §7.4.1, and the IANA registry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// 1000: the other side wished it.
    Normal,
    /// 1002: the client broke the protocol.
    Protocol,
    /// 1003: binary messages are not understood.
    Unsupported,
    /// 1007: text that is not UTF-8.
    NotUtf8,
    /// 1008: a limit was broken, which the reason names.
    Policy,
    /// 1009: a message is too big.
    TooBig,
    /// 1012: the gateway restarts; the reason says when to come back.
    Restart,
    /// 1013: the gateway has too much to do; the reason says when to come back.
    TryAgainLater,
}

impl CloseCode {
    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::Protocol => 1002,
            CloseCode::Unsupported => 1003,
            CloseCode::NotUtf8 => 1007,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::Restart => 1012,
            CloseCode::TryAgainLater => 1013,
        }
    }

    /// Whether a frame may carry this number: those that the standard and its registry define for that, and those that
    /// libraries and programs have for themselves (RFC 6455 §7.4).
    pub(super) fn may_be_sent(number: u16) -> bool {
        matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
