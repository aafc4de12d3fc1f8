/** Reading a `status` event (docs/PROTOCOL.md, «Status»). Unknown members and states are a later version's: ignored. */

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
  } catch (cause) {
    throw new LiveError('bad-data', 'a status event cannot be parsed', { cause });
  }
  if (!isObject(status)) throw new LiveError('bad-data', 'a status event is no JSON object');
  const { state } = status;
  if (state !== 'live' && state !== 'stale' && state !== 'gone') return undefined;
  const since = typeof status.since === 'string' ? Date.parse(status.since) : Number.NaN;
  return {
    state,
    since: Number.isNaN(since) ? undefined : since,
    freshWithinMs: number(status.fresh_within_ms),
    cause: isObject(status.cause) ? status.cause : undefined,
    retryInMs: number(status.retry_in_ms),
  };
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
