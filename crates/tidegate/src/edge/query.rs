//! The reserved query parameters: what a header can say, for clients that cannot set headers.
//!
//! They are taken out of the target before it is keyed or forwarded; everything else of it stays byte for byte.

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use tidegate_wire::{Problem, ProblemKind};

/// What every reserved parameter's name begins with.
const PREFIX: &str = "tidegate.";

/// The reserved parameters, for error texts and documents.
pub const RESERVED: [&str; 8] = [
    "tidegate.accept",
    "tidegate.after",
    "tidegate.last-event-id",
    "tidegate.max-age",
    "tidegate.mode",
    "tidegate.rate",
    "tidegate.select",
    "tidegate.wait",
];

/// What the reserved parameters of a request said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reserved([Option<String>; RESERVED.len()]);

impl Reserved {
    /// What the parameter of this name said.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0[index(name)?].as_deref()
    }
}

fn index(name: &str) -> Option<usize> {
    RESERVED.iter().position(|reserved| *reserved == name)
}

/// Why the reserved parameters of a request cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WrongParameter {
    /// There is none of this name, or what it says is not UTF-8.
    Unknown(String),
    /// It is there twice, and says two things.
    Twice(&'static str),
}

impl WrongParameter {
    /// As a client is told it.
    pub(super) fn problem(&self) -> Problem {
        match self {
            WrongParameter::Unknown(name) => {
                let valid = RESERVED.map(|name| format!("`{name}`")).join(", ");
                Problem::new(ProblemKind::UnknownParameter)
                    .with_detail(format!("`{name}` is not one of the reserved parameters, which are {valid}"))
            }
            WrongParameter::Twice(name) => Problem::new(ProblemKind::BadOption)
                .with_detail(format!("`{name}` is there twice, with different values")),
        }
    }
}

/// Splits a target into what the origin is asked for and what the reserved parameters said.
pub(super) fn split(target: &PathAndQuery) -> Result<(String, Reserved), WrongParameter> {
    let mut reserved = Reserved::default();
    let Some(query) = target.query().filter(|query| mentions_reserved(query)) else {
        return Ok((target.as_str().to_owned(), reserved));
    };
    let mut kept = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let Ok(name) = percent_decode_str(name).decode_utf8() else {
            kept.push(parameter);
            continue;
        };
        if !name.starts_with(PREFIX) {
            kept.push(parameter);
            continue;
        }
        let unknown = || WrongParameter::Unknown(name.to_string());
        let index = index(&name).ok_or_else(unknown)?;
        // In a query `+` stands for a space (HTML forms), and `text/event-stream, a/b` has one.
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8().map_err(|_| unknown())?.into_owned();
        match &reserved.0[index] {
            Some(before) if *before != value => return Err(WrongParameter::Twice(RESERVED[index])),
            _ => reserved.0[index] = Some(value),
        }
    }
    let target = match kept.is_empty() {
        true => target.path().to_owned(),
        false => format!("{}?{}", target.path(), kept.join("&")),
    };
    Ok((target, reserved))
}

/// A cheap look, so that other queries are not taken apart: the prefix, or an escape that could spell it.
fn mentions_reserved(query: &str) -> bool {
    query.contains(PREFIX) || query.contains('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: &str, said: &[(&str, &str)]) {
        let (left, reserved) = split(&target.parse().unwrap()).unwrap();
        assert_eq!(left, expected, "{target}");
        let all = RESERVED.iter().filter_map(|name| reserved.get(name).map(|value| (*name, value)));
        assert_eq!(all.collect::<Vec<_>>(), said, "{target}");
    }

    #[test]
    fn reserved_parameters_are_taken_out_and_the_rest_is_untouched() {
        let accept = |value| ("tidegate.accept", value);
        check("/q", "/q", &[]);
        check("/q?", "/q?", &[]);
        check("/q?b=2&a=%31&&a", "/q?b=2&a=%31&&a", &[]);
        check("/q?tidegate.accept=text/event-stream", "/q", &[accept("text/event-stream")]);
        check(
            "/q?a=1&tidegate.accept=text%2Fevent-stream&b=+2",
            "/q?a=1&b=+2",
            &[accept("text/event-stream")],
        );
        check("/q?%74idegate.last-event-id=0.1.2&a", "/q?a", &[("tidegate.last-event-id", "0.1.2")]);
        check("/q?tidegate.accept=a/b,+c/d", "/q", &[accept("a/b, c/d")]);
        check("/q?%ff=1&x=tidegate.accept", "/q?%ff=1&x=tidegate.accept", &[]);
        check("/q?a&tidegate.max-age=30&tidegate.max-age=30", "/q?a", &[("tidegate.max-age", "30")]);
        check("/q?tidegate.select=&a", "/q?a", &[("tidegate.select", "")]);
        let all = RESERVED.map(|name| (name, "1"));
        check(&format!("/q?{}", RESERVED.map(|name| format!("{name}=1")).join("&")), "/q", &all);
    }

    #[test]
    fn unknown_ones_are_named() {
        for (target, name) in [
            ("/q?tidegate.acept=x", "tidegate.acept"),
            ("/q?tidegate.=x", "tidegate."),
            ("/q?tidegate.last-event-id=%ff", "tidegate.last-event-id"),
        ] {
            let wrong = WrongParameter::Unknown(name.to_owned());
            assert_eq!(split(&target.parse().unwrap()), Err(wrong.clone()), "{target}");
            let detail = wrong.problem().detail.unwrap();
            assert!(detail.contains(name) && RESERVED.iter().all(|name| detail.contains(name)), "{detail}");
        }
    }

    #[test]
    fn what_is_said_twice_is_said_alike() {
        let target = "/q?tidegate.mode=merge&tidegate.mode=patch".parse().unwrap();
        assert_eq!(split(&target), Err(WrongParameter::Twice("tidegate.mode")));
    }
}
