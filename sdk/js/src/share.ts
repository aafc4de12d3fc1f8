/**
 * Structural sharing between two versions of a document that did not come as a patch.
 *
 * Invariant: the result equals `next` in every respect, the order of members included; whatever in it equals its
 * counterpart in `previous` is that counterpart. Neither argument is changed.
 */

/** `next`, made of `previous`'s parts wherever they are equal. */
export function share<T>(previous: unknown, next: T): T;
export function share(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next)) return previous;
  if (Array.isArray(next)) {
    if (!Array.isArray(previous)) return next;
    const items = next.map((item, at) => (at < previous.length ? share(previous[at], item) : item));
    return items.length === previous.length && items.every((item, at) => Object.is(item, previous[at]))
      ? previous
      : items;
  }
  if (isPlain(next) && isPlain(previous)) return shareMembers(previous, next);
  // Values of a class come from a `parse` hook (decimals, dates). They are compared by what they say, never taken apart.
  return sameInstance(previous, next) ? previous : next;
}

function shareMembers(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const before = Object.keys(previous);
  const keys = Object.keys(next);
  let same = before.length === keys.length;
  const members = keys.map((key, at): [string, unknown] => {
    const value = Object.hasOwn(previous, key) ? share(previous[key], next[key]) : next[key];
    same &&= before[at] === key && Object.is(value, previous[key]);
    return [key, value];
  });
  // `fromEntries` defines members, so a key `__proto__` stays an ordinary one.
  return same ? previous : Object.fromEntries(members);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether two instances of one class give the same JSON; without a `toJSON` of their own they cannot be compared. */
function sameInstance(left: unknown, right: unknown): boolean {
  if (!hasJson(left) || !hasJson(right) || left.constructor !== right.constructor) return false;
  return Object.is(left.toJSON(), right.toJSON());
}

function hasJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function';
}
