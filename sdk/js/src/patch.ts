/**
 * JSON Patch (RFC 6902) over JSON Pointer (RFC 6901), without touching the document it is applied to.
 *
 * Invariants: the document given is never changed, so a patch that fails has done nothing; every part that the patch
 * does not touch keeps its identity in the result, so `===` tells what changed. Each container on a changed path is
 * copied once for a patch, however many operations go through it.
 */

import { share } from './share.ts';
import { LiveError } from './types.ts';

/** One operation of a patch. */
export type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string };

type Container = Record<string, unknown>; // an array, too, is read and written by its tokens

/** Applies `patch` and returns the new document. Throws a `patch-failed` error; then nothing has changed. */
export function applyPatch(document: unknown, patch: unknown): unknown {
  // The document is the member '' of this, just as a pointer's text begins with an empty token: so the root is a member
  // like any other.
  const top: Container = { '': document };
  /** Containers made for this patch: only these may be written to. */
  let own = new Set<unknown>();
  let index = -1;

  const fail: () => never = () => {
    const operation = JSON.stringify((patch as unknown[] | null)?.[index]);
    throw new LiveError('patch-failed', `operation ${index}: ${operation}`.slice(0, 200), { index });
  };

  /** The reference tokens of a pointer, unescaped (RFC 6901 §4). */
  const tokens = (pointer: unknown): string[] =>
    typeof pointer !== 'string' || /^[^/]|~(?![01])/.test(pointer)
      ? fail()
      : pointer.split('/').map((token) => token.replace(/~[01]/g, (escape) => (escape === '~1' ? '/' : '~')));

  // Enumerable and its own: a key such as `constructor` is in every object, and an array's length is none of its items.
  const child = (value: unknown, token: string): unknown =>
    isContainer(value) && isOwn.call(value, token)
      ? value[token]
      : fail();

  const get = (pointer: unknown): unknown => tokens(pointer).reduce<unknown>(child, top);

  /** The container that holds a pointer's last token, writable, with everything above it; and that token. */
  const holder = (pointer: unknown): [Container, string] => {
    const path = tokens(pointer);
    const key = path.pop() as string; // there is one at least, the root's
    let at = top;
    for (const token of path) {
      let next = child(at, token);
      if (!isContainer(next)) fail();
      else if (!own.has(next)) {
        next = Array.isArray(next) ? next.slice() : { ...next };
        own.add(next);
        setMember(at, token, next);
      }
      at = next as Container;
    }
    return [at, key];
  };

  const remove = (pointer: unknown): void => {
    const [from, key] = holder(pointer);
    child(from, key);
    // RFC 6902 §4.2 asks only that the target exists; a document without a root is not JSON.
    if (from === top) fail();
    if (Array.isArray(from)) from.splice(+key, 1);
    else delete from[key];
  };

  const step = ({ op, path, from, value }: Container): void => {
    if (op === 'move' || op === 'copy') {
      value = get(from);
      if (op === 'copy') own = new Set(); // it stands in two places now: what is ours in it is copied before writing
      else if (from === path) return; // the root would be removed and lost
      else if (`${path}`.startsWith(`${from}/`)) fail();
      else remove(from);
    } else if (op === 'remove') {
      return remove(path);
    } else if (value === undefined) {
      fail(); // JSON has no undefined
    } else if (op === 'test') {
      return equal(get(path), value) ? undefined : fail();
    }
    const [into, key] = holder(path);
    if (op === 'replace') setMember(into, key, share(child(into, key), value));
    else if (!/^(add|move|copy)$/.test(`${op}`)) fail();
    else if (Array.isArray(into)) {
      const end = `${into.length}`;
      const at = key === '-' ? end : key;
      if (at !== end) child(into, at);
      into.splice(+at, 0, value);
    } else setMember(into, key, value);
  };

  for (const operation of Array.isArray(patch) ? patch : fail()) {
    index += 1;
    step(operation ?? fail());
  }
  return top[''];
}

const isOwn = Object.prototype.propertyIsEnumerable;

/** Sets a member, whatever its name; an array's item by its index. */
export function setMember(object: Container, key: string, value: unknown): void {
  // Assigning would call the setter of Object.prototype; JSON.parse makes an ordinary member, and so do we.
  if (key === '__proto__') Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

/** Equality as `test` means it (RFC 6902 §4.6): numbers by value, objects whatever the order of their members. */
function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isContainer(left) || !isContainer(right) || Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equal(left[key], right[key]))
  );
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}
