//! Which of the two ways to read a request asks for (RFC 9110 §12.5.1), and what of its preferences a shared fetch
//! carries.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where a client says what it would rather have (RFC 7240 §2).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A media type in which a stream can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamType {
    /// Server-Sent Events.
    EventStream,
    /// A JSON text a line. The type is not registered; it goes by two names.
    Ndjson,
}

impl StreamType {
    /// All of them. The first one wins where several are asked for alike.
    pub const ALL: [StreamType; 2] = [StreamType::EventStream, StreamType::Ndjson];

    /// The names that ask for it. The first one is that of the answer.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            StreamType::EventStream => &["text/event-stream"],
            StreamType::Ndjson => &["application/x-ndjson", "application/ndjson"],
        }
    }

    /// The one that this media type, without parameters, names.
    pub fn of(media: &str) -> Option<StreamType> {
        let is_named =
            |stream: &StreamType| stream.names().iter().any(|name| name.eq_ignore_ascii_case(media));
        StreamType::ALL.into_iter().find(is_named)
    }
}

/// The two ways to read a live resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The current representation, once.
    Plain,
    /// The representation, then each change.
    Stream(StreamType),
}

struct Range<'a> {
    text: &'a str,
    media: &'a str,
    quality: u16,
    /// It has parameters besides its quality, which narrow it.
    narrowed: bool,
}

/// The media ranges of all `Accept` fields, with qualities in thousandths. A malformed quality counts as 0.
fn ranges(fields: &HeaderMap) -> impl Iterator<Item = Range<'_>> {
    fields.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(parse_ranges)
}

fn parse_ranges(value: &str) -> impl Iterator<Item = Range<'_>> {
    value.split(',').map(str::trim).filter(|text| !text.is_empty()).map(|text| {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let narrowed = parts.clone().any(|parameter| !is_quality(parameter));
        Range { text, media, quality: quality(parts), narrowed }
    })
}

fn is_quality(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
}

/// The quality among the parameters of a member, in thousandths: 1000 unless it is given, 0 where it is malformed.
pub fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    let given = parameters.filter(|parameter| is_quality(parameter)).find_map(|it| it.split_once('='));
    given.map_or(1000, |(_, quality)| parse_quality(quality.trim()))
}

/// `0`, `1`, and up to three decimals (RFC 9110 §12.4.2).
fn parse_quality(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    let thousandths = decimals.bytes().chain(std::iter::repeat(b'0')).take(3);
    let thousandths = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => thousandths,
        "1" if thousandths == 0 => 1000,
        _ => 0,
    }
}

/// Whether a request names a media type of streams at all, whatever else it says. Cheap.
pub fn names_stream(fields: &HeaderMap) -> bool {
    ranges(fields).any(|range| StreamType::of(range.media).is_some())
}

/// Which way a request asks for: a stream only where it names a media type of streams itself, with a quality above zero
/// that is at least that of everything else it names. Wildcards get the plain representation.
pub fn reading(fields: &HeaderMap) -> Reading {
    let (mut streams, mut other) = ([0; StreamType::ALL.len()], 0);
    for range in ranges(fields) {
        if let Some(stream) = StreamType::of(range.media) {
            let best = &mut streams[stream as usize];
            *best = range.quality.max(*best);
        } else if !range.media.ends_with("/*") {
            other = other.max(range.quality);
        }
    }
    let best = streams.into_iter().max().unwrap_or_default();
    let first = StreamType::ALL.into_iter().find(|stream| streams[*stream as usize] == best);
    match first {
        Some(stream) if best > 0 && best >= other => Reading::Stream(stream),
        _ => Reading::Plain,
    }
}

/// The `Accept` that a shared fetch carries for this request: its ranges without those of streams, in one field, or
/// nothing when they ask for what is asked on behalf of those who do not say: anything, JSON preferred. So plain
/// readers without a wish, and clients that prefer JSON to other data, share a feed with streams.
pub fn shared_accept(fields: &HeaderMap) -> Option<HeaderValue> {
    let kept: Vec<Range<'_>> = ranges(fields).filter(|range| StreamType::of(range.media).is_none()).collect();
    if kept.is_empty() || is_no_wish(&kept) {
        return None;
    }
    let texts: Vec<&str> = kept.iter().map(|range| range.text).collect();
    HeaderValue::from_str(&texts.join(", ")).ok()
}

/// Whether anything will do, and nothing is liked better than JSON.
fn is_no_wish(ranges: &[Range<'_>]) -> bool {
    let (mut json, mut any) = (None, 0);
    for range in ranges {
        match range.media {
            _ if range.narrowed => return false,
            "*/*" => any = any.max(range.quality),
            media if media.eq_ignore_ascii_case("application/json") => json = json.max(Some(range.quality)),
            _ => return false,
        }
    }
    any > 0 && json.is_none_or(|json| json >= any)
}

/// The preferences that a request lists (RFC 7240 §2), each as it stands there.
fn preferences(fields: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = fields.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(outside_quotes).map(str::trim).filter(|preference| !preference.is_empty())
}

/// The members of a list in which quoted strings may hold commas (RFC 9110 §5.6.4).
fn outside_quotes(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |character: char| {
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        character == ',' && !quoted
    })
}

fn is_wait(preference: &str) -> bool {
    let name = preference.split([';', '=']).next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case("wait")
}

/// How many seconds a request is ready to wait for its answer (RFC 7240 §4.3). Of several, the first counts (§2), and none
/// where it is no number of seconds.
pub fn wait(fields: &HeaderMap) -> Option<u64> {
    let preference = preferences(fields).find(|preference| is_wait(preference))?;
    let value = preference.split(';').next()?.split_once('=')?.1.trim();
    // A value may be quoted (RFC 7240 §2).
    let digits = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // All digits, so it fails only when it is too large.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The `Prefer` that a shared fetch carries for this request: how long a client waits is between it and the gateway.
pub fn shared_prefer(fields: &HeaderMap) -> Option<HeaderValue> {
    let mut all = preferences(fields).peekable();
    all.peek()?;
    let kept: Vec<&str> = all.filter(|preference| !is_wait(preference)).collect();
    if kept.is_empty() {
        return None;
    }
    HeaderValue::from_str(&kept.join(", ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::ACCEPT, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_stream_is_only_for_who_names_it() {
        const SSE: Reading = Reading::Stream(StreamType::EventStream);
        const LINES: Reading = Reading::Stream(StreamType::Ndjson);
        for (values, expected) in [
            (&[][..], Reading::Plain),
            (&["*/*"], Reading::Plain),
            (&["text/*"], Reading::Plain),
            (&["application/json"], Reading::Plain),
            (&["text/event-stream"], SSE),
            (&["Text/Event-Stream; q=0.5"], SSE),
            (&["text/event-stream;q=0"], Reading::Plain),
            (&["text/event-stream;q=0.000, */*"], Reading::Plain),
            (&["text/event-stream;q=2"], Reading::Plain),
            (&["text/event-stream, application/json"], SSE),
            (&["text/event-stream;q=0.5, application/json"], Reading::Plain),
            (&["application/json", "text/event-stream"], SSE),
            (&["text/event-stream, */*;q=0.1"], SSE),
            (&["text/event-stream-x"], Reading::Plain),
            (&["application/x-ndjson"], LINES),
            (&["Application/NDJSON;q=0.1"], LINES),
            (&["application/*"], Reading::Plain),
            (&["application/x-ndjson, application/json"], LINES),
            (&["application/x-ndjson;q=0.9, application/json"], Reading::Plain),
            (&["application/x-ndjson, text/event-stream"], SSE),
            (&["text/event-stream;q=0.5, application/x-ndjson"], LINES),
            (&["text/event-stream;q=0.5", "application/x-ndjson;q=0.6, text/html;q=0.6"], LINES),
            (&["text/event-stream;q=0.5, application/x-ndjson, text/html"], LINES),
        ] {
            assert_eq!(reading(&accept(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn the_shared_accept_is_what_is_left() {
        for (values, expected) in [
            (&[][..], None),
            (&["*/*"], None),
            (&["text/event-stream"], None),
            (&["text/event-stream, */*"], None),
            (&["application/x-ndjson, application/ndjson", "text/event-stream"], None),
            (&["*/*;q=0.5"], None),
            (&["application/json, */*"], None),
            (&["Application/JSON;q=0.9, */*; q=0.5", "text/event-stream"], None),
            (&["application/json"], Some("application/json")),
            (&["application/json;q=0.1, */*"], Some("application/json;q=0.1, */*")),
            (&["application/json;version=2, */*"], Some("application/json;version=2, */*")),
            (&["application/json, */*;q=0"], Some("application/json, */*;q=0")),
            (&["*/*;q=0"], Some("*/*;q=0")),
            (&["application/json, text/*"], Some("application/json, text/*")),
            (&["application/xml"], Some("application/xml")),
            (&["text/event-stream, application/xml;q=0.5"], Some("application/xml;q=0.5")),
            (&["application/json, text/plain, */*"], Some("application/json, text/plain, */*")),
        ] {
            assert_eq!(
                shared_accept(&accept(values)),
                expected.map(|text| text.parse().unwrap()),
                "{values:?}"
            );
        }
    }

    #[test]
    fn how_long_a_client_waits() {
        let prefer = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (PREFER, value.parse().unwrap())).collect()
        };
        for (values, seconds, shared) in [
            (&[][..], None, None),
            (&["wait=10"], Some(10), None),
            (&["Wait = \"10\"; x=1"], Some(10), None),
            (&["return=minimal, wait=0"], Some(0), Some("return=minimal")),
            (
                &["respond-async", "handling=lenient,wait=5, wait=7"],
                Some(5),
                Some("respond-async, handling=lenient"),
            ),
            (&["x=\"a, wait=3\", wait=4"], Some(4), Some("x=\"a, wait=3\"")),
            (&["x=\"\\\", wait=3\""], None, Some("x=\"\\\", wait=3\"")),
            (&["wait=99999999999999999999999"], Some(u64::MAX), None),
            (&["wait"], None, None),
            (&["wait=soon, wait=4"], None, None),
            (&["wait=-1"], None, None),
            (&["waiting=1"], None, Some("waiting=1")),
        ] {
            let fields = prefer(values);
            assert_eq!(wait(&fields), seconds, "{values:?}");
            assert_eq!(shared_prefer(&fields), shared.map(|text| text.parse().unwrap()), "{values:?}");
        }
    }
}
