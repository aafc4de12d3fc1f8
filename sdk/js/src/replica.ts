/**
 * The local copy of one representation: the stream's data events in, versions out.
 *
 * Invariants: `data` is always a whole version that the gateway sent or that its patches give; `position` is that
 * version's, or undefined when continuity is lost, and then only a snapshot is accepted.
 */

import { applyPatch, type Operation, PatchError } from './patch.ts';
import { share } from './share.ts';
import type { SseEvent } from './sse.ts';
import { LiveError, type LiveUpdate } from './types.ts';

/** A version chain of one resource. */
export class Replica<T> {
  data: T | undefined;
  position: string | undefined;
  /** Whether `data` is a version that a patch may follow. */
  private continuous = false;

  constructor(private readonly parse: (text: string) => unknown) {}

  /** Takes a `snapshot`. `json` says whether the representation is JSON; otherwise it stays a string. */
  snapshot(event: SseEvent, json: boolean): LiveUpdate<T> {
    const next = json ? this.read(event) : event.data;
    return this.advance('snapshot', share(this.data, next), event.id, undefined);
  }

  /** Takes a `patch`: whole or not at all. */
  patch(event: SseEvent): LiveUpdate<T> {
    if (!this.continuous) {
      throw new LiveError('patch-failed', 'a patch arrived, and there is no version that it could follow');
    }
    const patch = this.read(event);
    try {
      return this.advance('patch', applyPatch(this.data, patch), event.id, patch as Operation[]);
    } catch (cause) {
      this.lose();
      if (cause instanceof PatchError) throw new LiveError('patch-failed', `the patch does not fit: ${cause.message}`, { cause });
      throw cause;
    }
  }

  private advance(
    kind: LiveUpdate<T>['kind'],
    next: unknown,
    position: string | undefined,
    patch: readonly Operation[] | undefined,
  ): LiveUpdate<T> {
    const previous = this.data;
    const data = next as T; // the caller of `live<T>` says what its API serves; nothing here can check it
    this.data = data;
    this.position = position;
    this.continuous = true;
    return { kind, data, previous, position, patch };
  }

  private read(event: SseEvent): unknown {
    try {
      return this.parse(event.data);
    } catch (cause) {
      this.lose();
      throw new LiveError('bad-data', `the data of a ${event.type} event cannot be parsed`, { cause });
    }
  }

  private lose(): void {
    this.position = undefined;
    this.continuous = false;
  }
}
