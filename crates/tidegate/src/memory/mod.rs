//! How much memory the process takes, and what that calls for.
//!
//! Owns the budget (`budget`), the decision (`pressure`), and the task that looks from time to time. What is to be refused
//! or closed is for others to do: they read the [`Pressure`].
//!
//! What is measured is the memory that is resident. It follows what is used with a delay, because freed memory goes back
//! to the system late. So whoever sheds does so in small portions, one for each look, and not until the pressure ends.
//! What the system holds for sockets is not in it.

mod budget;
mod pressure;

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

pub use budget::{Machine, budget};
pub use pressure::{Gauge, Pressure};

use crate::config::{ByteSize, OrAuto};

/// How often the memory is looked at: often enough that the tenth of a usual budget between refusing and shedding is not
/// filled between two looks, and rarely enough to cost nothing (some tens of microseconds a look).
pub const EVERY: Duration = Duration::from_millis(250);

/// The memory of this process that is resident; `None` where the system does not say so in Linux's way.
pub fn resident() -> Option<ByteSize> {
    resident_in(Path::new("/proc"))
}

fn resident_in(proc: &Path) -> Option<ByteSize> {
    kib_line(&std::fs::read_to_string(proc.join("self/status")).ok()?, "VmRSS:")
}

/// The size in a line of the form `name  123 kB`, as files in `/proc` have it.
fn kib_line(text: &str, name: &str) -> Option<ByteSize> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(ByteSize(kib.checked_mul(1 << 10)?))
}

/// Watches the memory of this process as the setting asks. Must be called within a runtime.
///
/// The receiver holds the pressure at any time. Its `changed` fails once nothing will change any more; that is so from the
/// start where the machine does not say what it has, which is logged.
pub fn start(memory: OrAuto<ByteSize>) -> watch::Receiver<Pressure> {
    match budget(memory, &Machine::here()) {
        Some(budget) => {
            info!(%budget, "memory is watched");
            watch(budget, EVERY)
        }
        None => {
            warn!("this system does not tell how much memory it has: `memory = \"auto\"` has no effect");
            watch::channel(Pressure::None).1
        }
    }
}

/// Looks at the memory of this process every `every`, and tells the pressure when it changes. Must be called within a
/// runtime; ends when nobody listens any more.
///
/// Where the memory cannot be read, that is logged once and there is never any pressure.
fn watch(budget: ByteSize, every: Duration) -> watch::Receiver<Pressure> {
    watch_with(budget, every, resident)
}

fn watch_with(
    budget: ByteSize,
    every: Duration,
    resident: impl Fn() -> Option<ByteSize> + Send + 'static,
) -> watch::Receiver<Pressure> {
    let (tell, pressure) = watch::channel(Pressure::None);
    tokio::spawn(async move {
        let mut gauge = Gauge::new(budget);
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = tell.closed() => return,
                _ = ticks.tick() => {}
            }
            let Some(resident) = resident() else {
                warn!("this system does not tell how much memory the process takes: `memory` has no effect");
                tell.send_replace(Pressure::None);
                return;
            };
            let now = gauge.read(resident);
            let told = tell.send_if_modified(|before| std::mem::replace(before, now) != now);
            if told {
                log(now, resident, budget);
            }
        }
    });
    pressure
}

fn log(pressure: Pressure, resident: ByteSize, budget: ByteSize) {
    match pressure {
        Pressure::None => info!(%resident, %budget, "memory is enough again"),
        Pressure::Refuse => warn!(
            %resident, %budget,
            "memory runs short: new connections and streams are refused (`memory` in [limits] sets the budget)"
        ),
        Pressure::Shed => warn!(
            %resident, %budget,
            "memory is over its budget: streams are closed and told when to come back (`memory` in [limits] sets it)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn this_process_takes_memory() {
        let mut held = vec![0_u8; 64 << 20];
        held.chunks_mut(1024).for_each(|part| part[0] = 1);
        let taken = resident().expect("this test runs on Linux");
        assert!(taken >= ByteSize(64 << 20), "{taken}");
        drop(held);
    }

    #[test]
    fn lines_of_proc() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(kib_line(text, "VmRSS:"), expected.map(ByteSize), "{text}");
        };
        check("VmHWM:\t   9 kB\nVmRSS:\t    8192 kB\nVmData: 1 kB\n", Some(8 << 20));
        check("VmRSS:\t 0 kB", Some(0));
        for other in
            ["", "VmRSS:", "VmRSS: 8192", "VmRSS: -1 kB", "VmRSS: 99999999999999999999 kB", "xVmRSS: 1 kB"]
        {
            check(other, None);
        }
        assert_eq!(resident_in(Path::new("/no-such-folder")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told() {
        let taken = Arc::new(AtomicU64::new(10));
        let read = taken.clone();
        let resident = move || Some(ByteSize(read.load(Ordering::Relaxed)));
        let mut pressure = watch_with(ByteSize(100), EVERY, resident);
        assert_eq!(*pressure.borrow(), Pressure::None);
        for (bytes, expected) in [(95, Pressure::Refuse), (101, Pressure::Shed), (20, Pressure::None)] {
            taken.store(bytes, Ordering::Relaxed);
            pressure.changed().await.unwrap();
            assert_eq!(*pressure.borrow_and_update(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_no_pressure() {
        let mut pressure = watch_with(ByteSize(100), EVERY, || None);
        // The task ends, and says so once.
        while pressure.changed().await.is_ok() {}
        assert_eq!(*pressure.borrow(), Pressure::None);
    }
}
