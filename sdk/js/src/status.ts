/** Reading a `status` event (docs/PROTOCOL.md, «Status»). Unknown members and states are a later version's: ignored. */

import { isPlain } from './share.ts';
import { LiveError, type Problem } from './types.ts';

/** What the gateway says about the resource. */
export interface StreamStatus {
  readonly state: 'live' | 'stale' | 'gone';
  readonly since: number | undefined;
  readonly freshWithinMs: number | undefined;
  readonly cause: Problem | undefined;
  readonly retryInMs: number | undefined;
}

/** The status in an event's data; undefined for a state that this version does not know. */
export function readStatus(text: string): StreamStatus | undefined {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    // said below, with what is no object
  }
  if (!isPlain(status)) throw new LiveError('bad-data', 'a status cannot be read');
  const { state, cause } = status;
  if (state !== 'live' && state !== 'stale' && state !== 'gone') return undefined;
  return {
    state,
    since: Date.parse(`${status.since}`) || undefined,
    freshWithinMs: number(status.fresh_within_ms),
    cause: isPlain(cause) ? cause : undefined,
    retryInMs: number(status.retry_in_ms),
  };
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
