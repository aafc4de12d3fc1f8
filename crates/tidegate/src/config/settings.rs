//! Every setting, documented once.
//!
//! This table is the only place that knows the settings' names, kinds, limits, defaults and reasons. The reader takes
//! defaults and limits from it, errors take their lists of valid keys and their examples, and `docs/CONFIG.md` is made
//! from it.
//!
//! Invariant: each default is a text that its setting accepts (a test holds every one against the reader).

use std::time::Duration;

use super::quantity::{ByteSize, display_duration};

/// A table of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The top of the file.
    Top,
    /// `[limits]`
    Limits,
    /// `[[origin]]`
    Origin,
    /// `[[route]]`
    Route,
}

/// What a setting holds, with the limits of what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An IP address with a port.
    Address,
    /// A list of web origins.
    WebOrigins,
    /// An amount of memory or of data.
    Size(ByteSize, ByteSize),
    /// A number of things.
    Count(usize, usize),
    /// A span of time.
    Time(Duration, Duration),
    /// `true` or `false`.
    Flag,
    /// The name of an origin.
    Name,
    /// The URL of an origin.
    Url,
    /// A pattern of paths.
    Pattern,
    /// A list of header field names.
    HeaderNames,
    /// A JSON Pointer.
    Pointer,
    /// A list of JSONPaths.
    Paths,
    /// A table of JSONPaths, each with a number.
    Tolerances,
    /// A table of JSONPaths, each with the name of a member.
    Members,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Where it stands.
    pub section: Section,
    /// Its key.
    pub key: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The default as text without quotes (a list or a table is empty); `None` if the setting is required.
    pub default: Option<&'static str>,
    /// A value to show where one is missing or of the wrong type, as TOML.
    pub example: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Why the default, or the limit, is what it is.
    pub reason: &'static str,
}

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

const fn time(least_ms: u64, most_ms: u64) -> Kind {
    Kind::Time(Duration::from_millis(least_ms), Duration::from_millis(most_ms))
}

/// All settings, in the order in which they are documented.
pub const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Top,
        key: "listen",
        kind: Kind::Address,
        default: Some("127.0.0.1:8080"),
        example: "\"127.0.0.1:8080\"",
        about: "The address and port on which clients are served. Port 0 lets the system choose one.",
        reason: "Only this machine can reach the gateway until you decide otherwise; `0.0.0.0:8080` opens it to all.",
    },
    Setting {
        section: Section::Top,
        key: "cors_origins",
        kind: Kind::WebOrigins,
        default: Some(""),
        example: "[\"https://app.example.com\"]",
        about: "The web origins whose pages may read answers; `[\"*\"]` allows any, without credentials.",
        reason: "Pages of other sites read nothing until you name them.",
    },
    Setting {
        section: Section::Limits,
        key: "max_body",
        kind: Kind::Size(ByteSize(KIB), ByteSize(GIB)),
        default: Some("16 MiB"),
        example: "\"16 MiB\"",
        about: "The largest representation that is kept and streamed, after decoding.",
        reason: "Far above usual answers; it bounds what one misbehaving resource costs, compressed bombs included.",
    },
    Setting {
        section: Section::Limits,
        key: "max_feeds",
        kind: Kind::Count(1, 10_000_000),
        default: Some("10000"),
        example: "10000",
        about: "How many feeds (live resources, each under one sharing key) may exist at once. Beyond it, streams get \
                503 and `Retry-After`, and plain reads are passed through.",
        reason: "Each feed polls the origin and holds a window.",
    },
    Setting {
        section: Section::Limits,
        key: "max_streams",
        kind: Kind::Count(1, 10_000_000),
        default: Some("10000"),
        example: "10000",
        about: "How many streams may be open at once. Beyond it, requests get 503 and `Retry-After`.",
        reason: "Each stream is a socket; the operating system's limit of open files has to be higher.",
    },
    Setting {
        section: Section::Limits,
        key: "window",
        kind: Kind::Size(ByteSize(KIB), ByteSize(GIB)),
        default: Some("4 MiB"),
        example: "\"4 MiB\"",
        about: "How many bytes a feed's versions may take, so that clients resume with a patch: the newest whole, and of each \
                earlier one what the next lacks, the patch that led to it, and its validators.",
        reason: "What falls out of it is answered with a snapshot, so a small one costs bandwidth and never correctness.",
    },
    Setting {
        section: Section::Limits,
        key: "window_versions",
        kind: Kind::Count(1, 65_536),
        default: Some("128"),
        example: "128",
        about: "How many earlier versions a feed keeps, whatever their size.",
        reason: "About a minute of a resource that changes twice a second, the time that a reconnect may take.",
    },
    Setting {
        section: Section::Limits,
        key: "request_head_timeout",
        kind: time(100, 5 * MINUTE),
        default: Some("30s"),
        example: "\"30s\"",
        about: "How long a client may take for the head of a request, and how long a connection may be idle between \
                two. It is absolute: dripping bytes do not extend it.",
        reason: "A connection that says nothing is a socket that others may need.",
    },
    Setting {
        section: Section::Origin,
        key: "name",
        kind: Kind::Name,
        default: None,
        example: "\"market\"",
        about: "The name that routes refer to, unique among the origins: 1 to 64 letters, digits, `-`, `_` or `.`.",
        reason: "It also names the origin in logs, where its URL does not belong.",
    },
    Setting {
        section: Section::Origin,
        key: "url",
        kind: Kind::Url,
        default: None,
        example: "\"http://127.0.0.1:9100\"",
        about: "Where the API is: `http` or `https`, host, optional port, optional path that is put in front of every \
                request's path. No user name, query or fragment.",
        reason: "Credentials in a URL end up in logs; clients' own credentials are forwarded instead.",
    },
    Setting {
        section: Section::Origin,
        key: "connect_timeout",
        kind: time(10, 5 * MINUTE),
        default: Some("2s"),
        example: "\"2s\"",
        about: "How long connecting may take. At most `head_timeout`.",
        reason: "An origin that does not accept within two seconds is away; clients are told so.",
    },
    Setting {
        section: Section::Origin,
        key: "head_timeout",
        kind: time(10, HOUR),
        default: Some("10s"),
        example: "\"10s\"",
        about: "How long the origin may take to answer with the head of a response.",
        reason: "Longer than a slow query, shorter than the patience of whoever waits.",
    },
    Setting {
        section: Section::Origin,
        key: "body_timeout",
        kind: time(10, 24 * HOUR),
        default: Some("30s"),
        example: "\"30s\"",
        about: "How long the body of a fetched representation may take. It is absolute: dripping bytes do not extend it.",
        reason: "It ends transfers that would hold a feed's only fetch for ever. What is passed through has no such limit.",
    },
    Setting {
        section: Section::Route,
        key: "path",
        kind: Kind::Pattern,
        default: None,
        example: "\"/quotes/**\"",
        about: "Which paths the route is for. See *Patterns and precedence*.",
        reason: "A path that no route matches gets 404 from the gateway.",
    },
    Setting {
        section: Section::Route,
        key: "origin",
        kind: Kind::Name,
        default: None,
        example: "\"market\"",
        about: "The name of the origin that answers.",
        reason: "Written out even where there is only one, so that adding a second changes no route.",
    },
    Setting {
        section: Section::Route,
        key: "live",
        kind: Kind::Flag,
        default: Some("true"),
        example: "true",
        about: "Whether GETs can be subscribed to. If not, everything is passed through, and the settings below are \
                errors.",
        reason: "It is what the gateway is for.",
    },
    Setting {
        section: Section::Route,
        key: "poll",
        kind: time(50, 24 * HOUR),
        default: Some("500ms"),
        example: "\"500ms\"",
        about: "How often the origin is asked while somebody subscribes, from the start of one fetch to the next.",
        reason: "Feels live on a screen and is one conditional request, however many clients watch.",
    },
    Setting {
        section: Section::Route,
        key: "linger",
        kind: time(0, HOUR),
        default: Some("10s"),
        example: "\"10s\"",
        about: "How long polling goes on after the last subscriber left.",
        reason: "A page that reloads, or a network that changes, resumes without a gap.",
    },
    Setting {
        section: Section::Route,
        key: "heartbeat",
        kind: time(1_000, 5 * MINUTE),
        default: Some("15s"),
        example: "\"15s\"",
        about: "How long a stream may be silent before a heartbeat is sent on it.",
        reason: "Below the time-outs of common proxies, of which the shortest are 30 s, and of our clients, which take 45 s of \
                 silence for a dead connection.",
    },
    Setting {
        section: Section::Route,
        key: "ignore_headers",
        kind: Kind::HeaderNames,
        default: Some(""),
        example: "[\"Accept-Language\"]",
        about: "Request header fields that do not choose the content here, so that requests that differ in them share \
                a feed. Fields that carry credentials are refused: sharing across credentials is never allowed.",
        reason: "Every field is taken to choose the content until you know better.",
    },
    Setting {
        section: Section::Route,
        key: "payload",
        kind: Kind::Pointer,
        default: Some(""),
        example: "\"/data\"",
        about: "Where the data is inside an envelope, as a JSON Pointer (RFC 6901): only differences inside it are \
                told. Where either document lacks it, every difference is. See *Which differences are told*.",
        reason: "The whole document is the data until you say otherwise; an envelope is often new with every answer.",
    },
    Setting {
        section: Section::Route,
        key: "ignore",
        kind: Kind::Paths,
        default: Some(""),
        example: "[\"$.generated_at\", \"$..updated\"]",
        about: "Which parts are as if absent when documents are compared, as JSONPaths (RFC 9535).",
        reason: "Every difference is told until you know that it means nothing; a time of creation makes each answer a \
                 new version.",
    },
    Setting {
        section: Section::Route,
        key: "tolerance",
        kind: Kind::Tolerances,
        default: Some(""),
        example: "{ \"$.rows[*].last\" = 0.01 }",
        about: "By how much the numbers at these JSONPaths may differ from those told last and still be the same, in \
                their own unit.",
        reason: "Numbers count by their text until you know what is noise. Slow drift is told as soon as it adds up.",
    },
    Setting {
        section: Section::Route,
        key: "identity",
        kind: Kind::Members,
        default: Some(""),
        example: "{ \"$.rows\" = \"sku\" }",
        about: "Which member identifies the rows of the arrays at these JSONPaths, which are made of names, indexes from \
                0, `*` and `..`. It only makes patches smaller.",
        reason: "It is detected where rows have a member whose values differ; name it where that guesses wrong.",
    },
];

impl Section {
    /// All sections, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::Top, Self::Limits, Self::Origin, Self::Route];

    /// How the section is written in the file; empty for the top.
    pub fn header(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Limits => "[limits]",
            Self::Origin => "[[origin]]",
            Self::Route => "[[route]]",
        }
    }

    /// The key of the section at the top of the file, for all but the top itself.
    pub fn key(self) -> &'static str {
        self.header().trim_matches(['[', ']'])
    }

    /// The section to name in a sentence.
    pub fn place(self) -> &'static str {
        if self == Self::Top { "the top of the file" } else { self.header() }
    }

    /// The settings of the section.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        SETTINGS.iter().filter(move |setting| setting.section == self)
    }

    /// Every key that may stand in the section, tables included.
    pub fn keys(self) -> Vec<&'static str> {
        let tables = Self::ALL.into_iter().filter(|section| self == Self::Top && *section != Self::Top);
        self.settings().map(|setting| setting.key).chain(tables.map(Self::key)).collect()
    }
}

/// The setting of a key, if there is one.
pub(super) fn find(section: Section, key: &str) -> Option<&'static Setting> {
    section.settings().find(|setting| setting.key == key)
}

impl Kind {
    /// What a value of this kind is, to be read after "expected".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Address => "an address as a string",
            Self::WebOrigins | Self::HeaderNames | Self::Paths => "a list of strings",
            Self::Size(..) => "a size as a string",
            Self::Count(..) => "a whole number",
            Self::Time(..) => "a duration as a string",
            Self::Flag => "true or false",
            Self::Name => "a name as a string",
            Self::Url => "a URL as a string",
            Self::Pattern => "a path as a string",
            Self::Pointer => "a JSON Pointer as a string",
            Self::Tolerances => "a table of JSONPaths with numbers",
            Self::Members => "a table of JSONPaths with strings",
        }
    }

    /// The least and the most that is accepted, as they would be written.
    pub fn limits(self) -> Option<(String, String)> {
        match self {
            Self::Size(least, most) => Some((least.to_string(), most.to_string())),
            Self::Count(least, most) => Some((least.to_string(), most.to_string())),
            Self::Time(least, most) => Some((display_duration(least), display_duration(most))),
            _ => None,
        }
    }

    /// Whether values are written without quotes.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::Count(..) | Self::Flag)
    }

    /// Whether the value is a list.
    pub fn is_list(self) -> bool {
        matches!(self, Self::WebOrigins | Self::HeaderNames | Self::Paths)
    }

    /// Whether the value is a table.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Tolerances | Self::Members)
    }
}

impl Setting {
    /// The default as TOML.
    pub fn default_toml(&self) -> Option<String> {
        self.default.map(|text| match self.kind {
            kind if kind.is_list() => String::from("[]"),
            kind if kind.is_table() => String::from("{}"),
            kind if kind.is_bare() => text.to_owned(),
            _ => format!("\"{text}\""),
        })
    }
}
