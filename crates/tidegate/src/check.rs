//! `tidegate check`: everything that is wrong with a configuration, or what it means.
//!
//! Owns the output of the subcommand. It prints what [`config`](crate::config) says and shows, so what came from the
//! environment stays hidden here too.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::config::{
    CallerConfig, Config, Environment, OpenConfig, RouteConfig, RoutePolicy, Sourced, Tls, day_and_time,
    display_duration, render,
};

/// The exit code for a configuration that is right.
pub const EXIT_RIGHT: u8 = 0;
/// The exit code for one that is not.
pub const EXIT_WRONG: u8 = 1;

/// Checks a file. Problems go to `err`, the summary of a right one to `out`; the result is the exit code. A certificate
/// that is not valid now is a warning: it is right at another time.
///
/// # Errors
/// If writing fails.
pub fn run(
    path: &Path,
    environment: Environment<'_>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    match Config::load(path, environment) {
        Ok(config) => {
            let over = if config.tls.is_some() { " over TLS" } else { "" };
            writeln!(out, "The configuration is right. Listening on {}{over}.\n", config.listen)?;
            out.write_all(summary(&config).as_bytes())?;
            for problem in config.warnings_at(SystemTime::now().into()) {
                writeln!(err, "warning: {problem}")?;
            }
            if let Some(warning) = warning(&config) {
                writeln!(err, "warning: {warning}")?;
            }
            Ok(EXIT_RIGHT)
        }
        Err(errors) => {
            err.write_all(render(&errors).as_bytes())?;
            let plural = if errors.len() == 1 { "" } else { "s" };
            writeln!(err, "{} problem{plural} found", errors.len())?;
            Ok(EXIT_WRONG)
        }
    }
}

/// What a configuration means: its origins, and its routes in order of precedence.
pub fn summary(config: &Config) -> String {
    let mut text = String::new();
    let origins = config.origins.iter().map(|origin| {
        let times = [&origin.connect_timeout, &origin.head_timeout, &origin.body_timeout].map(duration);
        let [connect, head, body] = times;
        vec![origin.name.to_string(), origin.url.to_string(), connect, head, body]
    });
    table(&mut text, &["origin", "url", "connect", "head", "body"], origins);
    for origin in config.origins.iter().filter(|origin| !origin.connections.addresses.is_empty()) {
        let addresses: Vec<_> = origin.connections.addresses.iter().map(ToString::to_string).collect();
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n{} is connected to at {}\n", origin.name, addresses.join(", "));
    }
    text.push_str("\nThe first route that matches a path is the one for it:\n");
    let header = ["route", "origin", "live", "poll", "linger", "heartbeat", "ignores"];
    table(&mut text, &header, config.routes.iter().map(route_row));
    for route in &config.routes {
        if let Some(callers) = &route.callers {
            text.push_str(&callers_of(route, callers));
        }
    }
    if let Some(open) = &config.open {
        let allowed: Vec<_> = open.allow.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\nClients may name URLs behind /~/: {}\n", allowed.join(", ")));
    }
    if let Some(tls) = &config.tls {
        text.push_str(&format!("\n{}\n", certificate(tls)));
    }
    text
}

/// What to think over in a configuration that is right.
pub fn warning(config: &Config) -> Option<&'static str> {
    let everything = config.open.as_ref().is_some_and(OpenConfig::allows_everything);
    everything.then_some(
        "`allow = [\"*\"]` in `[open]`: whoever reaches this gateway can have it ask any public URL in its own name",
    )
}

/// Who may come on a route, and who shares.
fn callers_of(route: &RouteConfig, callers: &CallerConfig) -> String {
    let claims: Vec<_> = callers.partition_by.iter().map(ToString::to_string).collect();
    let divided = if claims.is_empty() { String::from("their tokens") } else { claims.join(", ") };
    let told: Vec<_> = callers.headers.iter().map(|(field, claim)| format!("{claim} in {field}")).collect();
    let told =
        if told.is_empty() { String::new() } else { format!("; the origin is told {}", told.join(", ")) };
    let (host, pattern, name) = (&route.host, &route.pattern, &callers.verifier.name);
    format!("\n{host}{pattern} is for callers that `{name}` verifies, divided by {divided}{told}\n")
}

/// What a person wants to know of the certificate.
fn certificate(tls: &Tls) -> String {
    let (from, until) = (day_and_time(tls.validity.from), day_and_time(tls.validity.until));
    format!("The certificate in {} is valid from {from} until {until}.", tls.certificate)
}

fn route_row(route: &RouteConfig) -> Vec<String> {
    let mut row = vec![format!("{}{}", route.host, route.pattern), route.origin.name.to_string()];
    match &route.policy {
        RoutePolicy::Live(live) => {
            let ignored: Vec<_> = live.ignore_headers.iter().map(ToString::to_string).collect();
            row.push(String::from("yes"));
            let most = live.pace.poll_max.clone().map(|_| display_duration(live.pace.ceiling()));
            row.push(format!("{} … {most}", duration(&live.pace.poll)));
            row.extend([&live.linger, &live.heartbeat].map(duration));
            row.push(if ignored.is_empty() { String::from("-") } else { ignored.join(", ") });
        }
        RoutePolicy::PassThrough => row.extend(["no", "-", "-", "-", "-"].map(String::from)),
    }
    row
}

fn duration(value: &Sourced<std::time::Duration>) -> String {
    value.clone().map(display_duration).to_string()
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            // Writing to a `String` cannot fail.
            let _ = write!(line, "  {cell:<width$}", width = width(column));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn temporary(name: &str, text: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("tidegate-check-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn check(name: &str, text: &[u8]) -> (u8, String, String) {
        let path = temporary(name, text);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&path, &|_| None, &mut out, &mut err).unwrap();
        std::fs::remove_file(&path).unwrap();
        let shown = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map(|text| text.replace(&path.display().to_string(), "F"))
        };
        (code, shown(out).unwrap(), shown(err).unwrap())
    }

    #[test]
    fn a_right_file_is_summed_up() {
        let (code, out, err) = check("right", EXAMPLE.as_bytes());
        assert_eq!((code, err.as_str()), (0, ""));
        let expected = "\
The configuration is right. Listening on 0.0.0.0:8080.

  origin    url                               connect  head  body
  market    http://${MARKET_HOST}:9100        2s       10s   30s
  accounts  https://accounts.example.com/api  2s       5s    30s

The first route that matches a path is the one for it:
  route                    origin    live  poll           linger  heartbeat  ignores
  /accounts/**             accounts  yes   500ms … 1s     1m      15s        -
  /quotes/{symbol}/trades  market    yes   1s … 2s        10s     15s        -
  /quotes/**               market    yes   250ms … 500ms  10s     15s        accept-language
  /**                      market    no    -              -       -          -
";
        assert_eq!(out, expected);
    }

    #[test]
    fn addresses_and_callers_are_named() {
        let text = "[[origin]]\nname = \"a\"\nurl = \"http://h\"\naddresses = [\"10.0.0.1:80\", \"[::1]:9000\"]\n\
                    [[verifier]]\nname = \"login\"\nsecrets = { main = \"0123456789abcdef0123456789abcdef\" }\n\
                    [[route]]\npath = \"/**\"\norigin = \"a\"\nverifier = \"login\"\npartition_by = [\"tenant\"]\n\
                    claim_headers = { X-Tenant = \"tenant\" }\n";
        let (code, out, err) = check("callers", text.as_bytes());
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("\na is connected to at 10.0.0.1:80, [::1]:9000\n"), "{out}");
        let callers = "\n/** is for callers that `login` verifies, divided by tenant; the origin is told tenant in x-tenant\n";
        assert!(out.contains(callers) && !out.contains("0123456789"), "{out}");
    }

    #[test]
    fn every_problem_of_a_wrong_file_is_printed_with_its_line() {
        let text = b"listn = \"127.0.0.1:80\"\n[[origin]]\nname = \"a\"\nurl = \"http://u:pw@h\"\n\
                     [[route]]\npath = \"/x\"\norigin = \"b\"\n  poll = \"1ms\"\n";
        let (code, out, err) = check("wrong", text);
        assert_eq!((code, out.as_str()), (1, ""));
        let expected = r#"F:1:1: error: unknown key `listn`
 1 | listn = …
   | ^^^^^
  help: did you mean `listen`?
F:4:7: error: `url`: "http://****@h" holds a user name or a password
 4 | url = "http://****@h"
   |       ^^^^^^^^^^^^^^^
  help: remove it: a URL ends up in logs; let clients send their own `Authorization`, which is forwarded
F:7:10: error: there is no origin named "b"
 7 | origin = "b"
   |          ^^^
  help: did you mean "a"?
F:8:10: error: `poll`: "1ms" is not between 5ms and 24h
 8 |   poll = "1ms"
   |          ^^^^^
  help: write at least 5ms and at most 24h
4 problems found
"#;
        assert_eq!(err, expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_one_problem() {
        let missing = Path::new("no-such-directory/tidegate.toml");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(run(missing, &|_| None, &mut out, &mut err).unwrap(), 1);
        let err = String::from_utf8(err).unwrap();
        assert!(err.starts_with("no-such-directory/tidegate.toml: error: cannot read the file: "), "{err}");
        let (code, _, err) = check("latin", b"# caf\xe9\n");
        assert_eq!(
            (code, err.as_str()),
            (1, "F: error: the file is not UTF-8 text\n  help: save it as UTF-8\n1 problem found\n")
        );
    }
}
