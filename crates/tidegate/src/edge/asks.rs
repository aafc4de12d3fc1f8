//! How a client wants a live resource read: what its header fields and the reserved parameters say, as one typed value.
//!
//! A field wins over the parameter of the same meaning. What is not understood is refused, with what there is: a wish that
//! is misspelt must not become a wish unheard. The exceptions are what programs that know nothing of this gateway send:
//! `Accept`, `Cache-Control`, `Last-Event-ID` and `Prefer`.

use std::fmt::Display;
use std::time::Duration;

use http::header::{CACHE_CONTROL, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, Method};
use tidegate_core::json::Selection;
use tidegate_core::negotiation::{self, Reading, StreamType};
use tidegate_core::{Mode, Position, Wish};
use tidegate_hub::{Rate, Resume, Terms};
use tidegate_wire::{Format, Problem, ProblemKind};

use super::query::Reserved;
use super::wait::{Named, Wait};
use super::{asked, plain};
use crate::config::{display_duration, parse_duration};

/// Says what the updates are.
pub(super) const MODE: HeaderName = HeaderName::from_static("tidegate-mode");
/// Says which part of the resource it is about.
pub(super) const SELECT: HeaderName = HeaderName::from_static("tidegate-select");
/// Says how often there is an update at most.
pub(super) const RATE: HeaderName = HeaderName::from_static("tidegate-rate");
/// Asks for a Braid subscription, and says of an answer that it is one.
pub(super) const SUBSCRIBE: HeaderName = HeaderName::from_static("subscribe");
/// Where a Braid subscription goes on.
pub(super) const PARENTS: HeaderName = HeaderName::from_static("parents");
/// Where any other goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest position that is looked at; ours are far shorter.
const MAX_POSITION: usize = 128;

/// How a client wants a live resource read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// How the stream is to be written; none where the current representation is wanted, once.
    pub(super) format: Option<Format>,
    /// What the stream's updates are to be.
    pub(super) mode: Mode,
    /// How often there is to be one at most.
    pub(super) rate: Option<Rate>,
    /// Which part of the resource it is about; none for the whole.
    pub(super) select: Option<Selection>,
    /// Where the stream is to go on.
    pub(super) resume: Resume,
    /// How old the data may become.
    pub(super) wish: Wish,
    /// What a plain read is to wait for.
    pub(super) wait: Option<Wait>,
}

impl Ask {
    /// What a request says. `max_wait`: how long one may wait at most.
    pub(super) fn of(
        method: &Method,
        fields: &HeaderMap,
        reserved: &Reserved,
        max_wait: Duration,
    ) -> Result<Ask, Problem> {
        let format = format(method, fields);
        let mode = said(fields, &MODE, "tidegate.mode", reserved)?.map_or(Ok(Mode::default()), Said::mode)?;
        let rate = said(fields, &RATE, "tidegate.rate", reserved)?.map(Said::rate).transpose()?;
        let select = said(fields, &SELECT, "tidegate.select", reserved)?.map(Said::selection).transpose()?;
        let select = select.filter(|selection| !selection.is_whole());
        let wish = wish(fields, reserved.get("tidegate.max-age"))?;
        let wait = wait(fields, reserved, max_wait)?;
        let resume = resume(format, fields, reserved.get("tidegate.last-event-id"));
        Ok(Ask { format, mode, rate, select, resume, wish, wait })
    }

    /// The terms of a stream in this format.
    pub(super) fn terms(&self, format: Format) -> Terms {
        Terms { format, mode: self.mode, rate: self.rate }
    }
}

/// Whether a request is about a part of what it names.
pub(super) fn is_of_a_part(fields: &HeaderMap, reserved: &Reserved) -> bool {
    match fields.get(SELECT) {
        Some(text) => !text.is_empty(),
        None => reserved.get("tidegate.select").is_some_and(|text| !text.is_empty()),
    }
}

/// In which format a request wants a stream, if it wants one.
///
/// `Subscribe` is a wish in so many words, while an `Accept` may be a program's usual one. Braid knows it with `GET` (and
/// `HEAD`, which is about a `GET`).
pub(super) fn format(method: &Method, fields: &HeaderMap) -> Option<Format> {
    let declined = |value: &[u8]| matches!(value, b"false" | b"?0");
    let subscribes = fields.get(SUBSCRIBE).is_some_and(|value| !declined(value.as_bytes()));
    match negotiation::reading(fields) {
        _ if subscribes && matches!(*method, Method::GET | Method::HEAD) => Some(Format::Braid),
        Reading::Plain => None,
        Reading::Stream(StreamType::EventStream) => Some(Format::Sse),
        Reading::Stream(StreamType::Ndjson) => Some(Format::Ndjson),
    }
}

/// The text of an option, and where it was said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// As people know it: a field's name or a parameter's.
    pub(super) by: &'a str,
    /// The text.
    pub(super) text: &'a str,
}

impl Said<'_> {
    /// As a mode.
    pub(super) fn mode(self) -> Result<Mode, Problem> {
        self.text.parse().map_err(|error| wrong(self, error))
    }

    /// As a part of the resource.
    pub(super) fn selection(self) -> Result<Selection, Problem> {
        Selection::parse(self.text).map_err(|error| wrong(self, error))
    }

    /// As the most often that there is an update.
    pub(super) fn rate(self) -> Result<Rate, Problem> {
        parse_duration(self.text).ok().and_then(Rate::new).ok_or_else(|| {
            let [shortest, longest] = [Rate::SHORTEST, Rate::LONGEST].map(display_duration);
            let valid = "has to be a time between two updates, such as `250ms`, `2s` or `1m`";
            wrong(self, format!("{valid}, from {shortest} to {longest}"))
        })
    }
}

/// A problem that names where something was said, and what could have been said there.
fn wrong(said: Said<'_>, why: impl Display) -> Problem {
    let Said { by, text } = said;
    let shown: String = text.chars().take(64).collect();
    bad(format!("`{by}: {shown}`: {why}"))
}

fn bad(detail: String) -> Problem {
    Problem::new(ProblemKind::BadOption).with_detail(detail)
}

/// What a field says, or else a parameter.
fn said<'a>(
    fields: &'a HeaderMap,
    field: &'a HeaderName,
    parameter: &'a str,
    reserved: &'a Reserved,
) -> Result<Option<Said<'a>>, Problem> {
    let mut lines = fields.get_all(field).iter();
    let Some(first) = lines.next() else {
        return Ok(reserved.get(parameter).map(|text| Said { by: parameter, text }));
    };
    if lines.any(|line| line != first) {
        return Err(bad(format!("`{field}` is there twice, with different values")));
    }
    let text = std::str::from_utf8(first.as_bytes());
    text.map(|text| Some(Said { by: field.as_str(), text }))
        .map_err(|_| bad(format!("`{field}` is no UTF-8")))
}

/// How old the client lets its data become: what `Cache-Control: max-age` says, else the parameter. Zero says nothing, and
/// neither does `no-cache`, which `EventSource` sends by itself.
fn wish(fields: &HeaderMap, parameter: Option<&str>) -> Result<Wish, Problem> {
    let wish_of = |text: &str| number(text).map(|seconds| Wish::seconds(seconds.min(MOST_SECONDS)));
    let parameter = match parameter {
        Some(text) => wish_of(text).ok_or_else(|| no_number("tidegate.max-age", text))?,
        None => Wish::NONE,
    };
    let lines = fields.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).filter_map(|directive| directive.split_once('='));
    let mut ages = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    // RFC 9111 §5.2 lets an argument be quoted.
    let age = ages.find_map(|(_, age)| wish_of(age.trim().trim_matches('"')));
    Ok(age.filter(|age| *age != Wish::NONE).unwrap_or(parameter))
}

/// More seconds than anybody means; what is beyond counts as this.
const MOST_SECONDS: u64 = u32::MAX as u64;

/// Digits (RFC 9111 §1.2.2); as many as there are.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // All digits, so it fails only when it is too large.
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn no_number(parameter: &str, text: &str) -> Problem {
    wrong(Said { by: parameter, text }, "has to be a number of seconds, in digits")
}

/// Where the client wants its stream to go on; whatever it says that is not a position of ours is foreign, never an error.
fn resume(format: Option<Format>, fields: &HeaderMap, parameter: Option<&str>) -> Resume {
    if format == Some(Format::Braid) && fields.contains_key(PARENTS) {
        return parents(fields);
    }
    let header = fields.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    match header.or(parameter) {
        None | Some("") => Resume::Nowhere,
        Some(text) => position(text).map_or(Resume::Foreign, Resume::From),
    }
}

/// The versions that a Braid client has: strings, of which ours are one at a time
/// (draft-toomim-httpbis-braid-http-04 §2.2).
fn parents(fields: &HeaderMap) -> Resume {
    let lines: Option<Vec<&str>> = fields.get_all(PARENTS).iter().map(|line| line.to_str().ok()).collect();
    let Some(lines) = lines else { return Resume::Foreign };
    let mut versions = lines.into_iter().flat_map(asked::tags);
    match (versions.next(), versions.next()) {
        (None, _) => Resume::Nowhere,
        (Some(only), None) => {
            let text = only.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            text.and_then(position).map_or(Resume::Foreign, Resume::From)
        }
        // Two versions at once are never ours.
        (Some(_), Some(_)) => Resume::Foreign,
    }
}

fn position(text: &str) -> Option<Position> {
    (text.len() <= MAX_POSITION).then(|| text.parse().ok())?
}

/// What a plain read is to wait for. Nothing where it does not say what it has: there is something newer than nothing.
fn wait(fields: &HeaderMap, reserved: &Reserved, max_wait: Duration) -> Result<Option<Wait>, Problem> {
    let preferred = negotiation::wait(fields);
    let parameter = match reserved.get("tidegate.wait") {
        Some(text) => Some(number(text).ok_or_else(|| no_number("tidegate.wait", text))?),
        None => None,
    };
    let limit = |seconds| Duration::from_secs(seconds).min(max_wait);
    let seconds = preferred.or(parameter);
    if let Some(after) = reserved.get("tidegate.after") {
        // As an entity tag or as an event's id, quoted or not.
        let after = plain::position_text(after).unwrap_or(after);
        let (after, limit) = (position(after), limit(seconds.unwrap_or(0)));
        return Ok(Some(Wait { after, limit, named: Named::ByUrl, preferred: preferred.is_some() }));
    }
    if !fields.contains_key(IF_NONE_MATCH) {
        return Ok(None);
    }
    let ours = asked::none_match(fields).filter_map(|tag| plain::position_text(tag).and_then(position));
    // The newest that it has, should it have several.
    let after = ours.max_by_key(|position| position.offset);
    Ok(seconds.filter(|_| after.is_some()).map(|seconds| Wait {
        after,
        limit: limit(seconds),
        named: Named::ByTag,
        preferred: preferred.is_some(),
    }))
}

#[cfg(test)]
mod tests;
