/**
 * JSON Merge Patch (RFC 7396), without touching the document it is applied to.
 *
 * Invariant: every part that the patch does not change keeps its identity in the result, also where the patch names it
 * and says what was there already.
 */

import { setMember } from './patch.ts';
import { isPlain, share } from './share.ts';

/** Applies a merge patch and returns the new document. It cannot fail. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  return share(target, merge(target, patch));
}

/** RFC 7396 §2, `MergePatch`. What the patch does not name is the target's own. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isPlain(patch)) return patch;
  const result = isPlain(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setMember(result, key, merge(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}
