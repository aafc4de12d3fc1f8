//! One case, measured: ours, comparing, parsing, and the same work done with json-patch.

use std::hint::black_box;

use bytes::Bytes;
use serde::Serialize;
use tidegate_json::{Change as Ours, Document, Identities, MAX_DEPTH, advance, apply, compose, prove};

use crate::allocations::{self, Allocations};
use crate::cases::{Case, Texts};
use crate::measure::{Contestant, Effort, Timing, interleaved, timed};
use crate::random::Random;

/// Copies of the same body at different alignments.
const COPIES: usize = 4;

/// What a case measured. Times that make no sense for it are absent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    /// Comparing two equal buffers of the new body's size.
    pub(crate) memcmp: Timing,
    /// Ours: from the new body's bytes to the patch's bytes and the new document.
    pub(crate) advance: Timing,
    /// The same, and the proof of the patch.
    pub(crate) advance_prove: Timing,
    /// sonic-rs: the new body to its tree, nothing else.
    pub(crate) sonic_parse: Timing,
    /// serde_json's parse of the new body, json-patch's diff, and the patch's text.
    pub(crate) json_patch: Timing,
    /// Ours: from the patch's bytes to the next document.
    pub(crate) apply: Option<Timing>,
    /// json-patch: from the patch's bytes to the changed tree, in place, on a copy made beforehand.
    pub(crate) json_patch_apply: Option<Timing>,
    /// Ours: one patch from several.
    pub(crate) compose: Option<Timing>,
    /// What one `advance` allocated.
    pub(crate) allocations: Allocations,
    /// Our patch.
    pub(crate) ours: Outcome,
    /// json-patch's patch.
    pub(crate) json_patch_bytes: usize,
}

/// What we would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// Its size: 0 where nothing changed, and the new text's where no patch is shorter.
    pub(crate) bytes: usize,
    /// Whether it is the whole text.
    pub(crate) whole: bool,
    /// Whether json-patch, applying our patch, comes to the new document too.
    pub(crate) right: bool,
}

/// Measures one case.
pub(crate) fn measure(case: &Case, texts: &Texts, effort: Effort) -> Measured {
    let none = Identities::default();
    let body = &texts.after[0];
    let copies = copies(body);
    let copy = |n: usize| copies[n % COPIES].clone();
    let document =
        |text: &Bytes| Document::parse(text.clone(), MAX_DEPTH).expect("the generator writes JSON");
    let tree =
        |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("the generator writes JSON");

    let (old, old_tree) = (document(&texts.before), tree(&texts.before));
    let step = |n: usize| advance(&old, copy(n), MAX_DEPTH, &none).expect("the generator writes JSON");
    let peer_step = |n: usize| {
        let patch = json_patch::diff(&old_tree, &tree(&copy(n)));
        serde_json::to_string(&patch).expect("a patch is JSON")
    };

    // Once untimed, so that lazily made tables are not counted.
    drop(step(0));
    let ((_, ours), allocations) = allocations::count(|| step(1));
    let json_patch_bytes = peer_step(0).len();

    let patch = match &ours {
        Ours::Patch(patch) => Some(patch.clone()),
        Ours::None | Ours::Whole => None,
    };
    let chain = patch.as_ref().and_then(|_| chain(texts, &none));

    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|n| {
            let (one, other) = (copy(n), copy(n + 1));
            timed(|| black_box(&one[..]) == black_box(&other[..]))
        }),
        Box::new(|n| timed(|| step(n))),
        Box::new(|n| {
            timed(|| {
                let (new, change) = step(n);
                let proven = match &change {
                    Ours::Patch(patch) => prove(&old, patch, &new),
                    Ours::None | Ours::Whole => Ok(()),
                };
                (new, change, proven)
            })
        }),
        Box::new(|n| {
            let body = copy(n);
            timed(|| sonic_rs::from_slice::<sonic_rs::Value>(&body))
        }),
        Box::new(|n| timed(|| peer_step(n))),
    ];
    if let Some(patch) = &patch {
        contestants.push(Box::new(|_| timed(|| apply(&old, patch))));
        contestants.push(Box::new(|_| {
            let mut target = old_tree.clone();
            timed(|| {
                let patch: json_patch::Patch = serde_json::from_slice(patch).expect("our patch is a patch");
                let result = json_patch::patch(&mut target, &patch);
                (target, result)
            })
        }));
    }
    if let Some(chain) = &chain {
        let patches: Vec<&[u8]> = chain.iter().map(|patch| &patch[..]).collect();
        let (old, none) = (&old, &none);
        contestants.push(Box::new(move |_| timed(|| compose(old, &patches, none))));
    }

    let mut timings = interleaved(&mut contestants, effort, &mut Random::named(&case.name())).into_iter();
    let mut next = || timings.next();
    let mut always = || next().expect("the first five contestants always run");
    Measured {
        memcmp: always(),
        advance: always(),
        advance_prove: always(),
        sonic_parse: always(),
        json_patch: always(),
        apply: next(),
        json_patch_apply: next(),
        compose: next(),
        allocations,
        ours: outcome(&ours, &texts.before, body),
        json_patch_bytes,
    }
}

/// The same bytes in buffers of their own, each at another offset from the allocator's alignment.
fn copies(body: &Bytes) -> Vec<Bytes> {
    (0..COPIES)
        .map(|copy| {
            let offset = copy * 13 + 1;
            let mut buffer = vec![b' '; offset];
            buffer.extend_from_slice(body);
            Bytes::from(buffer).slice(offset..)
        })
        .collect()
}

/// The patches of successive changes, where each change has one.
fn chain(texts: &Texts, identities: &Identities) -> Option<Vec<Bytes>> {
    let mut at = Document::parse(texts.before.clone(), MAX_DEPTH).ok()?;
    let mut patches = Vec::new();
    for body in &texts.after {
        let (next, change) = advance(&at, body.clone(), MAX_DEPTH, identities).ok()?;
        let Ours::Patch(patch) = change else { return None };
        patches.push(patch);
        at = next;
    }
    Some(patches)
}

/// The size of what we would send, and whether an apply that is not ours agrees with it.
fn outcome(ours: &Ours, before: &Bytes, after: &Bytes) -> Outcome {
    let tree = |text: &Bytes| serde_json::from_slice::<serde_json::Value>(text).ok();
    match ours {
        Ours::None => Outcome { bytes: 0, whole: false, right: tree(before) == tree(after) },
        Ours::Whole => Outcome { bytes: after.len(), whole: true, right: true },
        Ours::Patch(patch) => {
            let right = serde_json::from_slice::<json_patch::Patch>(patch).ok().and_then(|patch| {
                let mut target = tree(before)?;
                json_patch::patch(&mut target, &patch).ok()?;
                Some(target)
            }) == tree(after);
            Outcome { bytes: patch.len(), whole: false, right }
        }
    }
}
