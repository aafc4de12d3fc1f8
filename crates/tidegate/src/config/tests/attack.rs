//! Attacks: files that try to make parsing panic, and everything that could print what a variable holds.

use proptest::prelude::*;

use super::super::*;
use super::{ORIGIN, ROUTE, parse};

/// What variables hold in the random attack: a word that no file or message has by itself.
const SECRET: &str = "zq9secret";

/// Files that are not there.
const TLS: &str = "[tls]\ncertificate = \"no-such-folder/c\"\nkey = \"no-such-folder/k\"\n";

/// Everything that this module can print about a text.
fn printed(text: &str, environment: Environment<'_>) -> String {
    match Config::parse("t", text, environment) {
        Ok(config) => format!("{config:?}{config:#?}{}", crate::check::summary(&config)),
        Err(errors) => {
            let lines: String = errors.iter().map(ToString::to_string).collect();
            format!("{errors:?}{errors:#?}{lines}{}", render(&errors))
        }
    }
}

#[test]
fn what_the_environment_holds_is_never_printed() {
    // In every place that takes a text, alone and with text around it; each secret is of a form that is accepted in
    // some of the places, so that both the errors and the accepted values are attacked.
    let secrets = [
        "zq9secret",
        "http://zq9secret:1",
        "10.9.8.7:4321",
        "/zq9secret/**",
        "x-zq9secret",
        "4321s",
        "43 KiB",
        "$.zq9secret",
        "$['zq9secret'",
        "4321",
    ];
    let mut refused = 0;
    let mut accepted = 0;
    for secret in secrets {
        for setting in settings() {
            for around in
                ["${V}", "x${V}", "${V}x", "http://${V}", "http://u:${V}@h", "/${V}", "127.0.0.1:${V}"]
            {
                let value = match setting.kind {
                    kind if kind.is_list() => format!("[\"{around}\"]"),
                    kind if kind.is_table() => {
                        format!("{{ \"{around}\" = \"${{V}}\", '$.a' = \"{around}\" }}")
                    }
                    _ => format!("\"{around}\""),
                };
                let line = format!("{} = {value}\n", setting.key);
                let text = match setting.section {
                    Section::Top => format!("{line}{ORIGIN}{ROUTE}"),
                    Section::Tls => format!("[tls]\n{line}{}{ORIGIN}{ROUTE}", other(TLS, setting.key)),
                    Section::Limits => format!("[limits]\n{line}{ORIGIN}{ROUTE}"),
                    Section::Origin => format!("{ROUTE}[[origin]]\n{line}{}", other(ORIGIN, setting.key)),
                    Section::Expect => format!("{ORIGIN}{ROUTE}[route.expect]\n{line}"),
                    Section::Verifier => {
                        format!("[[verifier]]\n{line}{}{ORIGIN}{ROUTE}", other("name = \"v\"\n", setting.key))
                    }
                    Section::Route => format!("{ORIGIN}[[route]]\n{line}{}", other(ROUTE, setting.key)),
                    Section::Open => {
                        format!("{ORIGIN}{ROUTE}[open]\n{line}{}", other("allow = [\"*\"]\n", setting.key))
                    }
                };
                let environment = |_: &str| Some(secret.to_owned());
                let printed = printed(&text, &environment);
                for part in ["zq9secret", "10.9.8.7", "4321", "43 "] {
                    assert!(!printed.to_lowercase().contains(part), "{secret} in {text}:\n{printed}");
                }
                match Config::parse("t", &text, &environment) {
                    Ok(_) => accepted += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(accepted > 20 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// The lines of a table without its header and without one key.
fn other(table: &str, key: &str) -> String {
    table.lines().skip(1).filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_suggestion_does_not_tell_what_a_variable_holds() {
    let environment = |_: &str| Some(String::from("markte"));
    let text =
        "[[origin]]\nname = \"market\"\nurl = \"http://h\"\n[[route]]\npath = \"/\"\norigin = \"${V}\"\n";
    let errors = Config::parse("t", text, &environment).unwrap_err();
    assert_eq!(errors[0].problem.message(), "there is no origin named \"${V}\"");
    assert_eq!(errors[0].problem.help(), "the origins are \"market\"");
}

/// A piece of a file that may stand anywhere.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "[[route]]\n",
            "[[origin]]\n",
            "[limits]\n",
            "[tls]\nkey = \"${V}\"\n",
            "certificate = \"/\"\n",
            "[route]\n",
            "[[route",
            "path = ",
            "\"/a/**\"",
            "\"/{x}\"",
            "${",
            "}",
            "${V}",
            "${V:-",
            "$${",
            "\"",
            "'",
            "\"\"\"",
            "=",
            "\n",
            "\r\n",
            "[",
            "]",
            "{",
            "}",
            ",",
            "#",
            "1e999",
            "0xffffffffffffffffffff",
            "-1",
            "nan",
            "2020-01-01",
            "true",
            "\u{feff}",
            "\0",
            "é",
            "🦀",
            "\\u0000",
            "\\",
            "a.b.c = 1\n",
            "poll",
            "\"99999999999999999h\"",
            "\"0.00000000000000001 GiB\"",
            "://@",
            "\"http://[::1\"",
            "\"http://:@\"",
            "origin = {}\n",
            "route = [1, {}]\n",
            "ignore = [\"$.${V} \"]\n",
            "tolerance = {\"$[?@.${V}]\" = \"${V}\"}\n",
            "'$..a[-1]' = \"${V}\"",
            "$['\\\\u",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic_or_tell_a_secret(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, piece()), 0..8)
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, removed, inserted) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        let environment = |_: &str| Some(SECRET.to_owned());
        let result = Config::parse("t", &text, &environment);
        prop_assert!(!printed(&text, &environment).contains(SECRET));
        if let Err(errors) = result {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(!error.problem.message().contains('\n') && !error.problem.help().contains('\n'));
                if let Place::File(at) = error.place {
                    prop_assert!(at.line <= text.lines().count().max(1) + 1);
                    prop_assert!(at.column <= text.chars().count() + 1);
                }
            }
        }
    }

    #[test]
    fn any_text_at_all_is_parsed_or_refused(text in "\\PC{0,200}") {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.is_empty());
        }
    }
}
