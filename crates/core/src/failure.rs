//! The ways of not getting a representation, told apart by what somebody has to do about them.
//!
//! Each kind has one stable code towards clients and one counter (both in the hub). A kind says what was seen, never
//! what was sent: no detail holds a body or credentials.

use std::time::Duration;

use http::StatusCode;

/// Asking the origin failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How.
    pub kind: FailureKind,
    /// The same in words, for logs and problem details; holds no credentials.
    pub detail: String,
    /// When the origin asked to be asked again.
    pub retry_after: Option<Duration>,
    /// It was not the origin that failed, but another host that it redirected to.
    pub elsewhere: bool,
}

impl Failure {
    /// A failure without a wish of the origin's.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Failure {
        Failure { kind, detail: detail.into(), retry_after: None, elsewhere: false }
    }
}

/// How asking the origin failed, in the order in which a fetch can meet it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request cannot be made, or the client broke it off: nobody but its sender can help.
    Request,
    /// The gateway itself could not ask: it is out of file descriptors or memory.
    Overloaded,
    /// The origin's name has no address, or nobody says which.
    Unresolved,
    /// No TCP connection: refused, unreachable.
    Unreachable,
    /// No TLS: the certificate is not to be trusted, or the origin speaks something else.
    Tls,
    /// No connection, head or body in time.
    TimedOut(Phase),
    /// The connection was closed, or broke, before an answer began.
    NoAnswer,
    /// What was answered is no HTTP, or not what HTTP allows as an answer to this request.
    NotHttp,
    /// A redirect led back to where one had led already.
    RedirectLoop,
    /// More redirects than are followed.
    TooManyRedirects,
    /// A complete answer with a status that is no representation.
    Status(StatusCode),
    /// The body broke off: a reset in the midst of it, or chunks without a last one.
    Truncated,
    /// The body ended before it was as long as its `Content-Length`.
    WrongLength,
    /// The decoded body is over the limit.
    TooLarge,
    /// The body is not in the content coding that it claims.
    Undecodable,
    /// The media type cannot be streamed, where a document was before.
    NotStreamable,
    /// It is another sort of document than the one that is being streamed, and may be no more than an error page.
    TypeChanged,
    /// The body is not what its media type says, or nests too deep.
    Malformed,
    /// The answer is not what the route expects of it.
    Unexpected,
    /// The gateway lost the feed: a bug in it.
    Lost,
}

/// What a time-out waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection.
    Connect,
    /// The head of the answer.
    Head,
    /// The rest of the body.
    Body,
}
