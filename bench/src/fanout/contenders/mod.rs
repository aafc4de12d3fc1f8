//! The servers that are compared: the gateway, the ceiling and the peers.
//!
//! Each is started as a child on loopback, on a port of its own, with nothing but its files in a folder of its own.
//! One that is not installed is missing, and says how to get it; the others go on.

mod nchan;
pub(crate) mod process;
mod pushpin;
pub(crate) mod tidegate;

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use serde::Serialize;

use super::axum_peer;
use super::ceiling;
use super::cores::Cores;
use super::hyper_peer;
use super::identity::Identity;
use super::role::Role;
use super::source::Push;
use process::Program;
pub(crate) use process::become_program;
pub(crate) use tidegate::Gateway;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, clap::ValueEnum)]
pub(crate) enum Contender {
    /// Our gateway.
    Tidegate,
    /// Our gateway, told to conflate.
    Conflating,
    /// Our gateway, asked for each stream as a later request of its connection.
    Later,
    /// A bare loop with one `send` for each event and connection.
    Ceiling,
    /// The same loop, which joins the events that wait.
    Joined,
    /// nginx with Nchan.
    Nchan,
    /// Pushpin.
    Pushpin,
    /// A plain axum program with a broadcast channel.
    Axum,
    /// The same with bare hyper, and rustls where it is over TLS.
    Hyper,
}

/// What a contender is started with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// How the gateway is set up, if it is one.
    pub(crate) gateway: &'a Gateway,
    /// Whom it asks, if it asks.
    pub(crate) source: SocketAddr,
    /// Where it runs.
    pub(crate) cores: Cores,
    /// With what it serves over TLS, if it does.
    pub(crate) identity: Option<&'a Identity>,
}

/// Why a contender is not there, and the remedy.
#[derive(Debug, Clone)]
pub(crate) struct Missing(pub(crate) String);

/// A server that runs, or why it cannot.
pub(crate) type Started = Result<Server, Missing>;

/// A server that runs. Ends with it.
#[derive(Debug)]
pub(crate) struct Server {
    /// How it is set up, in a few words.
    pub(crate) note: String,
    /// Where subscribers connect.
    pub(crate) address: SocketAddr,
    /// What they ask for; `{}` stands for the resource's number.
    pub(crate) target: String,
    /// How it is told of changes; `None` for one that asks.
    pub(crate) push: Option<Push>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Program(Program),
    Role(Role),
    Ceiling(Role),
}

impl Contender {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Tidegate => "tidegate",
            Contender::Conflating => "tidegate, conflating",
            Contender::Later => "tidegate, later request",
            Contender::Ceiling => "ceiling",
            Contender::Joined => "ceiling, joined",
            Contender::Nchan => "Nchan",
            Contender::Pushpin => "Pushpin",
            Contender::Axum => "axum",
            Contender::Hyper => "hyper",
        }
    }

    /// Whether it is ours.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Contender::Tidegate | Contender::Conflating | Contender::Later)
    }

    /// Whether its subscribers ask something else on their connections before.
    pub(crate) fn asks_before(self) -> bool {
        self == Contender::Later
    }

    /// Starts it.
    pub(crate) fn start(self, start: &Start<'_>) -> io::Result<Started> {
        let &Start { cores, .. } = start;
        if start.identity.is_some()
            && matches!(self, Contender::Ceiling | Contender::Joined | Contender::Axum | Contender::Pushpin)
        {
            return Ok(Err(Missing("it is not measured over TLS".into())));
        }
        match self {
            Contender::Tidegate | Contender::Later => tidegate::start(start.gateway, start),
            Contender::Conflating => {
                tidegate::start(&Gateway { conflate: Some(true), ..start.gateway.clone() }, start)
            }
            Contender::Hyper => {
                let (role, ready) = Role::start::<hyper_peer::Ready>("hyper", &start.identity, cores)?;
                Ok(Ok(Server {
                    note: String::new(),
                    address: ready.subscribe,
                    target: "/r/{}".into(),
                    push: Some(Push::Post(ready.publish, hyper_peer::PUBLISH.into())),
                    running: Running::Role(role),
                }))
            }
            Contender::Ceiling | Contender::Joined => {
                let config = ceiling::Config { joined: self == Contender::Joined };
                let (role, ready) = Role::start::<ceiling::Ready>("ceiling", &config, cores)?;
                Ok(Ok(Server {
                    note: String::new(),
                    address: ready.subscribe,
                    target: "/r/{}".into(),
                    push: Some(Push::Lines(ready.publish)),
                    running: Running::Ceiling(role),
                }))
            }
            Contender::Axum => {
                let (role, address) = Role::start::<SocketAddr>("axum", &(), cores)?;
                Ok(Ok(Server {
                    note: String::new(),
                    address,
                    target: "/r/{}".into(),
                    push: Some(Push::Post(address, axum_peer::PUBLISH.into())),
                    running: Running::Role(role),
                }))
            }
            Contender::Nchan => nchan::start(start),
            Contender::Pushpin => pushpin::start(start),
        }
    }
}

impl Server {
    /// Its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match &self.running {
            Running::Program(program) => program.pids(),
            Running::Role(role) | Running::Ceiling(role) => vec![role.pid()],
        }
    }

    /// Its sends so far, if it counts them.
    pub(crate) fn sends(&mut self) -> io::Result<Option<u64>> {
        match &mut self.running {
            Running::Ceiling(role) => Ok(Some(role.ask::<ceiling::Counts>(&ceiling::Count)?.sends)),
            Running::Program(_) | Running::Role(_) => Ok(None),
        }
    }
}

/// The versions of what is installed, one a line.
pub(crate) fn versions() -> Vec<String> {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some(String::from_utf8_lossy(&text).lines().next()?.to_owned())
    };
    let mut versions = Vec::new();
    if let Ok(binary) = tidegate::binary()
        && let Some(version) = said(&binary.to_string_lossy(), "--version")
    {
        versions.push(version);
    }
    versions.extend(said("nginx", "-v"));
    versions.extend(said("pushpin", "--version"));
    versions
}
