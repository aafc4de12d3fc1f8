//! What a stretch of a run cost, and whether the machine was ours meanwhile.

use std::fs;
use std::io;
use std::time::Instant;

use serde::Serialize;

use super::proc::{self, Busy, Cpu};

/// A stretch that is being watched.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    groups: Vec<(Vec<u32>, Cpu)>,
    kernel: Vec<u32>,
    ours: f64,
    busy: Busy,
    dropped: u64,
    segments: u64,
}

/// What a stretch cost.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Spent {
    /// How long it was.
    pub(crate) seconds: f64,
    /// CPU of each group of processes, in the order in which they were given.
    pub(crate) groups: Vec<Cpu>,
    /// Core-seconds that went to processes that are none of ours.
    pub(crate) others: f64,
    /// Core-seconds that the host gave to other guests.
    pub(crate) stolen: f64,
    /// Packets that the kernel dropped because a core's backlog was full.
    pub(crate) dropped: u64,
    /// TCP segments with data, of the whole machine.
    pub(crate) segments: u64,
}

/// The share of one core that others may take before a run is discarded.
const MOST_TAKEN: f64 = 0.1;

impl Watch {
    /// Begins. Each group of processes is reported apart; `besides` are ours too, and are not reported.
    pub(crate) fn begin(groups: Vec<Vec<u32>>, besides: &[u32]) -> io::Result<Watch> {
        let mut kernel = software_interrupt_threads()?;
        kernel.extend(besides);
        kernel.push(std::process::id());
        let groups = groups
            .into_iter()
            .map(|pids| {
                let cpu = cpu_of(&pids)?;
                Ok((pids, cpu))
            })
            .collect::<io::Result<Vec<_>>>()?;
        let ours = groups.iter().map(|(_, cpu)| cpu.total()).sum::<f64>() + cpu_of(&kernel)?.total();
        Ok(Watch {
            start: Instant::now(),
            groups,
            kernel,
            ours,
            busy: proc::busy()?,
            dropped: proc::dropped()?,
            segments: proc::data_segments()?,
        })
    }

    /// Ends.
    pub(crate) fn end(self) -> io::Result<Spent> {
        let seconds = self.start.elapsed().as_secs_f64();
        let busy = proc::busy()?;
        let mut ours = cpu_of(&self.kernel)?.total();
        let mut groups = Vec::new();
        for (pids, before) in self.groups {
            let cpu = cpu_of(&pids)?;
            ours += cpu.total();
            groups.push(cpu - before);
        }
        Ok(Spent {
            seconds,
            groups,
            others: (busy.worked - self.busy.worked) - (ours - self.ours),
            stolen: busy.stolen - self.busy.stolen,
            dropped: proc::dropped()? - self.dropped,
            segments: proc::data_segments()? - self.segments,
        })
    }
}

impl Spent {
    /// Why this stretch says nothing, if so.
    pub(crate) fn distrust(&self) -> Option<String> {
        let share = |cores: f64| 100.0 * cores / self.seconds;
        if self.dropped > 0 {
            Some(format!("the kernel dropped {} packets of a full backlog", self.dropped))
        } else if self.others > MOST_TAKEN * self.seconds {
            Some(format!("other work took {:.0}% of a core", share(self.others)))
        } else if self.stolen > MOST_TAKEN * self.seconds {
            Some(format!("the host took {:.0}% of a core", share(self.stolen)))
        } else {
            None
        }
    }
}

fn cpu_of(pids: &[u32]) -> io::Result<Cpu> {
    pids.iter().try_fold(Cpu::default(), |sum, &pid| Ok(sum.plus(proc::cpu(pid)?)))
}

/// The kernel's threads that do network work which no process was there to do: it is ours.
fn software_interrupt_threads() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process may end between the two.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.starts_with("ksoftirqd/") {
            pids.push(pid);
        }
    }
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_trusted() {
        let good = Spent { seconds: 10.0, others: 0.9, stolen: 0.9, ..Spent::default() };
        assert_eq!(good.distrust(), None);
        let distrusted = |change: fn(&mut Spent)| {
            let mut spent = good.clone();
            change(&mut spent);
            spent.distrust().unwrap()
        };
        assert_eq!(distrusted(|spent| spent.others = 2.0), "other work took 20% of a core");
        assert_eq!(distrusted(|spent| spent.stolen = 5.0), "the host took 50% of a core");
        assert_eq!(distrusted(|spent| spent.dropped = 3), "the kernel dropped 3 packets of a full backlog");
    }

    #[test]
    fn a_stretch_of_this_process() {
        let spent = Watch::begin(vec![vec![std::process::id()]], &[]).unwrap().end().unwrap();
        assert_eq!(spent.groups.len(), 1);
        assert!(spent.groups[0].total() >= 0.0 && spent.seconds >= 0.0);
    }
}
