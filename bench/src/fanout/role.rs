//! A part of a run in a process of its own: this program again, in another role.
//!
//! The parent writes commands to the child's standard input and reads answers from its standard output, a JSON value a
//! line. Invariants: a role first says that it is ready, answers each command with one line, and ends when its standard
//! input does, so that none outlives its parent.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use mio::Waker;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cores::Cores;

/// A role's process, seen from its parent. Ends with it.
#[derive(Debug)]
pub(crate) struct Role {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Starts the role with this configuration on these cores, and waits for what it says when it is ready.
    pub(crate) fn start<R: DeserializeOwned>(
        name: &'static str,
        config: &impl Serialize,
        cores: Cores,
    ) -> io::Result<(Role, R)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["role", name, &serde_json::to_string(config)?]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cores.spawn(&mut command)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a child with pipes has them"));
        };
        let mut role = Role { name, child, input, output: BufReader::new(output) };
        let ready = role.answer()?;
        Ok((role, ready))
    }

    /// Its process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn ask<A: DeserializeOwned>(&mut self, command: &impl Serialize) -> io::Result<A> {
        self.send(command)?;
        self.answer()
    }

    /// Sends a command whose answer is read later.
    pub(crate) fn send(&mut self, command: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_string(command)?;
        line.push('\n');
        self.input.write_all(line.as_bytes())
    }

    /// Waits for the answer to an earlier command.
    pub(crate) fn answer<A: DeserializeOwned>(&mut self) -> io::Result<A> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let message = format!("the {} ended; what it said is above", self.name);
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, message));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A role's commands, read by a thread of their own.
#[derive(Debug)]
pub(crate) struct Commands<C> {
    receiver: Receiver<io::Result<C>>,
    /// Kept here as well as in the thread: with the last of its handles, a waker takes what it has not told yet along.
    _waker: Arc<Waker>,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Next<C> {
    /// A command.
    Do(C),
    /// Nothing now.
    Nothing,
    /// The parent is gone or done.
    End,
}

impl<C: DeserializeOwned + Send + 'static> Commands<C> {
    /// Reads standard input and wakes the loop for each command.
    pub(crate) fn read(waker: Waker) -> Commands<C> {
        let (sender, receiver) = channel();
        let waker = Arc::new(waker);
        let kept = waker.clone();
        thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let command = line.and_then(|line| Ok(serde_json::from_str(&line)?));
                if sender.send(command).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            drop(sender);
            // If this fails the loop is gone already.
            let _ = waker.wake();
        });
        Commands { receiver, _waker: kept }
    }

    /// The next command, without waiting.
    pub(crate) fn next(&self) -> io::Result<Next<C>> {
        match self.receiver.try_recv() {
            Ok(command) => command.map(Next::Do),
            Err(TryRecvError::Empty) => Ok(Next::Nothing),
            Err(TryRecvError::Disconnected) => Ok(Next::End),
        }
    }
}

/// Ends this process when its parent is gone or done: for roles that have no commands and no loop of ours.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        // Whatever is read, or fails to be, the end of it is what counts.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
}

/// Answers the parent.
pub(crate) fn answer(answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    let mut output = io::stdout().lock();
    output.write_all(line.as_bytes())?;
    output.flush()
}
