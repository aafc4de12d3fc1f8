//! How much memory the process may take.
//!
//! Owns what `auto` means: a part of the machine's memory, or of the lowest limit that a cgroup (version 2) sets to this
//! process. Whatever the system does not say is as if it set no limit.

use std::path::{Component, Path, PathBuf};

use super::kib_line;
use crate::config::{ByteSize, OrAuto};

/// In percent of what there is: the rest is for what the system holds for sockets, and for its own caches.
const PART: u64 = 80;

/// Where a machine says what it has.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `/proc`
    pub proc: PathBuf,
    /// `/sys/fs/cgroup`
    pub cgroups: PathBuf,
}

/// The budget that a setting asks for. `None` if it is `auto` and the machine does not say what it has: then nothing
/// can be watched.
pub fn budget(memory: OrAuto<ByteSize>, machine: &Machine) -> Option<ByteSize> {
    match memory {
        OrAuto::Set(size) => Some(size),
        OrAuto::Auto => machine.memory().map(|ByteSize(bytes)| ByteSize(bytes / 100 * PART)),
    }
}

impl Machine {
    /// The one that this process runs on.
    pub fn here() -> Self {
        Self { proc: PathBuf::from("/proc"), cgroups: PathBuf::from("/sys/fs/cgroup") }
    }

    /// The memory that this process can have: the machine's, or the lowest limit of its cgroup and of those around it.
    pub fn memory(&self) -> Option<ByteSize> {
        let total = std::fs::read_to_string(self.proc.join("meminfo")).ok();
        let total = total.and_then(|text| kib_line(&text, "MemTotal:"));
        total.into_iter().chain(self.limits()).min()
    }

    /// The limits of the process's own cgroup and of those around it, where there are any.
    fn limits(&self) -> impl Iterator<Item = ByteSize> {
        let own = std::fs::read_to_string(self.proc.join("self/cgroup")).ok();
        let own =
            own.and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::/").map(PathBuf::from)));
        // In a container the path may lead out of what can be seen; what can be seen then begins at its own cgroup.
        let inside = |path: &PathBuf| path.components().all(|part| matches!(part, Component::Normal(_)));
        let own = own.filter(inside).unwrap_or_default();
        let folders: Vec<_> = own.ancestors().map(|part| self.cgroups.join(part)).collect();
        folders.into_iter().filter_map(|folder| limit(&folder))
    }
}

/// The limit of one cgroup; `max` is none.
fn limit(folder: &Path) -> Option<ByteSize> {
    std::fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok().map(ByteSize)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A machine made of files, removed at the end.
    struct Files(PathBuf);

    impl Files {
        fn new(files: &[(&str, &str)]) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name =
                format!("tidegate-machine-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let folder = Self(std::env::temp_dir().join(name));
            for (path, text) in files {
                let path = folder.0.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            folder
        }

        fn machine(&self) -> Machine {
            Machine { proc: self.0.join("proc"), cgroups: self.0.join("cgroup") }
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:  1 kB\n");

    #[test]
    fn the_lowest_of_all_limits_counts() {
        let check = |files: &[(&str, &str)], expected: Option<u64>| {
            let machine = Files::new(files);
            assert_eq!(machine.machine().memory(), expected.map(ByteSize), "{files:?}");
        };
        let own = |path| ("proc/self/cgroup", path);
        let at = |path, limit| (path, limit);
        let (whole, half) = (Some(1024 * MIB), Some(512 * MIB));
        check(&[], None);
        check(&[MEMINFO], whole);
        check(&[MEMINFO, own("0::/a/b\n")], whole);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/a/b/memory.max", "max\n")], whole);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/a/b/memory.max", "536870912\n")], half);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/a/memory.max", "536870912\n")], half);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/memory.max", "536870912\n")], half);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/a/b/memory.max", "9999999999999\n")], whole);
        check(&[MEMINFO, own("0::/a/b\n"), at("cgroup/other/memory.max", "536870912\n")], whole);
        let both = [at("cgroup/a/memory.max", "1\n"), at("cgroup/a/b/memory.max", "2\n")];
        check(&[MEMINFO, own("0::/a/b\n"), both[0], both[1]], Some(1));
        // In a container, whose own cgroup is the root of what it sees.
        check(&[MEMINFO, own("0::/\n"), at("cgroup/memory.max", "536870912\n")], half);
        check(&[MEMINFO, own("0::/../../x\n"), at("cgroup/memory.max", "536870912\n")], half);
        // Version 1 beside it.
        check(&[MEMINFO, own("5:memory:/a\n0::/b\n"), at("cgroup/b/memory.max", "536870912\n")], half);
        check(&[own("0::/a\n"), at("cgroup/a/memory.max", "nonsense")], None);
        check(&[own("0::/a\n"), at("cgroup/a/memory.max", "7")], Some(7));
    }

    #[test]
    fn auto_is_four_fifths_and_an_amount_is_that_amount() {
        let files = Files::new(&[MEMINFO]);
        let ask = |memory| budget(memory, &files.machine());
        assert_eq!(ask(OrAuto::Set(ByteSize(5))), Some(ByteSize(5)));
        let auto = ask(OrAuto::Auto).unwrap();
        assert!(auto.0.abs_diff(1024 * MIB * 4 / 5) < 100, "{auto}");
        let silent = Files::new(&[]);
        assert_eq!(budget(OrAuto::Auto, &silent.machine()), None);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(Machine::here().memory().expect("this test runs on Linux") > ByteSize(32 * MIB));
    }
}
