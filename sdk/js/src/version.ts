/**
 * From one version of a representation to the next.
 *
 * Invariants: the result is a whole version that the gateway sent or that its patches give, or there is none; an event
 * that comes twice counts once; within an epoch positions only grow.
 */

import { applyPatch } from './patch.ts';
import { share } from './share.ts';
import { LiveError, type LiveUpdate } from './types.ts';

/** How each kind of event leads from one version to the next. `merge` is added where merge patches are asked for. */
export const APPLY: Record<string, (data: unknown, value: unknown) => unknown> = { snapshot: share, patch: applyPatch };

/**
 * What an event makes of the version `previous` at position `at`: undefined where it says nothing new. Without `at`
 * only a snapshot is accepted. Throws what is wrong with the event; then continuity is lost.
 */
export function advance<T>(
  previous: T | undefined,
  at: string | undefined,
  kind: string,
  text: string,
  position = '',
  parse: (text: string) => unknown,
): LiveUpdate<T> | undefined {
  const next = APPLY[kind];
  const snapshot = kind === 'snapshot';
  if (!next || (position === at && !snapshot)) return undefined; // a later version's event, or one that is repeated
  if (isBehind(position, at) || (!at && !snapshot)) throw new LiveError('patch-failed', `${kind} ${position} after ${at}`);
  const value = parse(text);
  // The caller of `live<T>` says what its API serves; nothing here can check it.
  const data = next(previous, value) as T;
  return { kind, data, previous, position, patch: snapshot ? undefined : value } as LiveUpdate<T>;
}

/** Whether a position is older than another of the same epoch: something on the way reordered the events. */
export function isBehind(position: string, than = ''): boolean {
  const [epoch, offset] = position.split('.');
  const [before, other] = than.split('.');
  return epoch === before && +offset! < +other!;
}
