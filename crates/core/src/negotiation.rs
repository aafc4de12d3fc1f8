//! Which of the two ways to read a request asks for (RFC 9110 §12.5.1), and what `Accept` a shared fetch carries.

use http::{HeaderMap, HeaderValue, header};

/// The media type of a stream.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The two ways to read a live resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The current representation, once.
    Plain,
    /// The representation, then each change.
    Stream,
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

fn is_stream(media: &str) -> bool {
    media.eq_ignore_ascii_case(EVENT_STREAM)
}

/// Which way a request asks for: a stream only where it names `text/event-stream` itself, with a quality above zero
/// that is at least that of everything else it names. Wildcards get the plain representation.
pub fn reading(fields: &HeaderMap) -> Reading {
    let (mut stream, mut other) = (0, 0);
    for range in ranges(fields) {
        if is_stream(range.media) {
            stream = stream.max(range.quality);
        } else if !range.media.ends_with("/*") {
            other = other.max(range.quality);
        }
    }
    if stream > 0 && stream >= other { Reading::Stream } else { Reading::Plain }
}

/// The `Accept` that a shared fetch carries for this request: its ranges without the stream's, in one field, or
/// nothing when they ask for what is asked on behalf of those who do not say: anything, JSON preferred. So plain
/// readers without a wish, and clients that prefer JSON to other data, share a feed with streams.
pub fn shared_accept(fields: &HeaderMap) -> Option<HeaderValue> {
    let kept: Vec<Range<'_>> = ranges(fields).filter(|range| !is_stream(range.media)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::ACCEPT, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_stream_is_only_for_who_names_it() {
        for (values, expected) in [
            (&[][..], Reading::Plain),
            (&["*/*"], Reading::Plain),
            (&["text/*"], Reading::Plain),
            (&["application/json"], Reading::Plain),
            (&["text/event-stream"], Reading::Stream),
            (&["Text/Event-Stream; q=0.5"], Reading::Stream),
            (&["text/event-stream;q=0"], Reading::Plain),
            (&["text/event-stream;q=0.000, */*"], Reading::Plain),
            (&["text/event-stream;q=2"], Reading::Plain),
            (&["text/event-stream, application/json"], Reading::Stream),
            (&["text/event-stream;q=0.5, application/json"], Reading::Plain),
            (&["application/json", "text/event-stream"], Reading::Stream),
            (&["text/event-stream, */*;q=0.1"], Reading::Stream),
            (&["text/event-stream-x"], Reading::Plain),
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
}
