//! The model origin: one JSON resource that changes, and every way of not getting it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tidegate_core::{
    Answer, Failure, FailureKind, Form, Jitter, Outcome, Phase, Representation, Time, Validators,
};
use tidegate_hub::{FetchRequest, Fetched};

use super::document::{Doc, Edit, pick};

/// What is wrong with the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// No connection.
    Unreachable,
    /// No answer within the time-out.
    TimesOut,
    /// 500.
    ServerError,
    /// 404.
    NotFound,
    /// 403.
    Refuses,
    /// The body breaks off.
    Truncated,
    /// The body is not what it says.
    Malformed,
    /// A page that says sorry, as a success.
    ErrorPage,
    /// Every other request fails.
    Flaps,
}

/// What the resource is like at one time.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Json(Doc),
    /// JSON with a key twice: streamed as it is.
    Ambiguous(u64),
    /// Text.
    Plain(u64),
}

/// The longest that any fetch takes.
pub(super) const LONGEST_FETCH: Duration = Duration::from_millis(3000);

/// The model origin of one resource.
#[derive(Debug)]
pub struct Api {
    content: Content,
    earlier: Vec<Content>,
    body: Bytes,
    form: Form,
    etags: bool,
    serial: u64,
    fault: Fault,
    slowest: Duration,
    rng: Jitter,
    /// The canonical content of every body that was ever served.
    served: HashMap<Bytes, String>,
    /// When which content was served.
    log: Vec<(Time, String)>,
    asked: usize,
}

impl Api {
    /// A healthy origin. `etags`: it sends validators and answers 304 where they still hold.
    pub fn new(seed: u64, etags: bool) -> Api {
        let mut rng = Jitter::new(seed);
        let content = Content::Json(Doc::seeded(&mut rng));
        let mut api = Api {
            content,
            earlier: Vec::new(),
            body: Bytes::new(),
            form: Form::Json,
            etags,
            serial: 0,
            fault: Fault::None,
            slowest: Duration::from_millis(20),
            rng,
            served: HashMap::new(),
            log: Vec::new(),
            asked: 0,
        };
        api.write();
        api
    }

    /// Changes the document.
    pub fn edit(&mut self, edit: Edit) {
        self.remember();
        if let Content::Json(doc) = &mut self.content {
            doc.edit(edit, &mut self.rng);
        } else {
            self.content = Content::Json(Doc::seeded(&mut self.rng));
        }
        self.write();
    }

    /// Writes the same document in another way: nothing that anybody need be told.
    pub fn respell(&mut self) {
        self.write();
    }

    /// Becomes something that cannot be patched: JSON with a duplicate key, or plain text.
    pub fn turn_odd(&mut self) {
        self.remember();
        let number = self.rng.bits() % 100;
        self.content =
            if number.is_multiple_of(2) { Content::Plain(number) } else { Content::Ambiguous(number) };
        self.write();
    }

    /// Becomes what it was at some earlier time.
    pub fn turn_back(&mut self) {
        if !self.earlier.is_empty() {
            let index = pick(&mut self.rng, self.earlier.len());
            self.content = self.earlier[index].clone();
            self.write();
        }
    }

    /// From now on it has this fault.
    pub fn set_fault(&mut self, fault: Fault) {
        self.fault = fault;
    }

    /// From now on answers take up to this long.
    pub fn set_slowest(&mut self, slowest: Duration) {
        self.slowest = slowest.min(LONGEST_FETCH);
    }

    /// Answers a request that reaches it at `now`; the answer takes the time that is given with it.
    pub fn answer(&mut self, now: Time, request: &FetchRequest) -> (Duration, Fetched) {
        self.asked += 1;
        let mut delay = Jitter::scale(&mut self.rng, self.slowest, 0.1, 1.0);
        let outcome = match self.fault {
            Fault::None => self.serve(now, &request.condition),
            Fault::Unreachable => failed(FailureKind::Unreachable),
            Fault::TimesOut => {
                delay = LONGEST_FETCH;
                failed(FailureKind::TimedOut(Phase::Head))
            }
            Fault::ServerError => answered(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::NotFound => answered(StatusCode::NOT_FOUND),
            Fault::Refuses => answered(StatusCode::FORBIDDEN),
            Fault::Truncated => failed(FailureKind::Truncated),
            Fault::Flaps if self.asked.is_multiple_of(2) => failed(FailureKind::NoAnswer),
            Fault::Flaps => self.serve(now, &request.condition),
            Fault::ErrorPage => self.serve_page(now),
            Fault::Malformed => Outcome::Fresh(Representation {
                body: [&self.body[..], b"\xff"].concat().into(),
                form: self.form,
                fields: self.fields(),
            }),
        };
        (delay, Fetched { outcome, raw: None, wire_bytes: self.body.len() as u64, waited: Duration::ZERO })
    }

    /// The canonical content now.
    pub fn current(&self) -> String {
        match &self.content {
            Content::Json(doc) => doc.canonical(),
            Content::Ambiguous(_) | Content::Plain(_) => canonical_text(&self.body),
        }
    }

    /// The canonical content that was served with this body, if it ever was.
    pub fn content_of(&self, body: &Bytes) -> Option<&String> {
        self.served.get(body)
    }

    /// Whether this content was served to a request that arrived at `time` or later.
    pub fn served_since(&self, time: Time, content: &str) -> bool {
        self.log.iter().rev().take_while(|(at, _)| *at >= time).any(|(_, served)| served == content)
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked
    }

    fn remember(&mut self) {
        if self.earlier.len() < 8 {
            self.earlier.push(self.content.clone());
        }
    }

    fn write(&mut self) {
        self.serial += 1;
        let plain = pick(&mut self.rng, 2) == 0;
        (self.form, self.body) = match &self.content {
            Content::Json(doc) => {
                (Form::Json, doc.to_text((!plain).then_some(&mut self.rng)).into_bytes().into())
            }
            Content::Ambiguous(number) => (Form::Json, format!("{{\"n\":{number}, \"n\":1}}").into()),
            Content::Plain(number) => (Form::Text, format!("the level\nis {number}\n\n").into()),
        };
    }

    fn fields(&self) -> HeaderMap {
        let mut fields = content_type(self.form);
        if self.etags {
            let tag = format!("\"{}\"", self.serial);
            fields.insert(header::ETAG, HeaderValue::from_str(&tag).expect("digits in quotes"));
        }
        fields
    }

    /// Serves a page that is none of the resource's own contents, but served it is.
    fn serve_page(&mut self, now: Time) -> Outcome {
        let body = Bytes::from_static(b"<h1>Sorry</h1>\n");
        let content = canonical_text(&body);
        self.log.push((now, content.clone()));
        self.served.insert(body.clone(), content);
        Outcome::Fresh(Representation { body, form: Form::Text, fields: content_type(Form::Text) })
    }

    fn serve(&mut self, now: Time, condition: &Validators) -> Outcome {
        let fields = self.fields();
        let content = self.current();
        self.log.push((now, content.clone()));
        if condition.etag.is_some() && condition.etag.as_ref() == fields.get(header::ETAG) {
            return Outcome::NotModified { fields };
        }
        self.served.insert(self.body.clone(), content);
        Outcome::Fresh(Representation { body: self.body.clone(), form: self.form, fields })
    }
}

/// The canonical content of a text that is streamed whole: the text, with the line ends that the wire can carry.
pub(super) fn canonical_text(text: &[u8]) -> String {
    format!("text {}", String::from_utf8_lossy(text).replace("\r\n", "\n").replace('\r', "\n"))
}

fn content_type(form: Form) -> HeaderMap {
    let name = match form {
        Form::Json => "application/json",
        Form::Text => "text/plain",
    };
    [(header::CONTENT_TYPE, HeaderValue::from_static(name))].into_iter().collect()
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure::new(kind, "the model says so"))
}

fn answered(status: StatusCode) -> Outcome {
    Outcome::Answered(Answer { status, fields: HeaderMap::new(), body: Bytes::new() })
}
