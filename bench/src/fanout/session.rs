//! One contender with its source and its subscribers, running.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::client::{self, Connected, Reached, Report, Verified};
use super::contenders::{Contender, Gateway, Missing, Server, Start};
use super::cores::Cores;
use super::identity::Identity;
use super::latency::{Latencies, Quantiles};
use super::proc::{self, Cpu, Memory};
use super::role::Role;
use super::source::{self, Content, Status};
use super::watch::{Spent, Watch};

/// What is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) contender: Contender,
    pub(crate) gateway: Gateway,
    pub(crate) content: Content,
    pub(crate) resources: usize,
    /// Whether the source compresses.
    pub(crate) gzip: bool,
    pub(crate) subscribers: usize,
    /// How many of them, the last, read nothing after the head.
    pub(crate) stalled: usize,
    /// Between the first subscribers of two resources.
    pub(crate) pace: Duration,
    /// Whether the server has a core of its own.
    pub(crate) pinned: bool,
    /// Whether subscribers come over TLS.
    pub(crate) tls: bool,
}

/// What the source does in a stretch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// From change to change of each resource.
    pub(crate) every: Duration,
    /// How many changes each resource has.
    pub(crate) changes: u64,
    /// Whether resources change one after the other over the interval.
    pub(crate) spread: bool,
}

/// What a stretch of traffic showed.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) spent: Spent,
    /// What the subscribers counted.
    pub(crate) report: Report,
    pub(crate) from_told: Latencies,
    pub(crate) from_change: Latencies,
    /// Changes at the source.
    pub(crate) changes: u64,
    /// Versions that the source told.
    pub(crate) versions: u64,
    /// Subscribers that did not get to the newest version in time.
    pub(crate) behind: u64,
    /// Seconds from when the last change was told until the last subscriber had it.
    pub(crate) drained: f64,
    /// Sends of the server, if it counts them.
    pub(crate) sends: Option<u64>,
    /// Changes that were pushed and not taken.
    pub(crate) push_failures: u64,
    /// What the first of those was answered.
    pub(crate) first_failure: Option<String>,
}

/// The figures of a stretch that every table takes from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Microseconds of the server for each delivered event.
    pub(crate) server_us: Cpu,
    /// Microseconds of the load client for each delivered event.
    pub(crate) client_us: Cpu,
    /// CPU seconds of the source.
    pub(crate) source: Cpu,
    pub(crate) events: u64,
    pub(crate) changes: u64,
    pub(crate) versions: u64,
    /// Bytes that an event had on the wire, framing included.
    pub(crate) bytes_per_event: f64,
    /// The server's sends for each event, if it counts them.
    pub(crate) sends_per_event: Option<f64>,
    /// The machine's TCP segments with data for each event: sends of any server, and what asking adds.
    pub(crate) segments_per_event: f64,
    /// In milliseconds, from when the source told the version.
    pub(crate) from_told: Quantiles,
    /// In milliseconds, from when the state changed.
    pub(crate) from_change: Quantiles,
    pub(crate) spent: Spent,
}

/// How long subscribers may take to get somewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// Streams that may be between connecting and their head, where it is not a herd.
const IN_FLIGHT: usize = 128;

/// The most streams of one client process.
const MOST_STREAMS: usize = 18_000;

/// Connections of each process that apply what they get.
const SAMPLES: usize = 20;

/// A contender with its source and its subscribers. Ends with it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) setup: Setup,
    // In this order they end: a server that takes leave of its clients has none then.
    clients: Vec<Role>,
    pub(crate) server: Server,
    source: Role,
    pub(crate) source_address: SocketAddr,
}

impl Session {
    /// Starts all of it; nobody has subscribed yet.
    pub(crate) fn start(setup: Setup) -> io::Result<Result<Session, Missing>> {
        let (server_cores, other_cores) =
            if setup.pinned { (Cores::Server, Cores::Others) } else { (Cores::All, Cores::All) };
        let config = source::Config { content: setup.content, resources: setup.resources, gzip: setup.gzip };
        let (mut source, ready) = Role::start::<source::Ready>("source", &config, other_cores)?;
        let identity = if setup.tls { Some(Identity::new()?) } else { None };
        let start = Start {
            gateway: &setup.gateway,
            source: ready.address,
            cores: server_cores,
            identity: identity.as_ref(),
        };
        let server = match setup.contender.start(&start)? {
            Ok(server) => server,
            Err(missing) => return Ok(Err(missing)),
        };
        if let Some(push) = &server.push {
            source.ask::<Status>(&source::Command::Push(push.clone()))?;
        }
        let processes = setup.subscribers.div_ceil(MOST_STREAMS);
        let mut clients = Vec::new();
        for number in 0..processes {
            let share = |total: usize| (total * (number + 1)) / processes - (total * number) / processes;
            let config = client::Config {
                server: server.address,
                target: server.target.clone(),
                connections: share(setup.subscribers),
                resources: setup.resources,
                first_address: addresses(),
                in_flight: IN_FLIGHT,
                pace: setup.pace.as_nanos() as u64,
                stalled: share(setup.stalled),
                asks_before: setup.contender.asks_before(),
                trust: identity.as_ref().map(|identity| identity.certificate.clone()),
                samples: SAMPLES.max(setup.resources).min(share(setup.subscribers)),
            };
            clients.push(Role::start::<()>("client", &config, other_cores)?.0);
        }
        Ok(Ok(Session { setup, server, source, source_address: ready.address, clients }))
    }

    /// Opens all streams, gently or all at once. An error if some do not open.
    pub(crate) fn connect(&mut self, at_once: bool) -> io::Result<Connected> {
        let patience_ms = PATIENCE.as_millis() as u64;
        let in_flight = if at_once { MOST_STREAMS } else { IN_FLIGHT };
        let answers: Vec<Connected> = self.ask_all(&client::Command::Connect { patience_ms, in_flight })?;
        let open = answers.iter().map(|answer| answer.open).sum();
        if open < self.setup.subscribers as u64 {
            let failures = self.report()?.failures;
            return Err(io::Error::other(format!(
                "{}: {open} of {} streams opened; {failures:?}",
                self.setup.contender.name(),
                self.setup.subscribers
            )));
        }
        let seconds = answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max);
        Ok(Connected { open, seconds })
    }

    /// Closes all streams; they keep their positions.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.ask_all::<()>(&client::Command::Close).map(drop)
    }

    /// Lets those read that did not.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        self.ask_all::<()>(&client::Command::Resume).map(drop)
    }

    /// Forgets what the subscribers counted.
    pub(crate) fn mark(&mut self) -> io::Result<()> {
        self.ask_all::<()>(&client::Command::Mark).map(drop)
    }

    /// What the subscribers counted, without the times.
    pub(crate) fn report(&mut self) -> io::Result<Report> {
        Ok(self.reports()?.iter().fold(Report::default(), Report::plus))
    }

    /// The server's memory now.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let pids = self.server.pids();
        pids.iter().try_fold(Memory::default(), |sum, &pid| Ok(sum.plus(proc::memory(pid)?)))
    }

    /// Waits until all who read have the newest version that the source told.
    pub(crate) fn settle(&mut self) -> io::Result<Reached> {
        let heads = self.status()?.heads;
        self.wait(heads)
    }

    fn wait(&mut self, heads: Vec<u64>) -> io::Result<Reached> {
        let patience_ms = PATIENCE.as_millis() as u64;
        let answers: Vec<Reached> = self.ask_all(&client::Command::Await { heads, patience_ms })?;
        Ok(Reached {
            behind: answers.iter().map(|answer| answer.behind).sum(),
            last: answers.iter().map(|answer| answer.last).max().unwrap_or(0),
        })
    }

    /// How the source stands.
    pub(crate) fn status(&mut self) -> io::Result<Status> {
        self.source.ask(&source::Command::Status)
    }

    /// Starts changes and waits until the last was told to whoever asks or is told.
    pub(crate) fn change(&mut self, traffic: &Traffic) -> io::Result<Status> {
        let Traffic { every, changes, spread } = *traffic;
        let start = source::Command::Start { every: every.as_nanos() as u64, spread, limit: Some(changes) };
        self.source.ask::<Status>(&start)?;
        sleep(every * u32::try_from(changes).unwrap_or(u32::MAX));
        let begin = Instant::now();
        loop {
            let status = self.status()?;
            if status.resting && status.all_told {
                return Ok(status);
            }
            if begin.elapsed() > PATIENCE {
                return Err(io::Error::other(format!(
                    "{}: nobody asks any more",
                    self.setup.contender.name()
                )));
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// A stretch of traffic, from before its first change until all who read have its last.
    pub(crate) fn traffic(&mut self, traffic: &Traffic, besides: &[u32]) -> io::Result<Measured> {
        let before = self.status()?;
        let sends_before = self.server.sends()?;
        self.mark()?;
        let watch = Watch::begin(self.groups(), besides)?;
        let after = self.change(traffic)?;
        let reached = self.wait(after.heads.clone())?;
        let spent = watch.end()?;
        let sends = self.server.sends()?.zip(sends_before).map(|(after, before)| after - before);
        let (mut from_told, mut from_change) = (Latencies::new(), Latencies::new());
        let mut report = Report::default();
        for one in self.reports()? {
            from_told.add(&one.from_told);
            from_change.add(&one.from_change);
            report = report.plus(&one);
        }
        let told = |status: &Status| status.heads.iter().sum::<u64>();
        Ok(Measured {
            spent,
            report,
            from_told,
            from_change,
            changes: after.changes - before.changes,
            versions: told(&after) - told(&before),
            behind: reached.behind,
            drained: reached.last.saturating_sub(after.last_told) as f64 / 1e9,
            sends,
            push_failures: after.push_failures - before.push_failures,
            first_failure: after.first_failure,
        })
    }

    /// Compares what the sample holds with the source.
    pub(crate) fn verify(&mut self) -> io::Result<Verified> {
        let command = client::Command::Verify { source: self.source_address };
        let answers: Vec<Verified> = self.ask_all(&command)?;
        Ok(answers.iter().fold(Verified::default(), |sum, one| Verified {
            compared: sum.compared + one.compared,
            different: sum.different + one.different,
            failures: sum.failures + one.failures,
        }))
    }

    /// All its processes: the server's, the clients', the source's.
    pub(crate) fn groups(&self) -> Vec<Vec<u32>> {
        let clients = self.clients.iter().map(Role::pid).collect();
        vec![self.server.pids(), clients, vec![self.source.pid()]]
    }

    fn reports(&mut self) -> io::Result<Vec<Report>> {
        self.ask_all(&client::Command::Report)
    }

    fn ask_all<A: serde::de::DeserializeOwned>(&mut self, command: &client::Command) -> io::Result<Vec<A>> {
        for client in &mut self.clients {
            client.send(command)?;
        }
        self.clients.iter_mut().map(Role::answer).collect()
    }
}

/// Source addresses for the next client process: others than the last ones', whose ports may still be taken.
fn addresses() -> u8 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let turn = NEXT.fetch_add(1, Relaxed) % 14;
    2 + client::ADDRESSES * turn as u8
}

impl Measured {
    /// The figures.
    pub(crate) fn figures(&self) -> Figures {
        let events = self.report.events.max(1) as f64;
        let each = |cpu: Cpu| Cpu { user: cpu.user * 1e6 / events, system: cpu.system * 1e6 / events };
        let group = |number: usize| self.spent.groups.get(number).copied().unwrap_or_default();
        Figures {
            server_us: each(group(0)),
            client_us: each(group(1)),
            source: group(2),
            events: self.report.events,
            changes: self.changes,
            versions: self.versions,
            bytes_per_event: self.report.bytes as f64 / events,
            sends_per_event: self.sends.map(|sends| sends as f64 / events),
            segments_per_event: self.spent.segments as f64 / events,
            from_told: self.from_told.quantiles(),
            from_change: self.from_change.quantiles(),
            spent: self.spent.clone(),
        }
    }

    /// What was wrong with what the subscribers received. Gaps are no fault where updates may be conflated.
    pub(crate) fn faults(&self, gaps_allowed: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let mut count = |number: u64, what: &str| {
            if number > 0 {
                faults.push(format!("{number} {what}"));
            }
        };
        count(self.behind, "subscribers not at the newest version");
        count(self.report.backward, "events older than one before");
        let answered = self.first_failure.as_deref().unwrap_or_default();
        count(
            self.push_failures,
            &format!("changes that were pushed and not taken; the first was answered: {answered}"),
        );
        if !gaps_allowed {
            count(self.report.missed, "versions missed");
        }
        for (reason, number) in &self.report.failures {
            count(*number, &format!("streams: {reason}"));
        }
        faults
    }
}
