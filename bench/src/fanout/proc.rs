//! What the kernel says of a process and of the machine.
//!
//! Times are in seconds, by the tick (10 ms); memory is in bytes. A file that cannot be read, since its process has
//! ended or the kernel is another, is an error of the run and not a zero.

use std::fs;
use std::io;
use std::ops::Sub;

use serde::{Deserialize, Serialize};

/// The kernel's `USER_HZ`, which has been 100 on every Linux for decades.
const TICKS: f64 = 100.0;

/// CPU time that a process used, all its threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cpu {
    /// Seconds in its own code.
    pub(crate) user: f64,
    /// Seconds in the kernel for it.
    pub(crate) system: f64,
}

impl Cpu {
    /// Both.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    /// The sum of several processes.
    pub(crate) fn plus(self, other: Cpu) -> Cpu {
        Cpu { user: self.user + other.user, system: self.system + other.system }
    }
}

impl Sub for Cpu {
    type Output = Cpu;

    fn sub(self, before: Cpu) -> Cpu {
        Cpu { user: self.user - before.user, system: self.system - before.system }
    }
}

/// Memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Resident, with what is shared divided among those who share it.
    pub(crate) pss: u64,
    /// Written by this process and nobody else's.
    pub(crate) private_dirty: u64,
}

impl Memory {
    /// The sum of several processes.
    pub(crate) fn plus(self, other: Memory) -> Memory {
        Memory {
            rss: self.rss + other.rss,
            pss: self.pss + other.pss,
            private_dirty: self.private_dirty + other.private_dirty,
        }
    }
}

/// The machine's time so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Busy {
    /// Seconds that its cores worked, interrupts included.
    pub(crate) worked: f64,
    /// Seconds that the host gave to other guests.
    pub(crate) stolen: f64,
}

/// A process's CPU time so far.
pub(crate) fn cpu(pid: u32) -> io::Result<Cpu> {
    let path = format!("/proc/{pid}/stat");
    cpu_of_stat(&fs::read_to_string(&path)?).ok_or_else(|| unreadable(&path))
}

/// A process's memory now.
pub(crate) fn memory(pid: u32) -> io::Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    memory_of_rollup(&fs::read_to_string(&path)?).ok_or_else(|| unreadable(&path))
}

/// The machine's time so far.
pub(crate) fn busy() -> io::Result<Busy> {
    let path = "/proc/stat";
    busy_of_stat(&fs::read_to_string(path)?).ok_or_else(|| unreadable(path))
}

/// Packets that the kernel dropped so far because a core's backlog was full.
pub(crate) fn dropped() -> io::Result<u64> {
    let path = "/proc/net/softnet_stat";
    dropped_of_softnet(&fs::read_to_string(path)?).ok_or_else(|| unreadable(path))
}

/// TCP segments with new data that this machine sent so far: on loopback without Nagle's algorithm, its sends.
pub(crate) fn data_segments() -> io::Result<u64> {
    let path = "/proc/net/netstat";
    counter_of_netstat(&fs::read_to_string(path)?, "TcpExt:", "TCPOrigDataSent")
        .ok_or_else(|| unreadable(path))
}

fn unreadable(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not as this program knows it"))
}

fn cpu_of_stat(text: &str) -> Option<Cpu> {
    // The name in parentheses may hold anything, parentheses too; utime and stime are fields 14 and 15.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS);
    Some(Cpu { user: seconds()?, system: seconds()? })
}

fn memory_of_rollup(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory { rss: field("Rss:")?, pss: field("Pss:")?, private_dirty: field("Private_Dirty:")? })
}

fn busy_of_stat(text: &str) -> Option<Busy> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<f64> = line.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, interrupts, soft, stolen, ..] = *fields.as_slice() else {
        return None;
    };
    Some(Busy { worked: (user + nice + system + interrupts + soft) / TICKS, stolen: stolen / TICKS })
}

fn dropped_of_softnet(text: &str) -> Option<u64> {
    text.lines()
        .map(|line| u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok())
        .sum::<Option<u64>>()
}

fn counter_of_netstat(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_ascii_whitespace().position(|field| field == name)?;
    values.split_ascii_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_time_whatever_its_name() {
        let rest = "S 1 1 1 0 -1 4194560 900 0 0 0 250 130 7 7 20 0 3 0 88 1 2 3";
        for name in ["tidegate", "a) b (c", "nginx: worker"] {
            let cpu = cpu_of_stat(&format!("12 ({name}) {rest}")).unwrap();
            assert_eq!(cpu, Cpu { user: 2.5, system: 1.3 }, "{name}");
        }
        assert_eq!(cpu_of_stat("12 (x) S 1"), None);
    }

    #[test]
    fn a_process_memory() {
        let text = "5581-7fff ---p 00000000 00:00 0 [rollup]\nRss:  1024 kB\nPss:   512 kB\nPss_Dirty: 9 kB\n\
                    Private_Clean: 1 kB\nPrivate_Dirty:      256 kB\n";
        let expected = Memory { rss: 1 << 20, pss: 512 << 10, private_dirty: 256 << 10 };
        assert_eq!(memory_of_rollup(text), Some(expected));
        assert_eq!(memory_of_rollup("Rss: 1 kB\n"), None);
    }

    #[test]
    fn the_machines_time() {
        let text = "cpu  100 10 200 9999 5 1 2 30 0 0\ncpu0 1 2 3\n";
        assert_eq!(busy_of_stat(text), Some(Busy { worked: 3.13, stolen: 0.3 }));
        assert_eq!(busy_of_stat("cpu 1 2\n"), None);
    }

    #[test]
    fn dropped_packets_of_all_cores() {
        assert_eq!(dropped_of_softnet("0000ffff 00000002 0\n00000001 0000001a 0\n"), Some(28));
        assert_eq!(dropped_of_softnet("what\n"), None);
    }

    #[test]
    fn a_counter_by_its_name() {
        let text = "TcpExt: A B C\nTcpExt: 1 2 3\nIpExt: B\nIpExt: 9\n";
        assert_eq!(counter_of_netstat(text, "TcpExt:", "B"), Some(2));
        assert_eq!(counter_of_netstat(text, "IpExt:", "B"), Some(9));
        assert_eq!(counter_of_netstat(text, "TcpExt:", "D"), None);
    }

    #[test]
    fn this_kernel_is_as_expected() {
        let pid = std::process::id();
        assert!(memory(pid).unwrap().rss > 0);
        assert!(cpu(pid).unwrap().total() >= 0.0);
        assert!(busy().unwrap().worked > 0.0);
        dropped().unwrap();
        data_segments().unwrap();
    }
}
