//! Counts allocations, while it is asked to.
//!
//! The crates that do this count all the time, with a lock or a thread-local cell at each allocation, and one of them
//! takes `realloc` apart. That would slow down whoever allocates much, which is what the peers do; so this is our own:
//! one relaxed load when nobody counts, and everything else is passed on to the system's allocator.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; everything is passed on as it came")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde::Serialize;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// What one call allocated, what it freed again included. A reallocation counts as one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Allocations {
    /// How many.
    pub(crate) count: u64,
    /// Their bytes together; of a reallocation, its new size.
    pub(crate) bytes: u64,
}

/// Counts what `call` allocates. The program has one thread while it measures, so nothing else is counted.
pub(crate) fn count<R>(call: impl FnOnce() -> R) -> (R, Allocations) {
    COUNT.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let result = call();
    COUNTING.store(false, Relaxed);
    (result, Allocations { count: COUNT.load(Relaxed), bytes: BYTES.load(Relaxed) })
}

struct Counting;

impl Counting {
    #[inline]
    fn note(size: usize) {
        if COUNTING.load(Relaxed) {
            COUNT.fetch_add(1, Relaxed);
            BYTES.fetch_add(size as u64, Relaxed);
        }
    }
}

// SAFETY: each call goes to `System` with the arguments it came with and the answer goes back unchanged, so `System`'s
// keeping of the contract is ours; counting touches atomics only and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::note(new_size);
        // SAFETY: `block` came from `System` by way of the functions here, with this layout.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as for `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}
