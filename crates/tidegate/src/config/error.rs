//! What can be wrong with a configuration, and how it is said.
//!
//! Owns the sentences. Each problem says what is wrong (`message`) and what to write instead (`help`). Invariant: a
//! value is only ever repeated as [`Problem`]'s `shown` text, which has `${NAME}` in place of what the environment
//! held.

use std::fmt;

use super::env::PlaceholderError;
use super::kind::{Section, Setting};
use super::source::{Place, mask_userinfo, safe};
use super::tls::MaterialError;
use super::value::ValueError;
use crate::expect::SchemaError;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file cannot be read.
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// The file is not UTF-8.
    NotUtf8,
    /// The file is not TOML.
    Syntax {
        /// What the parser says.
        reason: String,
        /// What to write instead.
        help: &'static str,
    },
    /// A key that is no setting.
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        section: Section,
        /// What was probably meant.
        suggestion: Option<Suggestion>,
    },
    /// A setting that holds a value of another type.
    WrongType {
        /// The key.
        key: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// The TOML type that it holds.
        found: &'static str,
        /// How to write it.
        example: &'static str,
    },
    /// A required setting that is not there.
    Missing {
        /// Where it should stand.
        section: Section,
        /// The key.
        key: &'static str,
        /// How to write it.
        example: &'static str,
    },
    /// No table of a kind of which at least one is needed.
    NoneOf {
        /// The kind.
        section: Section,
    },
    /// A placeholder that cannot be resolved.
    Placeholder(PlaceholderError),
    /// A setting that means nothing without another one.
    Needs {
        /// The setting.
        key: &'static str,
        /// The other one.
        needed: &'static str,
    },
    /// A value that is not of the setting's kind.
    BadValue {
        /// The key, or the command line option.
        key: &'static str,
        /// The value as it may be shown.
        shown: String,
        /// Why.
        error: ValueError,
    },
    /// A value beyond what the setting accepts.
    OutOfRange {
        /// The key, or the command line option.
        key: &'static str,
        /// The value as it may be shown.
        shown: String,
        /// The least that is accepted.
        least: String,
        /// The most that is accepted.
        most: String,
    },
    /// A lower bound above its upper bound.
    Exceeds {
        /// The setting that should be the smaller one.
        key: &'static str,
        /// Its value as it may be shown.
        shown: String,
        /// The setting that bounds it.
        limit_key: &'static str,
        /// Its value as it may be shown.
        limit_shown: String,
    },
    /// More of a part than of the whole.
    MoreThan {
        /// The setting that should be the smaller one.
        key: &'static str,
        /// Its value as it may be shown.
        shown: String,
        /// The setting that bounds it.
        limit_key: &'static str,
        /// Its value as it may be shown.
        limit_shown: String,
        /// The line of the setting that bounds it.
        limit_line: usize,
    },
    /// A file for TLS that cannot be used.
    Material {
        /// The key.
        key: &'static str,
        /// The path as it may be shown.
        shown: String,
        /// Why.
        error: MaterialError,
    },
    /// A file that is to hold a JSON Schema and does not.
    Schema {
        /// The path as it may be shown.
        shown: String,
        /// Why.
        error: SchemaError,
    },
    /// `"*"` beside other web origins.
    StarNotAlone,
    /// A list that says the same twice.
    Twice {
        /// The key.
        key: &'static str,
        /// The value as it may be shown.
        shown: String,
    },
    /// Two origins, or two verifiers, of one name.
    SameName {
        /// What they are.
        what: &'static str,
        /// The name as it may be shown.
        shown: String,
        /// The line of the first.
        first_line: usize,
    },
    /// A route to an origin that does not exist.
    UnknownOrigin {
        /// The name as it may be shown.
        shown: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
        /// The names that exist, as they may be shown.
        known: Vec<String>,
    },
    /// Two routes that match the same paths.
    SamePath {
        /// The pattern as it may be shown.
        shown: String,
        /// The first pattern as it may be shown.
        first_shown: String,
        /// The line of the first.
        first_line: usize,
    },
    /// A route that no request reaches.
    Unreachable {
        /// The pattern as it may be shown.
        shown: String,
        /// The patterns that take its requests, with their lines.
        by: Vec<(String, usize)>,
    },
    /// A setting of TLS on an origin that is spoken to without.
    NeedsHttps {
        /// The key.
        key: &'static str,
    },
    /// One of two settings that belong together.
    HalfPair {
        /// Both keys.
        keys: [&'static str; 2],
    },
    /// A path that does not lie below the place of its API.
    NotMounted {
        /// The pattern as it may be shown.
        shown: String,
        /// The place as it may be shown.
        mount: String,
    },
    /// A route below the path of what the gateway itself answers.
    OwnPath {
        /// The pattern as it may be shown.
        shown: String,
    },
    /// A route with a verifier that does not exist.
    UnknownVerifier {
        /// The name as it may be shown.
        shown: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
        /// The names that exist, as they may be shown.
        known: Vec<String>,
    },
    /// A verifier without any key.
    NoKeys,
    /// An algorithm that no key of the verifier is for.
    NoKeyFor {
        /// Its name.
        algorithm: &'static str,
    },
    /// A key that no algorithm of the verifier is for.
    UnusedKey {
        /// The setting.
        key: &'static str,
        /// The key's name as it may be shown.
        shown: String,
        /// The usual algorithm for such a key.
        usual: &'static str,
    },
    /// A claim that the origin would be told of, and that divides nobody.
    ClaimNotInKey {
        /// Its name as it may be shown.
        shown: String,
    },
    /// A header field that would tell of a claim, and that the origin's own settings replace.
    SetByOrigin {
        /// Its name as it may be shown.
        shown: String,
    },
    /// A setting of live routes on one that is not.
    NotLive {
        /// The key.
        key: &'static str,
    },
}

/// What was probably meant by an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suggestion {
    /// A key of the same section.
    Key(&'static str),
    /// The same key in another section.
    Section(Section),
}

impl Problem {
    /// What is wrong, in one line.
    pub fn message(&self) -> String {
        match self {
            Self::Unreadable { reason } => format!("cannot read the file: {reason}"),
            Self::NotUtf8 => String::from("the file is not UTF-8 text"),
            Self::Syntax { reason, .. } => format!("not valid TOML: {}", safe(reason)),
            Self::UnknownKey { key, section, .. } if *section == Section::Top => {
                format!("unknown key `{}`", safe(key))
            }
            Self::UnknownKey { key, section, .. } => {
                format!("unknown key `{}` in {}", safe(key), section.header())
            }
            Self::WrongType { key, expected, found, .. } => {
                format!("`{key}` is {found}, expected {expected}")
            }
            Self::Missing { section, key, .. } => format!("{} has no `{key}`", section.header()),
            Self::NoneOf { section } => format!("there is no {}", section.header()),
            Self::Placeholder(PlaceholderError::Unset { name }) => {
                format!("the environment variable `{name}` is not set")
            }
            Self::Placeholder(PlaceholderError::Unclosed) => String::from("`${` without a `}` after it"),
            Self::Placeholder(PlaceholderError::File { path, reason }) => {
                format!("the file {} cannot be used: {reason}", quote(path))
            }
            Self::Needs { key, needed } => format!("`{key}` needs `{needed}` beside it"),
            Self::Placeholder(PlaceholderError::Syntax) => {
                String::from("between `${` and `}` is neither the name of an environment variable nor a file")
            }
            Self::BadValue { key, shown, error } => format!("`{key}`: {} {}", quote(shown), error.reason()),
            Self::OutOfRange { key, shown, least, most } => {
                format!("`{key}`: {} is not between {least} and {most}", quote(shown))
            }
            Self::Exceeds { key, shown, limit_key, limit_shown } => {
                format!("`{key}` ({}) is longer than `{limit_key}` ({})", safe(shown), safe(limit_shown))
            }
            Self::MoreThan { key, shown, limit_key, limit_shown, limit_line } => format!(
                "`{key}` ({}) is more than `{limit_key}` ({}) on line {limit_line}",
                safe(shown),
                safe(limit_shown)
            ),
            Self::Material { key, shown, error } => format!("`{key}`: {} {}", quote(shown), error.reason()),
            Self::Schema { shown, error } => format!("`schema`: {} {}", quote(shown), safe(&error.reason())),
            Self::StarNotAlone => {
                String::from("`cors_origins`: \"*\" allows any web origin, yet others are listed")
            }
            Self::Twice { key, shown } => format!("`{key}`: {} is listed twice", quote(shown)),
            Self::SameName { what, shown, first_line } => {
                format!("the {what} on line {first_line} has the name {} already", quote(shown))
            }
            Self::UnknownOrigin { shown, .. } => format!("there is no origin named {}", quote(shown)),
            Self::SamePath { shown, first_shown, first_line } => format!(
                "{} matches the same paths as {} on line {first_line}",
                quote(shown),
                quote(first_shown)
            ),
            Self::Unreachable { shown, by } => {
                let by: Vec<_> =
                    by.iter().map(|(shown, line)| format!("{} (line {line})", quote(shown))).collect();
                format!("no request reaches {}: {} take all of them", quote(shown), by.join(", "))
            }
            Self::NeedsHttps { key } => format!("`{key}` has no effect: the origin's URL is not https"),
            Self::HalfPair { keys: [one, other] } => format!("`{one}` and `{other}` need each other"),
            Self::NotMounted { shown, mount } => {
                format!("`path`: {} does not begin with the route's `mount`, {}", quote(shown), quote(mount))
            }
            Self::OwnPath { shown } => {
                format!("`path`: {} lies where the gateway itself answers", quote(shown))
            }
            Self::UnknownVerifier { shown, .. } => format!("there is no verifier named {}", quote(shown)),
            Self::NoKeys => String::from("[[verifier]] has no key"),
            Self::NoKeyFor { algorithm } => format!("`algorithms`: no key can verify \"{algorithm}\""),
            Self::UnusedKey { key, shown, .. } => {
                format!("`{key}`: none of `algorithms` is for the key {}", quote(shown))
            }
            Self::ClaimNotInKey { shown } => {
                format!(
                    "`claim_headers`: the claim {} would reach the origin and divide nobody",
                    quote(shown)
                )
            }
            Self::SetByOrigin { shown } => {
                format!("`claim_headers`: {} is set by the origin's `headers` already", quote(shown))
            }
            Self::NotLive { key } => format!("`{key}` has no effect: the route is not live"),
        }
    }

    /// What to write instead, in one line.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => String::from("give the path of a file that this user may read"),
            Self::NotUtf8 => String::from("save it as UTF-8"),
            Self::Syntax { help, .. } => (*help).to_owned(),
            Self::UnknownKey { suggestion: Some(Suggestion::Key(key)), .. } => {
                format!("did you mean `{key}`?")
            }
            Self::UnknownKey { suggestion: Some(Suggestion::Section(section)), .. } => {
                format!("it belongs in {}", section.place())
            }
            Self::UnknownKey { section, .. } => {
                format!("valid keys in {}: {}", section.place(), section.keys().join(", "))
            }
            Self::WrongType { key, example, .. } if example.starts_with("[[") => {
                format!("write {example} above each {key}'s settings")
            }
            Self::WrongType { key, example, .. }
                if example.strip_prefix('[').is_some_and(|rest| rest.starts_with(key)) =>
            {
                format!("write {example} above its settings")
            }
            Self::WrongType { key, example, .. } | Self::Missing { key, example, .. } => {
                format!("write `{key} = {example}`")
            }
            Self::NoneOf { section } => {
                let required = section.settings().filter(|setting| setting.default.is_none());
                let lines: Vec<_> =
                    required.map(|setting| format!("{} = {}", setting.key, setting.example)).collect();
                format!("add one: {} with {}", section.header(), lines.join(" and "))
            }
            Self::Placeholder(PlaceholderError::Unset { name }) => {
                format!("set it, or give a default: ${{{name}:-value}}; a literal `${{` is written `$${{`")
            }
            Self::Placeholder(PlaceholderError::File { .. }) => String::from(
                "name a file that can be read, from the folder of the configuration file: ${file:secrets/key}",
            ),
            Self::Needs { key, needed } => format!("add `{needed}`, or remove `{key}`"),
            Self::Placeholder(_) => String::from(
                "write ${NAME}, ${NAME:-default} or ${file:PATH}; a literal `${` is written `$${`",
            ),
            Self::BadValue { error, .. } => error.help().to_owned(),
            Self::OutOfRange { least, most, .. } => format!("write at least {least} and at most {most}"),
            Self::Material { error, .. } => error.help().to_owned(),
            Self::Schema { error, .. } => error.help().to_owned(),
            Self::Exceeds { key, limit_key, .. } | Self::MoreThan { key, limit_key, .. } => {
                format!("lower `{key}` or raise `{limit_key}`")
            }
            Self::StarNotAlone => String::from("write [\"*\"] alone, or remove it from the list"),
            Self::Twice { .. } => String::from("remove one of the two"),
            Self::SameName { what, .. } => format!("give each {what} its own name"),
            Self::UnknownOrigin { suggestion: Some(name), .. } => format!("did you mean {}?", quote(name)),
            Self::UnknownOrigin { known, .. } if known.is_empty() => {
                String::from("add [[origin]] with that name")
            }
            Self::UnknownOrigin { known, .. } => {
                let known: Vec<_> = known.iter().map(|name| quote(name)).collect();
                format!("the origins are {}", known.join(", "))
            }
            Self::UnknownVerifier { suggestion: Some(name), .. } => format!("did you mean {}?", quote(name)),
            Self::UnknownVerifier { known, .. } if known.is_empty() => {
                String::from("add [[verifier]] with that name")
            }
            Self::UnknownVerifier { known, .. } => {
                let known: Vec<_> = known.iter().map(|name| quote(name)).collect();
                format!("the verifiers are {}", known.join(", "))
            }
            Self::NoKeys => String::from(
                "add `public_keys = { main = \"${file:login.pem}\" }`, or `secrets = { main = \"${TOKEN_SECRET}\" }`",
            ),
            Self::NoKeyFor { .. } => String::from(
                "remove it, or add a key of its kind; a secret needs as many bytes as the hash (64 for HS512)",
            ),
            Self::UnusedKey { usual, .. } => format!("remove the key, or add \"{usual}\" to `algorithms`"),
            Self::ClaimNotInKey { .. } => {
                String::from("add it to `partition_by`: who may see different answers must not share one")
            }
            Self::SetByOrigin { .. } => String::from("remove one of the two, or rename it"),
            Self::SamePath { .. } => {
                String::from("remove one of the two; names in braces do not tell routes apart")
            }
            Self::Unreachable { .. } => {
                String::from("remove the route, or one of those that take its requests")
            }
            Self::NeedsHttps { .. } => String::from("remove it, or write `https` in the origin's `url`"),
            Self::HalfPair { .. } => String::from("write both or none"),
            Self::NotMounted { mount, .. } => {
                format!("write the path as clients send it: {}", quote(&format!("{mount}/**")))
            }
            Self::OwnPath { .. } => format!("choose a path that does not begin with {}", super::OWN),
            Self::NotLive { .. } => String::from("remove it, or write `live = true`"),
        }
    }

    pub(super) fn missing(setting: &'static Setting) -> Self {
        Self::Missing { section: setting.section, key: setting.key, example: setting.example }
    }
}

/// A value between quotes, safe to print.
fn quote(shown: &str) -> String {
    format!("\"{}\"", safe(&mask_userinfo(shown)))
}

/// One line: place, what is wrong, and what to write instead.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.problem.message(), self.problem.help())
    }
}

impl std::error::Error for ConfigError {}

/// `file:line:column`, the file's name, or the option's.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(at) => write!(f, "{}:{}:{}", at.file, at.line, at.column),
            Self::WholeFile(file) => f.write_str(file),
            Self::Option(option) => f.write_str(option),
        }
    }
}

/// The errors as a compiler prints them, each with its line quoted, a caret under what is meant, and a `help` line.
pub fn render(errors: &[ConfigError]) -> String {
    let mut text = String::new();
    for error in errors {
        text.push_str(&format!("{}: error: {}\n", error.place, error.problem.message()));
        if let Place::File(at) = &error.place {
            let number = at.line.to_string();
            let room = at.excerpt.chars().count().saturating_sub(at.indent).max(1);
            text.push_str(&format!(" {number} | {}\n", at.excerpt));
            text.push_str(&format!(
                " {:gutter$} | {:indent$}{}\n",
                "",
                "",
                "^".repeat(at.width.min(room)),
                gutter = number.len(),
                indent = at.indent
            ));
        }
        text.push_str(&format!("  help: {}\n", error.problem.help()));
    }
    text
}

impl ConfigError {
    /// `*` beside other web origins, in a repeated command line option.
    pub fn star_not_alone(option: &'static str) -> Self {
        Self { place: Place::Option(option), problem: Problem::StarNotAlone }
    }
}
