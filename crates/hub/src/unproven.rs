//! The log of patches that did not stand their proof.
//!
//! Such a patch is a bug in the diff. Nobody got it: everybody gets the version whole. What is logged is enough to make a
//! test of it, and bounded.

use std::borrow::Cow;

use tidegate_core::Unproven;
use tracing::error;

/// The most of each text that is logged, in bytes.
const MOST: usize = 64 * 1024;

/// What is left around the place where two long bodies differ, in bytes.
const AROUND: usize = 2 * 1024;

pub(crate) fn log(path: &str, scope: &str, unproven: &Unproven) {
    let (old, new, skipped) = excerpts(&unproven.old, &unproven.new);
    error!(
        path,
        scope,
        how = %unproven.failed.how,
        patch = %text(&unproven.failed.patch),
        old_bytes = unproven.old.len(),
        new_bytes = unproven.new.len(),
        skipped,
        old = %text(old),
        new = %text(new),
        "a patch did not stand its proof, and the version was sent whole; this is a bug, please report it with these bodies"
    );
}

/// Of two bodies what to log, and how many equal bytes before it are left out: all, or what lies around the part that
/// differs.
fn excerpts<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8], usize) {
    if old.len().max(new.len()) <= MOST {
        return (old, new, 0);
    }
    let same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
    let before = same(&mut old.iter().zip(new));
    let after = same(&mut old[before..].iter().rev().zip(new[before..].iter().rev()));
    let skipped = before.saturating_sub(AROUND);
    let part = |body: &'a [u8]| &body[skipped..body.len() - after.saturating_sub(AROUND)];
    (part(old), part(new), skipped)
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bodies_are_logged_whole() {
        assert_eq!(excerpts(b"[1]", b"[2]"), (&b"[1]"[..], &b"[2]"[..], 0));
    }

    #[test]
    fn of_long_bodies_what_differs() {
        let body = |middle: &str| format!("{}{middle}{}", "a".repeat(MOST), "b".repeat(MOST)).into_bytes();
        let (old, new) = (body("1"), body("234"));
        let (old, new, skipped) = excerpts(&old, &new);
        assert_eq!(skipped, MOST - AROUND);
        assert_eq!((old.len(), new.len()), (2 * AROUND + 1, 2 * AROUND + 3));
        assert_eq!((old[AROUND], &new[AROUND..AROUND + 3]), (b'1', &b"234"[..]));
    }
}
