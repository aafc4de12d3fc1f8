//! What a feed knows about its head besides the content, and what subscribers are told of it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

use crate::caching::Control;
use crate::failure::Failure;
use crate::representation::Validators;
use crate::time::Time;

/// Why a feed is not live.
pub type Cause = Failure;

/// Whether the head is what the origin has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Confirmed within [`super::Feed::fresh_within`].
    Live,
    /// The last good state; not confirmed since then.
    Stale,
    /// The origin says that there is no such resource any more.
    Gone,
}

/// The state that subscribers are told. State, not an event: whoever missed one needs only the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Since when; for `Stale`, the last confirmation.
    pub since: Time,
    /// Why, unless live.
    pub cause: Option<Cause>,
    /// When the origin is asked next, unless live.
    pub retry_at: Option<Time>,
    /// Grows with each change that subscribers are to be told.
    pub sequence: u64,
}

impl Status {
    pub(super) fn initial(now: Time) -> Status {
        Status { state: State::Live, since: now, cause: None, retry_at: None, sequence: 1 }
    }
}

/// The head's header fields and when they were last confirmed.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The end-to-end fields of the newest answer, updated by 304s (RFC 9111 §4.3.4).
    pub fields: HeaderMap,
    /// The validators of the newest answer.
    pub validators: Validators,
    /// When the request began that last confirmed it.
    pub confirmed: Time,
    /// How old the origin said it was then.
    pub age: Duration,
    /// What the fields say about plain reads.
    pub control: Control,
    /// The shared request carries `Authorization`.
    authorized: bool,
    /// The representation came with a `Set-Cookie`: it may be meant for one reader.
    personal: bool,
}

impl Meta {
    /// `authorized`: the shared request carries `Authorization`.
    pub(super) fn new(confirmed: Time, fields: HeaderMap, authorized: bool) -> Meta {
        let personal = fields.contains_key(header::SET_COOKIE);
        let control = Control::of(&fields, authorized);
        let (validators, age) = (Validators::of(&fields), age(&fields));
        Meta { validators, age, confirmed, fields, control, authorized, personal }
    }

    fn read_control(&mut self) {
        self.control = Control::of(&self.fields, self.authorized);
        self.control.storable &= !self.personal;
    }

    /// A 304 came: its fields replace those of the same names, but those that describe the body, which a 304 has not.
    /// A `Set-Cookie` belongs to the request that it answered, which was an earlier one: it goes.
    pub(super) fn confirm(&mut self, started: Time, fields: HeaderMap) {
        const OF_THE_BODY: [header::HeaderName; 4] =
            [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_RANGE];
        self.fields.remove(header::SET_COOKIE);
        for name in fields.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            self.fields.remove(name);
            for value in fields.get_all(name) {
                self.fields.append(name.clone(), value.clone());
            }
        }
        self.read_control();
        self.age = age(&fields);
        self.confirmed = started;
        let newer = Validators::of(&fields);
        if newer.etag.is_some() {
            self.validators.etag = newer.etag;
        }
        if newer.last_modified.is_some() {
            self.validators.last_modified = newer.last_modified;
        }
    }

    /// An answer came whose body differs from the head's, but not in what counts: its fields and validators hold, but
    /// those fields that describe the head's body stay.
    pub(super) fn replace(&mut self, newer: Meta) {
        const OF_THE_BODY: [&str; 10] = [
            "content-length",
            "content-type",
            "content-encoding",
            "content-language",
            "content-location",
            "content-digest",
            "repr-digest",
            "digest",
            "content-md5",
            "last-modified",
        ];
        let mut fields = newer.fields;
        for name in OF_THE_BODY {
            fields.remove(name);
            for value in self.fields.get_all(name) {
                fields.append(HeaderName::from_static(name), value.clone());
            }
        }
        *self = Meta { fields, ..newer };
        self.read_control();
    }

    /// Its age now (RFC 9111 §4.2.3, and [`crate::caching`]).
    pub fn age_at(&self, now: Time) -> Duration {
        self.age + now.since(self.confirmed)
    }
}

/// The most that `Age` can say; what is more counts as this (RFC 9111 §1.2.2).
const LONGEST_AGE: u64 = 1 << 31;

fn age(fields: &HeaderMap) -> Duration {
    let text = fields.get(header::AGE).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // All digits, so it fails only when it is too large.
    let seconds = if is_number { text.parse().unwrap_or(LONGEST_AGE) } else { 0 };
    Duration::from_secs(seconds.min(LONGEST_AGE))
}
