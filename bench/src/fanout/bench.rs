//! What the scenarios share: who takes part, what was missing, which runs were discarded.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use super::client::Verified;
use super::contenders::{self, Contender};
use super::session::{Measured, Session, Setup, Traffic};
use crate::report::processor;

/// How often a stretch is measured before one that cannot be trusted is kept.
const TRIES: usize = 3;

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Bench {
    /// A look instead of a result.
    pub(crate) quick: bool,
    only: Vec<Contender>,
    notes: BTreeSet<String>,
    compared: u64,
    /// Stretches that were measured again, or kept although they cannot be trusted.
    pub(crate) discarded: Vec<String>,
}

impl Bench {
    /// A run of these contenders; of all, if none is named.
    pub(crate) fn new(quick: bool, only: Vec<Contender>) -> Bench {
        Bench { quick, only, notes: BTreeSet::new(), compared: 0, discarded: Vec::new() }
    }

    /// The first number in a real run, the second in a quick one.
    pub(crate) fn either<T>(&self, real: T, quick: T) -> T {
        if self.quick { quick } else { real }
    }

    /// Those of these contenders that take part.
    pub(crate) fn chosen(&self, contenders: &[Contender]) -> Vec<Contender> {
        let takes_part = |contender: &Contender| self.only.is_empty() || self.only.contains(contender);
        contenders.iter().copied().filter(takes_part).collect()
    }

    /// Starts a session. A contender that is missing or broken is noted, and the run goes on.
    pub(crate) fn start(&mut self, setup: Setup) -> Option<Session> {
        let contender = setup.contender;
        match Session::start(setup) {
            Ok(Ok(session)) => {
                if !session.server.note.is_empty() {
                    self.note(format!("{}: {}", contender.name(), session.server.note));
                }
                Some(session)
            }
            Ok(Err(missing)) => {
                self.note(format!("{} is left out: {}", contender.name(), missing.0));
                None
            }
            Err(error) => {
                self.failed(contender, &error);
                None
            }
        }
    }

    /// Starts a session and opens its streams.
    pub(crate) fn connected(&mut self, setup: Setup) -> Option<Session> {
        let mut session = self.start(setup)?;
        match session.connect(false).and_then(|_| session.settle()) {
            Ok(reached) => {
                if reached.behind > 0 {
                    let (name, behind) = (session.setup.contender.name(), reached.behind);
                    self.note(format!("{name}: {behind} subscribers got no first event"));
                }
                Some(session)
            }
            Err(error) => {
                self.failed(session.setup.contender, &error);
                None
            }
        }
    }

    /// A stretch of traffic that can be trusted, or the last of several that cannot.
    pub(crate) fn traffic(
        &mut self,
        what: &str,
        session: &mut Session,
        traffic: &Traffic,
        besides: &[u32],
    ) -> Option<Measured> {
        for last in (0..TRIES).map(|number| number + 1 == TRIES) {
            let measured = match session.traffic(traffic, besides) {
                Ok(measured) => measured,
                Err(error) => {
                    self.failed(session.setup.contender, &error);
                    return None;
                }
            };
            let Some(reason) = measured.spent.distrust() else { return Some(measured) };
            let outcome = if last { "kept all the same" } else { "measured again" };
            let name = session.setup.contender.name();
            self.discarded.push(format!("{what}, {name}: {reason}; {outcome}"));
            if last {
                return Some(measured);
            }
        }
        None
    }

    /// Compares the documents of a sample of the subscribers with the source's.
    pub(crate) fn verify(&mut self, session: &mut Session) -> io::Result<Verified> {
        let verified = session.verify()?;
        self.compared += verified.compared;
        Ok(verified)
    }

    /// Says something of this run's conditions, once.
    pub(crate) fn note(&mut self, note: String) {
        if self.notes.insert(note.clone()) {
            eprintln!("  {note}");
        }
    }

    fn failed(&mut self, contender: Contender, error: &io::Error) {
        self.note(format!("{} failed: {error}", contender.name()));
    }

    /// What else than the code decides the figures, one a line.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut conditions = vec![
            format!("{}, {cores} cores, {}", processor(), std::env::consts::ARCH),
            format!("Linux {}, loopback, all processes on this machine", kernel.trim()),
        ];
        if self.quick {
            conditions.push("a quick run: a look, not a result".into());
        }
        conditions.push(format!(
            "{} documents of subscribers were compared with the source's; each one that differs, and each version that \
             somebody lacks, has a line below",
            self.compared
        ));
        conditions.extend(contenders::versions());
        conditions.extend(self.notes.iter().cloned());
        conditions
    }
}
