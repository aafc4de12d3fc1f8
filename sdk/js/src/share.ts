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
    const items = next.map((item, at) => share(previous[at], item));
    return items.length === previous.length && items.every((item, at) => Object.is(item, previous[at]))
      ? previous
      : items;
  }
  if (isPlain(next) && isPlain(previous)) return shareMembers(previous, next);
  // Values of a class come from a `parse` hook (decimals, dates). They are compared by what they say, never taken apart.
  return saying(next) && saying(previous) && next.constructor === previous.constructor && Object.is(next.toJSON(), previous.toJSON())
    ? previous
    : next;
}

function shareMembers(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const before = Object.keys(previous);
  const members = Object.keys(next).map((key): [string, unknown] => [
    key,
    Object.hasOwn(previous, key) ? share(previous[key], next[key]) : next[key],
  ]);
  return members.length === before.length &&
    members.every(([key, value], at) => before[at] === key && Object.is(value, previous[key]))
    ? previous
    : Object.fromEntries(members); // it defines members, so a key `__proto__` stays an ordinary one
}

/** Whether a value is an object as `JSON.parse` makes it: no array, nothing of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function saying(value: unknown): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown } | null | undefined)?.toJSON === 'function';
}
