//! The gateway: the built program, driven by its configuration.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::{Program, Scratch, free_address};
use super::{Missing, Server, Start, Started};

/// How the gateway is set up for a run.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// How often it asks; where the program refuses the first, the next is tried.
    pub(crate) polls: &'static [&'static str],
    /// Whether updates that wait are replaced by their net effect, where the program can be told.
    pub(crate) conflate: Option<bool>,
}

/// Settings of `[limits]` that the program may not know yet: each is taken if it is accepted.
const LIMITS: &[&str] = &[
    "max_connections = 20000",
    "max_connections_per_address = 20000",
    "max_streams_per_feed = 20000",
    "max_connects_per_second = 1000000",
];

/// The program beside this one.
pub(crate) fn binary() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("tidegate"))
}

/// Starts it in front of this source.
pub(crate) fn start(gateway: &Gateway, start: &Start<'_>) -> io::Result<Started> {
    let binary = binary()?;
    if !binary.exists() {
        let place = binary.display();
        return Ok(Err(Missing(format!("{place} is not built: cargo build --release"))));
    }
    let scratch = Scratch::new()?;
    let listen = free_address()?;
    let mut head = format!("listen = \"{listen}\"\n");
    if let Some(identity) = start.identity {
        let certificate = scratch.write("certificate.pem", &identity.certificate)?;
        let key = scratch.write("key.pem", &identity.key)?;
        let (certificate, key) = (certificate.display(), key.display());
        head += &format!("\n[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
    }
    let settings = Settings::found(gateway, &binary, &scratch, &head, start.source)?;
    let file = scratch.write("tidegate.toml", &settings.text(&head, start.source))?;
    let mut command = Command::new(&binary);
    command.arg("serve").arg("--config").arg(file);
    let note = settings.note();
    Ok(Ok(Server {
        note,
        address: listen,
        target: "/r/{}".into(),
        push: None,
        running: super::Running::Program(Program::start(command, scratch, listen, start.cores)?),
    }))
}

/// What the program accepted.
#[derive(Debug, Clone)]
struct Settings {
    poll: &'static str,
    limits: Vec<&'static str>,
    route: Vec<String>,
}

impl Settings {
    fn found(
        gateway: &Gateway,
        binary: &Path,
        scratch: &Scratch,
        head: &str,
        source: SocketAddr,
    ) -> io::Result<Settings> {
        let accepts = |settings: &Settings| -> io::Result<bool> {
            let file = scratch.write("try.toml", &settings.text(head, source))?;
            let mut check = Command::new(binary);
            check.arg("check").arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
            Ok(check.status()?.success())
        };
        let mut settings = Settings { poll: "500ms", limits: Vec::new(), route: Vec::new() };
        if !accepts(&settings)? {
            return Err(io::Error::other(
                "the gateway refuses the least configuration: see `tidegate check`",
            ));
        }
        for poll in gateway.polls {
            let tried = Settings { poll, ..settings.clone() };
            if accepts(&tried)? {
                settings = tried;
                break;
            }
        }
        for limit in LIMITS {
            let mut tried = settings.clone();
            tried.limits.push(limit);
            if accepts(&tried)? {
                settings = tried;
            }
        }
        if let Some(conflate) = gateway.conflate {
            let mut tried = settings.clone();
            tried.route.push(format!("conflate = {conflate}"));
            if accepts(&tried)? {
                settings = tried;
            }
        }
        Ok(settings)
    }

    fn text(&self, head: &str, source: SocketAddr) -> String {
        let (limits, route) = (self.limits.join("\n"), self.route.join("\n"));
        // No peer sends heartbeats here, so the gateway sends them rarely.
        format!(
            "{head}\n[limits]\nmax_streams = 20000\n{limits}\n\n[[origin]]\nname = \"source\"\n\
             url = \"http://{source}\"\n\n[[route]]\npath = \"/**\"\norigin = \"source\"\npoll = \"{}\"\n\
             heartbeat = \"5m\"\n{route}\n",
            self.poll
        )
    }

    fn note(&self) -> String {
        let mut note = format!("poll = {}", self.poll);
        for setting in &self.route {
            note += &format!(", {setting}");
        }
        note
    }
}
