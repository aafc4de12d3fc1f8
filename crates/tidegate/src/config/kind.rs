//! What a setting is: where it stands, what it holds, and how that is said.
//!
//! Owns the vocabulary of the table of settings (`settings`), and the sentences that only depend on a setting's kind.

use std::fmt;
use std::time::Duration;

use super::origin::TIME_OUTS;
use super::quantity::{ByteSize, display_duration};
use super::route::LIVE_ONLY;
use super::settings::settings;

/// A table of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The top of the file.
    Top,
    /// `[tls]`
    Tls,
    /// `[limits]`
    Limits,
    /// `[[origin]]`
    Origin,
    /// `[[verifier]]`
    Verifier,
    /// `[[route]]`
    Route,
    /// `[open]`
    Open,
    /// `[route.expect]`
    Expect,
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
    /// An amount of memory, or `auto`.
    SizeOrAuto(ByteSize, ByteSize),
    /// A number of things.
    Count(usize, usize),
    /// A number of things, or `auto`.
    CountOrAuto(usize, usize),
    /// A span of time.
    Time(Duration, Duration),
    /// A span of time, or `auto`.
    TimeOrAuto(Duration, Duration),
    /// `true` or `false`.
    Flag,
    /// The name of an origin or of a verifier.
    Name,
    /// The URL of an origin.
    Url,
    /// The path of a file, from the folder of the configuration file if it is relative.
    File,
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// A list of hosts with ports.
    Places,
    /// A host name, or `*.` before one; empty for every host.
    Host,
    /// A pattern of paths.
    Pattern,
    /// A path without wildcards; empty for the root.
    Path,
    /// A list of header field names.
    HeaderNames,
    /// A list of names of query parameters.
    QueryNames,
    /// A list of names of cookies, or `all`.
    CookieNames,
    /// A list of methods.
    Methods,
    /// A JSON Pointer.
    Pointer,
    /// A list of JSON Pointers.
    Pointers,
    /// A list of status codes.
    Statuses,
    /// A media type, perhaps with a `*`; empty for any.
    MediaType,
    /// A list of JSONPaths.
    Paths,
    /// A table of JSONPaths, each with a number.
    Tolerances,
    /// A table of JSONPaths, each with the name of a member.
    Members,
    /// A table of header field names, each with a value.
    HeaderFields,
    /// Any text.
    Text,
    /// A table of names, each with a public key in PEM form.
    PublicKeys,
    /// A table of names, each with a secret.
    Secrets,
    /// A list of algorithms of signatures.
    Algorithms,
    /// A list of names of claims.
    Claims,
    /// A table of header field names, each with the name of a claim.
    ClaimHeaders,
    /// A list of patterns of URLs.
    Targets,
    /// A list of networks.
    Networks,
}

/// A value, or the sign that the gateway is to find it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrAuto<T> {
    /// `auto`
    Auto,
    /// What is written.
    Set(T),
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

/// How [`OrAuto::Auto`] is written.
pub(super) const AUTO: &str = "auto";

/// How every member is written where a list names some.
pub(super) const ALL: &str = "all";

impl Section {
    /// All sections, in the order in which they are documented.
    pub const ALL: [Self; 8] = [
        Self::Top,
        Self::Tls,
        Self::Limits,
        Self::Origin,
        Self::Verifier,
        Self::Route,
        Self::Expect,
        Self::Open,
    ];

    /// How the section is written in the file; empty for the top.
    pub fn header(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Tls => "[tls]",
            Self::Limits => "[limits]",
            Self::Origin => "[[origin]]",
            Self::Verifier => "[[verifier]]",
            Self::Route => "[[route]]",
            Self::Open => "[open]",
            Self::Expect => "[route.expect]",
        }
    }

    /// The key of the section where it stands, for all but the top itself.
    pub fn key(self) -> &'static str {
        let header = self.header().trim_matches(['[', ']']);
        header.rsplit_once('.').map_or(header, |(_, key)| key)
    }

    /// The section that this one stands in, for all but the top itself.
    fn parent(self) -> Option<Self> {
        match self {
            Self::Top => None,
            Self::Expect => Some(Self::Route),
            Self::Tls | Self::Limits | Self::Origin | Self::Verifier | Self::Route | Self::Open => {
                Some(Self::Top)
            }
        }
    }

    /// The section to name in a sentence.
    pub fn place(self) -> &'static str {
        if self == Self::Top { "the top of the file" } else { self.header() }
    }

    /// The settings that are the section's own.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        settings().filter(move |setting| setting.section == self)
    }

    /// The settings of another section that may stand in this one and mean the same.
    pub fn borrowed(self) -> impl Iterator<Item = &'static Setting> {
        settings().filter(move |setting| match setting.section {
            Self::Route => self == Self::Open && LIVE_ONLY.contains(&setting.key),
            Self::Origin => self == Self::Open && TIME_OUTS.contains(&setting.key),
            _ => false,
        })
    }

    /// Every key that may stand in the section, tables included.
    pub fn keys(self) -> Vec<&'static str> {
        let tables = Self::ALL.into_iter().filter(|section| section.parent() == Some(self));
        let borrowed = self.borrowed().filter(|setting| !WITHOUT_USE_IN_OPEN.contains(&setting.key));
        let settings = self.settings().chain(borrowed);
        settings.map(|setting| setting.key).chain(tables.map(Self::key)).collect()
    }
}

/// Settings of a live route that have their default in the open mode, which neither forwards cookies nor reads by other
/// methods than `GET`.
const WITHOUT_USE_IN_OPEN: [&str; 4] = ["cookies", "safe_methods", "max_query_body", "graphql"];

/// The setting of a key, if there is one.
pub(super) fn find(section: Section, key: &str) -> Option<&'static Setting> {
    section.settings().chain(section.borrowed()).find(|setting| setting.key == key)
}

impl Kind {
    /// What a value of this kind is, to be read after "expected".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Address => "an address as a string",
            Self::WebOrigins
            | Self::Places
            | Self::HeaderNames
            | Self::QueryNames
            | Self::Methods
            | Self::Paths
            | Self::Targets
            | Self::Networks
            | Self::Algorithms
            | Self::Claims
            | Self::Pointers => "a list of strings",
            Self::CookieNames => "a list of strings, or \"all\"",
            Self::Size(..) => "a size as a string",
            Self::SizeOrAuto(..) => "a size as a string, or \"auto\"",
            Self::Count(..) => "a whole number",
            Self::CountOrAuto(..) => "a whole number, or \"auto\"",
            Self::Time(..) => "a duration as a string",
            Self::TimeOrAuto(..) => "a duration as a string, or \"auto\"",
            Self::Flag => "true or false",
            Self::Name => "a name as a string",
            Self::Url => "a URL as a string",
            Self::OneOf(_) => "one of a few words as a string",
            Self::File => "the path of a file as a string",
            Self::Host => "a host as a string",
            Self::Pattern | Self::Path => "a path as a string",
            Self::Pointer => "a JSON Pointer as a string",
            Self::Statuses => "a list of status codes",
            Self::MediaType => "a media type as a string",
            Self::Tolerances => "a table of JSONPaths with numbers",
            Self::Members => "a table of JSONPaths with strings",
            Self::HeaderFields => "a table of header field names with strings",
            Self::PublicKeys => "a table of names with keys as strings",
            Self::Secrets => "a table of names with secrets as strings",
            Self::ClaimHeaders => "a table of header field names with names of claims",
            Self::Text => "a string",
        }
    }

    /// The least and the most that is accepted, as they would be written.
    pub fn limits(self) -> Option<(String, String)> {
        match self {
            Self::Size(least, most) | Self::SizeOrAuto(least, most) => {
                Some((least.to_string(), most.to_string()))
            }
            Self::Count(least, most) | Self::CountOrAuto(least, most) => {
                Some((least.to_string(), most.to_string()))
            }
            Self::Time(least, most) | Self::TimeOrAuto(least, most) => {
                Some((display_duration(least), display_duration(most)))
            }
            _ => None,
        }
    }

    /// Whether values are written without quotes, `auto` aside.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::Count(..) | Self::CountOrAuto(..) | Self::Flag)
    }

    /// Whether `auto` is accepted.
    pub fn is_or_auto(self) -> bool {
        matches!(self, Self::SizeOrAuto(..) | Self::CountOrAuto(..) | Self::TimeOrAuto(..))
    }

    /// Whether the value is a list.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::WebOrigins
                | Self::Places
                | Self::HeaderNames
                | Self::QueryNames
                | Self::CookieNames
                | Self::Methods
                | Self::Paths
                | Self::Targets
                | Self::Networks
                | Self::Pointers
                | Self::Algorithms
                | Self::Claims
                | Self::Statuses
        )
    }

    /// Whether the value is a table with texts in it.
    pub fn is_table_of_texts(self) -> bool {
        matches!(
            self,
            Self::Members | Self::HeaderFields | Self::PublicKeys | Self::Secrets | Self::ClaimHeaders
        )
    }

    /// Whether the value is a table.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Tolerances) || self.is_table_of_texts()
    }
}

impl Setting {
    /// The default as TOML.
    pub fn default_toml(&self) -> Option<String> {
        self.default.map(|text| match self.kind {
            Kind::Statuses => format!("[{text}]"),
            kind if kind.is_list() && text != ALL => String::from("[]"),
            kind if kind.is_table() => String::from("{}"),
            kind if kind.is_bare() && text != AUTO => text.to_owned(),
            _ => format!("\"{text}\""),
        })
    }
}

impl<T> OrAuto<T> {
    /// What is written, or what `auto` stands for.
    pub fn or(self, auto: T) -> T {
        match self {
            Self::Auto => auto,
            Self::Set(value) => value,
        }
    }
}

impl<T: fmt::Display> fmt::Display for OrAuto<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad(AUTO),
            Self::Set(value) => value.fmt(f),
        }
    }
}
