//! Which cores a process may run on.
//!
//! With two cores or more, the server that is measured has the first and the load client with the source the others, so
//! that neither takes time from the other; some scenarios let all run everywhere.

use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A set of cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// All that this program may use.
    All,
    /// The first.
    Server,
    /// All but the first; all where there is but one.
    Others,
}

impl Cores {
    /// Starts a process on these cores. Its threads inherit them.
    pub(crate) fn spawn(self, command: &mut Command) -> io::Result<Child> {
        let all = sched_getaffinity(None)?;
        // The child has the cores of the thread that starts it, from its first instruction on.
        sched_setaffinity(None, &self.of(&all))?;
        let child = command.spawn();
        sched_setaffinity(None, &all)?;
        child.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{} cannot be started: {error}", command.get_program().display()),
            )
        })
    }

    fn of(self, all: &CpuSet) -> CpuSet {
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|&core| all.is_set(core));
        let first = allowed.next();
        let mut set = CpuSet::new();
        match (self, first) {
            (Cores::Server, Some(first)) => set.set(first),
            (Cores::Others, _) if all.count() > 1 => allowed.for_each(|core| set.set(core)),
            _ => return *all,
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cores: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        cores.iter().for_each(|&core| set.set(core));
        set
    }

    #[test]
    fn the_server_has_the_first_core() {
        for (all, server, others) in
            [(&[0, 1][..], &[0][..], &[1][..]), (&[2, 5, 7], &[2], &[5, 7]), (&[3], &[3], &[3])]
        {
            let all = set(all);
            assert_eq!(Cores::Server.of(&all), set(server));
            assert_eq!(Cores::Others.of(&all), set(others));
            assert_eq!(Cores::All.of(&all), all);
        }
    }
}
