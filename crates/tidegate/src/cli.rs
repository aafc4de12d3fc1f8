//! The command line.
//!
//! Owns the options, their help and their syntax. A usage error ends the program with exit code 2 before anything
//! starts. It knows nothing of how the subcommands work.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgGroup, Args, Parser, Subcommand};
use http::{HeaderName, HeaderValue, Uri};
use tidegate_client::{Mode, Transport};
use tidegate_market::HIGHEST_RATE;

use crate::config::{
    Config, ConfigError, CorsOrigins, Environment, Kind, OriginUrl, Section, SingleOrigin, Sourced,
    WebOrigin, display_duration, mask_userinfo, parse_duration,
};

/// The most symbols that the demo's market can have, in the type that the parser counts in.
const MOST_SYMBOLS: i64 = tidegate_market::MOST_SYMBOLS as i64;

/// A streaming HTTP gateway: put it in front of any HTTP API, and every GET becomes a stream.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  tidegate demo                                   everything at once, to look at
  tidegate serve --origin http://127.0.0.1:9100   every GET of one API, live
  tidegate watch http://127.0.0.1:8080/quotes     a live document
  tidegate init --from openapi.json               a configuration to start from
  tidegate check --config tidegate.toml           is the configuration right?"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway in front of one API, or as a file says
    Serve(ServeArgs),
    /// Write a configuration to start from, for an API with an OpenAPI document or only a URL
    Init(InitArgs),
    /// Say everything that is wrong with a configuration file
    Check(CheckArgs),
    /// Show a live document in the terminal
    Watch(WatchArgs),
    /// Run a market API, the gateway in front of it, and a page that shows both
    Demo(DemoArgs),
}

/// `tidegate serve`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate serve --origin http://127.0.0.1:9100
  tidegate serve --origin https://api.example.com/v1 --listen 0.0.0.0:8080 --poll 2s
  tidegate serve --origin http://127.0.0.1:9100 --cors-origin http://localhost:5173
  tidegate serve --config tidegate.toml

Then:
  curl -N -H 'Accept: text/event-stream' http://127.0.0.1:8080/path/of/the/api")]
#[command(group = ArgGroup::new("source").required(true).args(["origin", "config"]))]
#[group(skip)]
pub struct ServeArgs {
    /// The API to put the gateway in front of; all of its GETs are live
    #[arg(long, value_name = "URL", value_parser = origin_url)]
    pub origin: Option<String>,
    /// A configuration file, for more than one API and for routes with a policy each
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where clients are served [default: 127.0.0.1:8080, or what the file says]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// How often the API is asked while somebody subscribes [default: 500ms]
    #[arg(long, value_name = "DUR", value_parser = poll, conflicts_with = "config")]
    pub poll: Option<Duration>,
    /// How long polling goes on after the last subscriber left [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = linger, conflicts_with = "config")]
    pub linger: Option<Duration>,
    /// A web origin whose pages may read answers, or `*` for any; may be repeated
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = cors_origin, conflicts_with = "config")]
    pub cors_origins: Vec<String>,
}

/// `tidegate init`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate init --origin https://api.example.com/v1
  tidegate init --from openapi.json --out tidegate.toml
  tidegate init --from openapi.yaml --origin http://127.0.0.1:9100
  curl -fsS https://api.example.com/openapi.json | tidegate init --from -

OpenAPI 3.0 and 3.1 and Swagger 2.0, in JSON or YAML. Each GET that answers with JSON becomes a live route; everything else
is passed through, and comments say why.")]
#[command(group = ArgGroup::new("known").required(true).multiple(true).args(["from", "origin"]))]
#[group(skip)]
pub struct InitArgs {
    /// An OpenAPI document, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<String>,
    /// Where the API is; in the place of the servers that the document names
    #[arg(long, value_name = "URL", value_parser = origin_url)]
    pub origin: Option<String>,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// `tidegate check`
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 if the file is right, 1 if it is not, 2 for a wrong command line.

Example:
  tidegate check --config tidegate.toml")]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `tidegate watch`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate watch http://127.0.0.1:8080/quotes/SPY
  tidegate watch --json --count 10 http://127.0.0.1:8080/quotes
  tidegate watch -H 'Authorization: Bearer …' https://live.example.com/orders
  tidegate watch --select '$[?@.price > 100]' --rate 1s http://127.0.0.1:8080/quotes
  tidegate watch --mode first --json http://127.0.0.1:8080/quotes/SPY
  tidegate watch --poll 5s https://api.example.com/status

A URL that offers no stream is polled.")]
pub struct WatchArgs {
    /// The URL of the document
    #[arg(value_name = "URL", value_parser = watch_url)]
    pub url: Uri,
    /// Print one update a line as JSON, for scripts
    #[arg(long)]
    pub json: bool,
    /// How often a URL that offers no stream is asked
    #[arg(long, value_name = "DUR", value_parser = poll, default_value = "2s")]
    pub poll: Duration,
    /// A request header field; may be repeated
    #[arg(short = 'H', long = "header", value_name = "'Name: value'", value_parser = header)]
    pub headers: Vec<Header>,
    /// End after this many updates
    #[arg(long, value_name = "N")]
    pub count: Option<NonZeroU64>,
    /// The part to watch: a JSON Pointer (/rows/0), or a JSONPath (`$.rows[*].price`)
    #[arg(long, value_name = "PART", allow_hyphen_values = true)]
    pub select: Option<String>,
    /// How changes come: patch, merge, snapshot, or first, which ends after the document
    #[arg(long, value_name = "MODE", default_value_t)]
    pub mode: Mode,
    /// At most one update in this time, with the net effect
    #[arg(long, value_name = "DUR", value_parser = least_time)]
    pub rate: Option<Duration>,
    /// How old the data may be; the API is then asked no more often
    #[arg(long, value_name = "DUR", value_parser = max_age)]
    pub max_age: Option<Duration>,
    /// How the stream is written: sse or ndjson
    #[arg(long, value_name = "NAME", default_value_t)]
    pub transport: Transport,
}

/// `tidegate demo`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate demo
  tidegate demo --symbols 2000 --rate 200
  tidegate demo --seed 7 --listen 127.0.0.1:3000")]
pub struct DemoArgs {
    /// What the market's random walk starts from: the same seed, the same market
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many symbols are traded
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=MOST_SYMBOLS))]
    pub symbols: u32,
    /// How many trades happen, over all symbols
    #[arg(long, value_name = "TRADES_PER_S", default_value = "40", value_parser = rate)]
    pub rate: f64,
    /// Where the page is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000", value_parser = address)]
    pub listen: SocketAddr,
    /// Where the market API is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100", value_parser = address)]
    pub market_listen: SocketAddr,
    /// Where the gateway is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    pub gateway_listen: SocketAddr,
    /// How often the gateway asks the market
    #[arg(long, value_name = "DUR", default_value = "200ms", value_parser = poll)]
    pub poll: Duration,
}

/// A request header field of the command line. `Debug` shows its name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub name: HeaderName,
    /// The value, marked as sensitive.
    pub value: HeaderValue,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

impl ServeArgs {
    /// The configuration that the options ask for.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn config(&self, environment: Environment<'_>) -> Result<Config, Vec<ConfigError>> {
        if let Some(path) = &self.config {
            let mut config = Config::load(path, environment)?;
            if let Some(listen) = self.listen {
                config.listen = Sourced::plain(listen);
            }
            return Ok(config);
        }
        // Each was checked as it was parsed; what is left to find is `*` beside others.
        let cors = CorsOrigins::parse_all(self.cors_origins.iter().map(String::as_str));
        let cors = cors.map_err(|_| vec![ConfigError::star_not_alone("--cors-origin")])?;
        let options = SingleOrigin { listen: self.listen, poll: self.poll, linger: self.linger, cors };
        // The group of the two makes one of them required.
        Config::for_origin(self.origin.as_deref().unwrap_or_default(), options)
    }
}

/// The command line of this process; on a usage error, or for `--help`, prints and exits.
pub fn parse() -> Cli {
    try_parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// The command line `arguments`, the program's name first.
///
/// # Errors
/// A usage error, or the text of `--help` or `--version`. Credentials in what was written are masked in it.
pub fn try_parse(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments).map_err(mask)
}

/// Masks what a usage error repeats of the command line: it ends up in logs of whoever starts the program.
fn mask(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return error };
    let header = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument)) if argument.starts_with("--header"));
    let shown = if header { String::from("…") } else { mask_userinfo(value) };
    error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    error
}

fn say(error: crate::config::ValueError) -> String {
    format!("it {}: {}", error.reason(), error.help())
}

fn origin_url(text: &str) -> Result<String, String> {
    OriginUrl::parse(text).map(|_| text.to_owned()).map_err(say)
}

fn cors_origin(text: &str) -> Result<String, String> {
    if text != "*" {
        WebOrigin::parse(text).map_err(say)?;
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| say(crate::config::ValueError::Address))
}

fn poll(text: &str) -> Result<Duration, String> {
    within(text, "poll")
}

fn linger(text: &str) -> Result<Duration, String> {
    within(text, "linger")
}

/// A duration within the limits of the route's setting of that name.
fn within(text: &str, key: &str) -> Result<Duration, String> {
    let value = parse_duration(text).map_err(say)?;
    let kind = Section::Route.settings().find(|setting| setting.key == key).map(|setting| setting.kind);
    match kind {
        Some(Kind::Time(least, most)) => between(text, least, most),
        _ => Ok(value),
    }
}

/// From 10 ms to 1 h, as the gateway has it.
fn least_time(text: &str) -> Result<Duration, String> {
    between(text, Duration::from_millis(10), Duration::from_secs(3600))
}

fn max_age(text: &str) -> Result<Duration, String> {
    between(text, Duration::from_secs(1), Duration::from_secs(3600))
}

fn between(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let value = parse_duration(text).map_err(say)?;
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(format!("write at least {} and at most {}", display_duration(least), display_duration(most)))
}

fn watch_url(text: &str) -> Result<Uri, String> {
    let example = "write a whole URL: http://127.0.0.1:8080/quotes";
    let uri: Uri = text.parse().map_err(|_| format!("it is not a URL: {example}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => Ok(uri),
        (Some("http" | "https"), Some(_)) => {
            Err(String::from("it holds a user name or a password: send them with -H 'Authorization: …'"))
        }
        _ => Err(format!("it is not an http or https URL: {example}")),
    }
}

fn header(text: &str) -> Result<Header, String> {
    let example = "write 'Name: value', as in 'Accept-Language: en'";
    let (name, value) = text.split_once(':').ok_or(example)?;
    let name = name.parse().map_err(|_| format!("the name is no header field name: {example}"))?;
    let mut value = HeaderValue::from_str(value.trim_matches([' ', '\t']))
        .map_err(|_| String::from("the value has a character that no header field can hold"))?;
    value.set_sensitive(true);
    Ok(Header { name, value })
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| String::from("write a number: 40 or 0.5"))?;
    if (0.1..=HIGHEST_RATE).contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("write at least 0.1 and at most {HIGHEST_RATE}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn serve(arguments: &str) -> Result<ServeArgs, clap::Error> {
        let arguments = ["tidegate", "serve"].into_iter().chain(arguments.split_whitespace());
        try_parse(arguments).map(|cli| match cli.command {
            Command::Serve(args) => args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_exit_with_2_and_say_what_to_write() {
        let check = |arguments: &[&str], expected: &str| {
            let error = try_parse(std::iter::once("tidegate").chain(arguments.iter().copied())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
            assert!(error.to_string().contains(expected), "{arguments:?}: {error}");
        };
        check(&["serve"], "--origin <URL>|--config <FILE>");
        check(&["serve", "--origin", "http://h", "--config", "f"], "cannot be used with");
        check(&["serve", "--config", "f", "--poll", "1s"], "cannot be used with");
        check(&["serve", "--origin", "h:1"], "write \"http://127.0.0.1:9100\"");
        check(&["serve", "--origin", "http://h", "--poll", "5"], "\"500ms\"");
        check(&["serve", "--origin", "http://h", "--poll", "1ms"], "at least 5ms and at most 24h");
        check(&["serve", "--origin", "http://h", "--listen", ":80"], "\"127.0.0.1:8080\"");
        check(&["serve", "--origin", "http://h", "--cors-origin", "h"], "https://app.example.com");
        check(&["init"], "<--from <FILE>|--origin <URL>>");
        check(&["init", "--origin", "h:1"], "write \"http://127.0.0.1:9100\"");
        check(&["init", "--origin", "http://h", "--force"], "--out <FILE>");
        check(&["check"], "--config <FILE>");
        check(&["watch", "h/x"], "it is not a URL: write a whole URL");
        check(&["watch", "ftp://h/x"], "it is not an http or https URL");
        check(&["watch", "http://u:p@h/"], "-H 'Authorization");
        check(&["watch", "http://h/", "-H", "nonsense"], "'Name: value'");
        check(&["watch", "http://h/", "--count", "0"], "0");
        check(&["watch", "http://h/", "--mode", "diff"], "the modes are `patch`, `merge`");
        check(&["watch", "http://h/", "--transport", "ws"], "the transports are `sse`");
        check(&["watch", "http://h/", "--rate", "1ms"], "write at least 10ms");
        check(&["watch", "http://h/", "--max-age", "0s"], "write at least 1s");
        check(&["demo", "--rate", "nan"], "at least 0.1");
        // What the market itself refuses is refused here, where the option is named.
        check(&["demo", "--rate", "10001"], "at most 10000");
        check(&["demo", "--symbols", "0"], "1..=5000");
        check(&["demo", "--symbols", "5001"], "1..=5000");
        check(&["sevre"], "serve");
    }

    #[test]
    fn usage_errors_do_not_repeat_credentials() {
        for arguments in [
            &["serve", "--origin", "http://user:hunter2@h"][..],
            &["watch", "http://user:hunter2@h/"],
            &["watch", "http://h/", "-H", "Authorization: hunter2\n"],
            &["watch", "http://h/", "--header", "hunter2"],
        ] {
            let error = try_parse(std::iter::once("tidegate").chain(arguments.iter().copied())).unwrap_err();
            assert!(error.to_string().contains("invalid value"), "{error}");
            assert!(!format!("{error}{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn listen_overrides_the_file() {
        let path = std::env::temp_dir().join(format!("tidegate-cli-{}.toml", std::process::id()));
        std::fs::write(&path, crate::config::EXAMPLE).unwrap();
        let arguments = format!("--listen 127.0.0.1:0 --config {}", path.display());
        let config = serve(&arguments).unwrap().config(&|_| None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(config.unwrap().listen.to_string(), "127.0.0.1:0");
    }

    #[test]
    fn serve_makes_a_configuration() {
        let config = |arguments: &str| serve(arguments).unwrap().config(&|_| None);
        let made = config("--origin http://127.0.0.1:9100 --listen 127.0.0.1:0 --poll 1.5s --cors-origin *")
            .unwrap();
        assert_eq!(made.listen.port(), 0);
        assert_eq!(made.cors, CorsOrigins::Any);
        assert_eq!(*made.routes[0].live().unwrap().pace.poll, Duration::from_millis(1500));
        let errors = config("--origin http://h --cors-origin * --cors-origin http://a").unwrap_err();
        assert!(errors[0].to_string().starts_with("--cors-origin: "), "{}", errors[0]);
        assert!(config("--config no-such-file.toml").is_err());
    }

    #[test]
    fn watch_and_demo_have_their_defaults() {
        let arguments =
            ["tidegate", "watch", "http://h/q", "-H", "Authorization: Bearer hunter2", "--count", "3"];
        let Command::Watch(watch) = try_parse(arguments).unwrap().command else { panic!("another command") };
        assert_eq!((watch.poll, watch.json), (Duration::from_secs(2), false));
        assert_eq!(watch.count, NonZeroU64::new(3));
        assert_eq!(watch.headers[0].name, "authorization");
        assert_eq!(watch.headers[0].value, "Bearer hunter2");
        assert!(!format!("{watch:?}").contains("hunter2"));
        assert_eq!((watch.mode, watch.transport), (Mode::Patch, Transport::Sse));
        assert_eq!((watch.select, watch.rate, watch.max_age), (None, None, None));

        let Command::Demo(demo) = try_parse(["tidegate", "demo"]).unwrap().command else {
            panic!("another command")
        };
        assert_eq!((demo.symbols, demo.rate, demo.poll), (500, 40.0, Duration::from_millis(200)));
        let ports = [demo.listen, demo.market_listen, demo.gateway_listen].map(|address| address.port());
        assert_eq!(ports, [8000, 9100, 8080]);
    }
}
