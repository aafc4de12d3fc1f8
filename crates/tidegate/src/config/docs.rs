//! `docs/CONFIG.md`, made from the table of settings.
//!
//! A test compares the file with [`markdown`] and says how to write it anew.

use std::fmt::Write as _;

use super::kind::{Kind, Section, Setting};

/// A whole configuration file, shown in the documentation and parsed by a test.
pub const EXAMPLE: &str = r#"listen = "0.0.0.0:8080"
cors_origins = ["https://app.example.com"]

[limits]
max_body = "16 MiB"
max_streams = 20000

[[origin]]
name = "market"
url = "http://${MARKET_HOST:-127.0.0.1}:9100"

[[origin]]
name = "accounts"
url = "https://accounts.example.com/api"
head_timeout = "5s"

[[route]]
path = "/quotes/**"
origin = "market"
poll = "250ms"
ignore_headers = ["Accept-Language"]
ignore = ["$.generated_at"]
tolerance = { "$.rows[*].last" = 0.01 }
identity = { "$.rows" = "symbol" }
expect = { type = "application/json", pointer = ["/rows"] }

[[route]]
path = "/quotes/{symbol}/trades"
origin = "market"
poll = "1s"

[[route]]
path = "/accounts/**"
origin = "accounts"
linger = "1m"
payload = "/data"

[[route]]
path = "/**"
origin = "market"
live = false
"#;

const HEAD: &str = "\
<!-- Made from the table of settings in crates/tidegate/src/config/settings. Write it anew with
     `TIDEGATE_BLESS=1 cargo test -p tidegate config`. -->
# Configuration

`tidegate serve --config FILE` reads a TOML file. `tidegate check --config FILE` says everything that is wrong with \
one, each problem with its line and with what to write instead; the same check runs at start. A key that is no \
setting is an error.
";

const TAIL: &str = "\
## Values
- **Durations** are a number and a unit: `500ms`, `2s`, `1.5s`, `5m`, `1h`.
- **Sizes** are a number and a unit: `16 MiB`, `512 KiB`, `1000 B`, `1 MB`. `KiB`, `MiB` and `GiB` are powers of 1024; \
`kB`, `MB` and `GB` of 1000.
- **From the environment**: `${NAME}` in any text value is replaced by the environment variable, `${NAME:-default}` by \
the default where the variable is unset or empty. A variable that is not set is an error. `$${` stands for `${` itself. \
Numbers and flags that come from the environment are written as text: `max_feeds = \"${MAX_FEEDS}\"`. What a variable \
held is never printed: every message shows `${NAME}` in its place.
- **From a file**: `${file:PATH}` is replaced by what a text file of at most 64 KiB holds, without the line break at its \
end. The path starts from the folder of the configuration file. What a file held is never printed either. Both are read \
once, at the start.

## Patterns and precedence
A pattern is made of segments:

| segment | matches |
| --- | --- |
| text | exactly that text |
| `*` or `{name}` | exactly one segment, whatever it is; the name documents it and has no effect |
| `**`, only at the end | all segments from there on, also none: `/quotes/**` matches `/quotes` |

The path is compared as the client sent it, without its query. Nothing is decoded: `/a%2Fb` is one segment, and a \
pattern has to be percent-encoded as clients send it. A segment may be empty: `/quotes/*` matches `/quotes/`, \
`/quotes` does not.

**The most specific pattern wins**, whatever the order in the file. Patterns are compared segment by segment from the \
left, and where they differ, text wins over `*`, and `*` over `**`. So `/quotes/SPY/**` wins over \
`/quotes/{symbol}/trades`, which wins over `/quotes/**`. Two patterns that match the same paths are an error, and so is \
a pattern all of whose paths are taken by more specific ones. A route with a `host` wins over those for more hosts: a \
name over `*.` before a name, and that over every host. `tidegate check` prints the routes in the order of their \
precedence.

## How often the origin is asked
While somebody subscribes, each resource is asked for by itself, at an interval from `poll` to `poll_max`:

1. It is the geometric mean of `poll` and of the mean time between two changes that were seen lately: with `poll = \"1s\"`, \
10 s for what changes every 100 s. For all resources of an API together that is the least number of requests for the \
same mean delay. A burst brings it down to `poll` within a few polls; a quiet night lets it grow.
2. Answers that are larger than 16 KiB, or take longer than 100 ms, are asked for more rarely, up to twice the interval; \
`304` and others that cost little, a little more often.
3. Changes that come by the clock, every minute for instance, are recognised: the next poll comes just after the next \
change.
4. An answer that the origin calls fresh is left alone for so long, up to an hour, unless `obey_lifetime` is `false`. With \
`no-cache` beside it, it is not fresh.
5. After a failure the next try is after `poll`, then after twice as long each time, up to 30 s or the interval where that \
is longer; never before the time that `Retry-After` names, up to an hour.

All intervals are spread a little, so that no two resources fall into step. With `poll_max` equal to `poll` there is one \
interval. Subscribers are told the longest interval that can come as `fresh_within_ms`, and again when it changes. They can \
ask for less: see `max-age` in [PROTOCOL.md](PROTOCOL.md). [POLLING.md](POLLING.md) shows what it saves.

## Which differences are told
A new document becomes a version when it differs from **the version before it**, the one that was told last; what was \
fetched and not told is forgotten. So small differences add up until they count. What is told is always whole and exact: \
these settings choose when, never what.

1. With `payload`, the two documents' payloads are compared, and where either has none, the two documents.
2. What `ignore` selects is as if absent, in each document what its own paths select in it: it may appear, change and \
disappear, and the elements after an ignored one move up.
3. Two numbers that `tolerance` selects, each in its own document, are the same if they differ by no more than it. \
Decimals are compared as they are written: 101.10 and 101.11 differ by 0.01. `0` makes `1.0` and `1.00` the same. Numbers \
beyond 64-bit floating point (`1e400`) are the same only as the same text. Where several paths select a number, the \
largest tolerance counts.
4. Everything else is the same if it is equal: `1.0` and `1.00` are not, the order of members does not matter.

The pointer is of RFC 6901: `/data`, `/result/rows`, with `~1` for a `/` and `~0` for a `~` in a name. Paths are JSONPaths \
of RFC 9535, and start at the whole document even with a `payload`: `$.data.updated`. Brackets may be nested ten deep. \
Names, indexes, `*` and `..` cost least; filters, slices and negative indexes need a copy of each document that differs. \
In filters, numbers compare as 64-bit floating point.

`identity` takes part in none of this: it helps to find the rows that moved. Where several of its paths select an array, \
the first one counts.
";

/// The text of `docs/CONFIG.md`.
pub fn markdown() -> String {
    let mut text = format!("{HEAD}\n```toml\n{EXAMPLE}```\n\n## Settings\n");
    for section in Section::ALL {
        let (title, about) = match section {
            Section::Top => ("At the top of the file", ""),
            Section::Tls => (
                "`[tls]`",
                "Optional. Where it is, clients are served over HTTPS (TLS 1.2 and 1.3, HTTP/1.1) and not over plain HTTP. \
                 The two files are read and held against each other when the configuration is checked, and once: to change \
                 them, start the gateway anew.\n\n",
            ),
            Section::Limits => ("`[limits]`", "What bounds memory and connections.\n\n"),
            Section::Origin => {
                ("`[[origin]]`", "An HTTP API behind the gateway. At least one; repeat for more.\n\n")
            }
            Section::Verifier => (
                "`[[verifier]]`",
                "Optional. Whose word about callers counts: JSON Web Tokens (RFC 7519) that an issuer signed with keys which \
                 are named here. Routes name it with `verifier`; see [SHARING.md](SHARING.md).\n\n",
            ),
            Section::Expect => (
                "`[route.expect]`",
                "Optional. Which answers are taken for the route's representations, also written as \
                 `expect = { pointer = [\"/rows\"] }`. One that is not as expected is the failure `origin-unexpected`: \
                 streams keep the last good version and become `stale`, and plain readers get the last good version, or 502 \
                 where there is none. What is too large or too slow to be taken in passes through to plain readers if its \
                 type is as expected.\n\n",
            ),
            Section::Route => {
                ("`[[route]]`", "A pattern of paths with its policy. At least one; repeat for more.\n\n")
            }
            Section::Open => (
                "`[open]`",
                "Optional. Where it is, `GET /~/https://api.example.com/path` is that URL, live like a route's; see \
                 [OPEN.md](OPEN.md). How it is kept live, and how long it may take, is said here too: with the settings of \
                 `[[route]]` from `poll` on, but for `cookies`, `safe_methods`, `max_query_body` and `graphql`, and with the \
                 three time-outs of `[[origin]]`.\n\n",
            ),
        };
        let _ = write!(
            text,
            "\n### {title}\n{about}| key | default | accepted | what and why |\n| --- | --- | --- | --- |\n"
        );
        for setting in section.settings() {
            row(&mut text, setting);
        }
    }
    text + "\n" + TAIL
}

fn row(text: &mut String, setting: &Setting) {
    let default =
        setting.default_toml().map_or_else(|| String::from("*required*"), |default| format!("`{default}`"));
    let accepted = match setting.kind.limits() {
        Some((least, most)) if setting.kind.is_or_auto() => format!("`\"auto\"`, or {least} … {most}"),
        Some((least, most)) => format!("{least} … {most}"),
        None => match setting.kind {
            Kind::OneOf(words) => {
                words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
            kind => String::from(kind.expected()),
        },
    };
    let Setting { key, about, reason, .. } = setting;
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "| `{key}` | {default} | {accepted} | {about} *{reason}* |");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFIG.md");
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == markdown(),
            "docs/CONFIG.md is stale: run `TIDEGATE_BLESS=1 cargo test -p tidegate config` and commit it"
        );
    }
}
