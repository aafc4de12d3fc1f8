//! `${NAME}` and `${NAME:-default}` in values.
//!
//! Owns the syntax of placeholders. Invariant: a [`Text`] knows how to be shown without revealing what a variable
//! held: each placeholder is shown as `${NAME}`, also when its default was used, so that the output does not tell
//! whether the variable is set.

use super::value::{Sourced, ValueError};

/// The environment, as a function: the value of a variable, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

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
    /// What stands between the braces is neither `NAME` nor `NAME:-default`.
    Syntax,
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
pub(super) fn resolve(text: &str, environment: Environment<'_>) -> Result<Text, Vec<PlaceholderError>> {
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
        match placeholder(&after[..end], environment) {
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
fn placeholder<'a>(
    inside: &'a str,
    environment: Environment<'_>,
) -> Result<(&'a str, String), PlaceholderError> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let got = resolve(text, &environment).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
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
            assert_eq!(resolve(text, &environment).err().unwrap_or_default(), expected, "{text}");
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
