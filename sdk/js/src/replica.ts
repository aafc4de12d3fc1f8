/**
 * The local copy of one representation: data events in, versions out.
 *
 * Invariants: `data` is always a whole version that the gateway sent or that its patches give; `position` is that
 * version's, or undefined when continuity is lost, and then only a snapshot is accepted. An event that comes twice
 * counts once, and within an epoch positions only grow.
 */

import { mergePatch } from './merge.ts';
import { applyPatch, type Operation } from './patch.ts';
import { share } from './share.ts';
import { LiveError, type LiveErrorCode, type LiveUpdate } from './types.ts';

/** A version chain of one resource. */
export interface Replica<T> {
  position(): string | undefined;
  /**
   * Takes an event, whole or not at all; undefined where it says nothing new. `json` says whether the representation
   * is JSON; otherwise it stays a string.
   */
  take(kind: LiveUpdate<T>['kind'], text: string, position: string | undefined, json: boolean): LiveUpdate<T> | undefined;
}

/** A replica that has nothing yet. */
export function replica<T>(parse: (text: string) => unknown): Replica<T> {
  let data: T | undefined;
  let at: string | undefined;
  /** Whether `data` is a version that a patch may follow. */
  let continuous = false;

  return {
    position: () => at,
    take(kind, text, position, json) {
      const lose = (code: LiveErrorCode, what: string, cause?: unknown): never => {
        at = undefined;
        continuous = false;
        throw new LiveError(code, `the ${kind} ${what}`, { cause });
      };
      if (kind !== 'snapshot') {
        if (!continuous) lose('patch-failed', 'has no version that it could follow');
        if (position && position === at) return undefined;
      }
      if (isBehind(position, at)) lose('patch-failed', 'goes backwards');
      let value: unknown = text;
      try {
        if (json) value = parse(text);
      } catch (cause) {
        lose('bad-data', 'cannot be parsed', cause);
      }
      const previous = data;
      try {
        // The caller of `live<T>` says what its API serves; nothing here can check it.
        data = { snapshot: share, patch: applyPatch, merge: mergePatch }[kind](data, value) as T;
      } catch (cause) {
        lose('patch-failed', `does not fit: ${(cause as Error).message}`, cause);
      }
      at = position;
      continuous = true;
      return {
        kind,
        data: data as T,
        previous,
        position,
        patch: kind === 'patch' ? (value as Operation[]) : undefined,
        merge: kind === 'merge' ? value : undefined,
      };
    },
  };
}

/** Whether a position is older than another of the same epoch: something on the way reordered the events. */
function isBehind(position = '', than = ''): boolean {
  const [epoch, offset] = position.split('.');
  const [before, other] = than.split('.');
  return epoch === before && Number(offset) < Number(other);
}
