//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` in values.
//!
//! Owns the syntax of placeholders. Invariant: a [`Text`] knows how to be shown without revealing what a variable
//! held: each placeholder is shown as `${NAME}`, also when its default was used, so that the output does not tell
//! whether the variable is set.

use std::io::Read;
use std::path::Path;

use super::value::{Sourced, ValueError};

/// The largest file that a placeholder may name: secrets are short.
const LONGEST_FILE: u64 = 64 * 1024;

/// The environment, as a function: the value of a variable, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the values of placeholders come from.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) environment: Environment<'a>,
    /// What the paths of files start from.
    pub(super) folder: &'a Path,
}

/// A text after its placeholders were resolved.
pub(super) struct Text {
    value: String,
    shown: String,
    from_environment: bool,
}

/// What is wrong with a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceholderError {
    /// The variable is not set and there is no default.
    Unset {
        /// The variable's name.
        name: String,
    },
    /// `${` without `}`.
    Unclosed,
    /// What stands between the braces is neither `NAME` nor `NAME:-default`, nor `file:PATH`.
    Syntax,
    /// The file cannot be used.
    File {
        /// Its path, as it is written.
        path: String,
        /// Why; nothing of what it holds.
        reason: String,
    },
}

impl Text {
    /// A text without placeholders.
    pub(super) fn plain(value: &str) -> Self {
        Self { value: value.to_owned(), shown: value.to_owned(), from_environment: false }
    }

    /// The text as it may be printed.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Checks the text and keeps the way it may be shown.
    ///
    /// # Errors
    /// What `parse` returns.
    pub(super) fn parse<T>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Result<Sourced<T>, ValueError> {
        match parse(&self.value) {
            Ok(value) if self.from_environment => Ok(Sourced::hidden(value, self.shown.as_str())),
            Ok(value) => Ok(Sourced::plain(value)),
            Err(error) if self.from_environment => Err(error.without_place()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a text has a placeholder (an escaped one is none).
pub(super) fn has_placeholder(text: &str) -> bool {
    text.replace("$${", "").contains("${")
}

/// Resolves the placeholders of a text; `$${` stands for `${` itself. As in a shell, `:-` is used for a variable that
/// is unset or empty. Values are not searched for placeholders again.
///
/// # Errors
/// Every placeholder that is wrong, in the order of the text.
pub(super) fn resolve(text: &str, values: Values<'_>) -> Result<Text, Vec<PlaceholderError>> {
    let mut resolved = Text { value: String::new(), shown: String::new(), from_environment: false };
    let mut errors = Vec::new();
    let mut rest = text;
    while let Some(found) = rest.find("${") {
        if rest[..found].ends_with('$') {
            resolved.push(&rest[..found - 1]);
            resolved.push("${");
            rest = &rest[found + 2..];
            continue;
        }
        resolved.push(&rest[..found]);
        let after = &rest[found + 2..];
        let Some(end) = after.find('}') else {
            errors.push(PlaceholderError::Unclosed);
            rest = "";
            break;
        };
        match placeholder(&after[..end], values) {
            Ok((name, value)) => {
                resolved.value.push_str(&value);
                resolved.shown.push_str(&format!("${{{name}}}"));
                resolved.from_environment = true;
            }
            Err(error) => errors.push(error),
        }
        rest = &after[end + 1..];
    }
    resolved.push(rest);
    if errors.is_empty() { Ok(resolved) } else { Err(errors) }
}

impl Text {
    fn push(&mut self, literal: &str) {
        self.value.push_str(literal);
        self.shown.push_str(literal);
    }
}

/// The name and the value of what stands between the braces.
fn placeholder<'a>(inside: &'a str, values: Values<'_>) -> Result<(&'a str, String), PlaceholderError> {
    if let Some(path) = inside.strip_prefix("file:") {
        let file = |reason| PlaceholderError::File { path: path.to_owned(), reason };
        return held(&values.folder.join(path)).map(|text| (inside, text)).map_err(file);
    }
    let environment = values.environment;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(PlaceholderError::Syntax);
    }
    match (environment(name), default) {
        (Some(value), None) => Ok((name, value)),
        (Some(value), Some(_)) if !value.is_empty() => Ok((name, value)),
        (_, Some(default)) => Ok((name, default.to_owned())),
        (None, None) => Err(PlaceholderError::Unset { name: name.to_owned() }),
    }
}

/// What a file holds, without the line break at its end that editors put there.
fn held(path: &Path) -> Result<String, String> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err(String::from("it is no file"));
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(format!("it is longer than {LONGEST_FILE} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| String::from("it is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(line.unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_here(text: &str) -> Result<Text, Vec<PlaceholderError>> {
        resolve(text, Values { environment: &environment, folder: Path::new("") })
    }

    #[test]
    fn a_file_s_text_is_used_and_never_shown() {
        let folder = std::env::temp_dir().join(format!("tidegate-env-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let resolved = |text: &str, bytes: &[u8]| {
            std::fs::write(folder.join("key"), bytes).unwrap();
            resolve(text, Values { environment: &environment, folder: &folder })
        };
        for (bytes, value) in
            [("a b\n", "x a b"), ("a\r\n", "x a"), ("a\n\n", "x a\n"), ("${HOST}", "x ${HOST}")]
        {
            let text = resolved("x ${file:key}", bytes.as_bytes()).ok().unwrap();
            assert_eq!((text.value.as_str(), text.shown()), (value, "x ${file:key}"));
            assert!(text.from_environment);
        }
        let long = vec![b'a'; 70_000];
        for (text, bytes) in [
            ("${file:key}", &b"\xff secret"[..]),
            ("${file:none}", b""),
            ("${file:}", b""),
            ("${file:key}", &long),
        ] {
            let errors = resolved(text, bytes).err().unwrap();
            let [PlaceholderError::File { reason, .. }] = &errors[..] else { panic!("{errors:?}") };
            assert!(!reason.is_empty() && !reason.contains("secret"));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOST" => Some(String::from("db.internal")),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some(String::from("${HOST}")),
            _ => None,
        }
    }

    #[test]
    fn placeholders() {
        let check = |text: &str, value: &str, shown: &str| {
            let got = resolve_here(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
            assert_eq!((got.value.as_str(), got.shown.as_str()), (value, shown), "{text}");
            assert_eq!(got.from_environment, has_placeholder(text), "{text}");
        };
        check("plain", "plain", "plain");
        check("http://${HOST}:1", "http://db.internal:1", "http://${HOST}:1");
        check("${HOST}${HOST}", "db.internaldb.internal", "${HOST}${HOST}");
        check("${NONE:-x y}", "x y", "${NONE}");
        check("${HOST:-x}", "db.internal", "${HOST}");
        check("${EMPTY}", "", "${EMPTY}");
        check("${EMPTY:-x}", "x", "${EMPTY}");
        check("${NONE:-}", "", "${NONE}");
        check("${TRICK}", "${HOST}", "${TRICK}");
        check("$${HOST}", "${HOST}", "${HOST}");
        check("$$${HOST}", "$${HOST}", "$${HOST}");
        check("$HOST $", "$HOST $", "$HOST $");
    }

    #[test]
    fn every_wrong_placeholder_is_named() {
        let check = |text: &str, expected: &[PlaceholderError]| {
            assert_eq!(resolve_here(text).err().unwrap_or_default(), expected, "{text}");
        };
        let unset = |name: &str| PlaceholderError::Unset { name: name.to_owned() };
        check("${A} ${HOST} ${B}", &[unset("A"), unset("B")]);
        check("${}", &[PlaceholderError::Syntax]);
        check("${1A}", &[PlaceholderError::Syntax]);
        check("${A B}", &[PlaceholderError::Syntax]);
        check("${A-b}", &[PlaceholderError::Syntax]);
        check("${A} ${HOST", &[unset("A"), PlaceholderError::Unclosed]);
    }
}
