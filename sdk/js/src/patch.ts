/**
 * JSON Patch (RFC 6902) over JSON Pointer (RFC 6901), without touching the document it is applied to.
 *
 * Invariants: the document given is never changed, so a patch that fails has done nothing; every part that the patch
 * does not touch keeps its identity in the result, so `===` tells what changed. Each container on a changed path is
 * copied once for a patch, however many operations go through it.
 */

import { share } from './share.ts';

/** One operation of a patch. */
export type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string };

/** Thrown when a patch cannot be applied; the document is as it was. */
export class PatchError extends Error {
  /** The index of the operation that failed; -1 where the patch itself is not an array. */
  readonly index: number;

  constructor(index: number, message: string) {
    super(index < 0 ? message : `operation ${index}: ${message}`);
    this.name = 'PatchError';
    this.index = index;
  }
}

type Container = unknown[] | Record<string, unknown>;

/** Applies `patch` and returns the new document. Throws {@link PatchError}; then nothing has changed. */
export function applyPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new PatchError(-1, 'a patch is an array of operations');
  const draft = new Draft(document);
  patch.forEach((operation, index) => {
    try {
      draft.apply(operation);
    } catch (error) {
      if (error instanceof Fault) throw new PatchError(index, error.message);
      throw error;
    }
  });
  return draft.root;
}

/** The reference tokens of a pointer, unescaped. Throws where the text is not a JSON Pointer. */
function tokens(pointer: unknown): string[] {
  if (typeof pointer !== 'string') throw new Fault('a pointer is a string');
  if (pointer === '') return [];
  if (pointer[0] !== '/') throw new Fault(`the pointer ${quote(pointer)} does not begin with "/"`);
  if (/~(?![01])/.test(pointer)) throw new Fault(`the pointer ${quote(pointer)} has a "~" that is neither ~0 nor ~1`);
  // `~1` before `~0`, so that `~01` gives `~1` (RFC 6901 §4).
  return pointer.slice(1).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Why an operation failed; the caller adds which one it was. */
class Fault extends Error {}

class Draft {
  root: unknown;
  /** Containers made by this draft: only these may be written to. */
  private readonly own = new Set<unknown>();

  constructor(root: unknown) {
    this.root = root;
  }

  apply(operation: unknown): void {
    if (!isContainer(operation) || Array.isArray(operation)) throw new Fault('an operation is an object');
    const path = tokens(operation.path);
    switch (operation.op) {
      case 'add':
        return this.add(path, valueOf(operation));
      case 'remove':
        this.remove(path);
        return;
      case 'replace':
        return this.replace(path, valueOf(operation));
      case 'test': {
        if (!equal(this.get(path), valueOf(operation))) throw new Fault(`the value at ${show(path)} is another`);
        return;
      }
      case 'move': {
        const from = tokens(operation.from);
        if (path.length > from.length && from.every((token, depth) => token === path[depth])) {
          throw new Fault(`${show(from)} cannot move into its own child ${show(path)}`);
        }
        const value = this.get(from);
        // Where nothing moves the root would otherwise be removed and lost.
        if (from.length === path.length && from.every((token, depth) => token === path[depth])) return;
        this.remove(from);
        return this.add(path, value);
      }
      case 'copy': {
        const value = this.get(tokens(operation.from));
        // From here on the value stands in two places, so what this draft owns inside it must be copied before writing.
        this.own.clear();
        return this.add(path, value);
      }
      default:
        throw new Fault(`${quote(operation.op)} is no operation`);
    }
  }

  private get(path: string[]): unknown {
    return path.reduce((value, token) => child(value, token, path), this.root);
  }

  private add(path: string[], value: unknown): void {
    if (path.length === 0) {
      this.root = value;
      return;
    }
    const [parent, token] = this.parent(path);
    if (Array.isArray(parent)) {
      const index = token === '-' ? parent.length : arrayIndex(token);
      if (index > parent.length) throw new Fault(`${show(path)} is beyond the array's end`);
      parent.splice(index, 0, value);
    } else {
      setMember(parent, token, value);
    }
  }

  private remove(path: string[]): void {
    // RFC 6902 §4.2 asks only that the target exists; a document without a root is not JSON.
    if (path.length === 0) throw new Fault('the root cannot be removed');
    const [parent, token] = this.parent(path);
    child(parent, token, path);
    if (Array.isArray(parent)) parent.splice(arrayIndex(token), 1);
    else delete parent[token];
  }

  private replace(path: string[], value: unknown): void {
    if (path.length === 0) {
      this.root = share(this.root, value);
      return;
    }
    const [parent, token] = this.parent(path);
    const next = share(child(parent, token, path), value);
    if (Array.isArray(parent)) parent[arrayIndex(token)] = next;
    else setMember(parent, token, next);
  }

  /** The container that holds the path's last token, writable, with everything above it. */
  private parent(path: string[]): [Container, string] {
    let at = this.writable(this.root, path);
    this.root = at;
    for (const token of path.slice(0, -1)) {
      const next = this.writable(child(at, token, path), path);
      if (Array.isArray(at)) at[arrayIndex(token)] = next;
      else setMember(at, token, next);
      at = next;
    }
    return [at, path[path.length - 1] as string]; // callers come here with a path of at least one token
  }

  private writable(value: unknown, path: string[]): Container {
    if (!isContainer(value)) throw new Fault(`${show(path)} leads through a value that is no object and no array`);
    if (this.own.has(value)) return value;
    const copy = Array.isArray(value) ? value.slice() : { ...value };
    this.own.add(copy);
    return copy;
  }
}

function valueOf(operation: Record<string, unknown>): unknown {
  if (!Object.hasOwn(operation, 'value')) throw new Fault(`${quote(operation.op)} needs a value`);
  return operation.value;
}

function child(value: unknown, token: string, path: string[]): unknown {
  if (Array.isArray(value)) {
    const index = arrayIndex(token);
    if (index < value.length) return value[index];
  } else if (isContainer(value) && Object.hasOwn(value, token)) {
    // `hasOwn`, because a key such as `constructor` would otherwise be found in every object.
    return (value as Record<string, unknown>)[token]; // no array, so its members go by name
  }
  throw new Fault(`there is nothing at ${show(path)}`);
}

function arrayIndex(token: string): number {
  if (!/^(0|[1-9][0-9]*)$/.test(token)) throw new Fault(`${quote(token)} is no array index`);
  return Number(token);
}

function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    // Assigning would call the setter of Object.prototype; JSON.parse makes an ordinary member, and so do we.
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

/** Equality as `test` means it (RFC 6902 §4.6): numbers by value, objects whatever the order of their members. */
function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isContainer(left) || !isContainer(right)) return false;
  if (Array.isArray(left)) {
    return Array.isArray(right) && left.length === right.length && left.every((item, at) => equal(item, right[at]));
  }
  if (Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equal(left[key], right[key]))
  );
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function show(path: string[]): string {
  return quote(path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
}
