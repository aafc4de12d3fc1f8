/**
 * JSON Merge Patch (RFC 7396), without touching the document it is applied to.
 *
 * Invariant: every part that the patch does not change keeps its identity in the result, also where the patch names it
 * and says what was there already.
 */

import { setMember } from './patch.ts';
import { isPlain, share } from './share.ts';

/** Applies a merge patch and returns the new document: RFC 7396 §2, `MergePatch`. It cannot fail. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isPlain(patch)) return share(target, patch);
  const before = isPlain(target) ? target : {};
  let after = before;
  for (const [key, value] of Object.entries(patch)) {
    const there = Object.hasOwn(before, key);
    const next = value === null ? undefined : mergePatch(there ? before[key] : undefined, value);
    if (value === null ? !there : there && Object.is(next, before[key])) continue;
    if (after === before) after = { ...before };
    if (value === null) delete after[key];
    else setMember(after, key, next);
  }
  return after;
}
