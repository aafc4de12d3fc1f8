//! A server that is another program: started here, measured with all its descendants, and ended by id.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, process};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::fanout::cores::Cores;

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(3);

/// A folder for one program's files, gone with it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder.
    pub(crate) fn new() -> io::Result<Scratch> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-bench-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command line, for the role that becomes it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    program: String,
    arguments: Vec<String>,
}

impl Line {
    fn of(command: &Command) -> Line {
        let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
        Line { program: text(command.get_program()), arguments: command.get_args().map(text).collect() }
    }

    fn to_json(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// Becomes another program, which is told to end when its parent ends, however that happens: programs that are not ours
/// do not notice it by themselves.
pub(crate) fn become_program(line: &str) -> io::Result<()> {
    let line: Line = serde_json::from_str(line)?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    Err(Command::new(line.program).args(line.arguments).exec())
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Its files, which it may need until it ends.
    _scratch: Scratch,
}

impl Program {
    /// Starts it on these cores; it is ready when it accepts connections at the address.
    pub(crate) fn start(
        program: Command,
        scratch: Scratch,
        listens: SocketAddr,
        cores: Cores,
    ) -> io::Result<Program> {
        let log = fs::File::create(scratch.path().join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["role", "program"]).arg(Line::of(&program).to_json()?);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = cores.spawn(&mut command)?;
        let mut running = Program { child, _scratch: scratch };
        let start = Instant::now();
        while TcpStream::connect(listens).is_err() {
            let ended = running.child.try_wait()?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(running._scratch.path().join("log")).unwrap_or_default();
                let name = program.get_program().display();
                return Err(io::Error::other(format!("{name} does not listen; it says: {}", log.trim())));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// It and all that it started.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while next < pids.len() {
            let pid = pids[next];
            // A process without this file has ended.
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            pids.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            next += 1;
        }
        pids
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its descendants are known by when they began, too: an id alone may be another's by then.
        let born: Vec<(u32, String)> =
            self.pids().into_iter().skip(1).filter_map(|pid| Some((pid, began(pid)?))).collect();
        signal(self.child.id(), Signal::TERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < GRACE {
            sleep(Duration::from_millis(10));
        }
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for (pid, beginning) in born {
            if began(pid).is_some_and(|began| began == beginning) {
                signal(pid, Signal::KILL);
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// When the process began, in ticks since the machine's start: field 22 of its `stat`.
fn began(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19).map(str::to_owned)
}

/// An address on which nothing listens now.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_when_it_began() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let first = began(child.id()).unwrap();
        assert!(first.parse::<u64>().unwrap() > 0);
        assert_eq!(began(child.id()), Some(first));
        assert!(began(std::process::id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(began(child.id()), None, "it has ended");
    }
}
