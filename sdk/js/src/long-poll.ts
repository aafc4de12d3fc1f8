/**
 * Reading by long-polling, where streams are held back on the way: a read that is held until there is something newer
 * than what we have. Loaded only where it is needed.
 *
 * Each state has one URL, in which `tidegate.after` names it, so that a cache on the way can answer many with one read.
 */

import type { Way } from './connection.ts';
import type { Host } from './host.ts';
import { refused, request } from './request.ts';
import type { Sink } from './sink.ts';
import type { LiveOptions } from './types.ts';

/** How long it is before a stream is tried again for the first time; twice as long each time that was in vain. */
const FIRST_ROUND_MS = 60_000;
const LONGEST_ROUND_MS = 3_600_000;

/** The pause where the other side does not wait although it should. */
const PAUSE_MS = 1000;

/** The way to long-poll; `back` goes back to streams. `round` counts, from 1, how often it came to this in a row. */
export function longPoll(
  url: string,
  options: LiveOptions,
  host: Host,
  sink: Sink,
  round: number,
  back: () => void,
): Way {
  const until = host.now() + Math.min(FIRST_ROUND_MS * 2 ** (round - 1), LONGEST_ROUND_MS);
  // Well within the silence that counts as a dead connection: 25 s of 45.
  const wait = `${Math.max(1, Math.floor(((options.silenceMs ?? 45_000) * 5) / 9000))}`;

  return async ({ signal, heard }) => {
    let told: string | undefined;
    for (;;) {
      if (host.now() >= until) return back();
      const after = sink.position();
      const began = host.now();
      const response = await request(url, options, host, signal, '*/*', undefined, { after, wait: after && wait });
      signal.throwIfAborted();
      const { status, headers } = response;
      let changed = false;
      if (status === 200) {
        const body = await response.arrayBuffer();
        signal.throwIfAborted();
        const id = positionOf(headers.get('etag'));
        changed = id !== undefined && id !== after;
        sink.opened('long-poll', headers.get('content-type'));
        sink.read(body.byteLength);
        sink.event('snapshot', new TextDecoder().decode(body), id);
      } else if (status === 204) {
        return sink.ended();
      } else if (status !== 304) {
        throw await refused(response, host);
      }
      heard();
      const state = (headers.get('cache-status') ?? '').includes('stale-if-error') ? 'stale' : 'live';
      if (state !== told) {
        told = state;
        const since = new Date(host.now() - 1000 * Number(headers.get('age') ?? 0) || host.now()).toISOString();
        sink.event('status', JSON.stringify({ state, since }), undefined);
      }
      sink.settled();
      signal.throwIfAborted();
      // Nobody waited for us: something on the way drops the wish, or hides the tag.
      if (!changed && host.now() - began < PAUSE_MS) await pause(host, signal);
      if (signal.aborted) return;
    }
  };
}

/** The position that an `ETag` carries: the text in its quotes, without what names a content coding. */
function positionOf(etag: string | null): string | undefined {
  return /^(?:W\/)?"([A-Za-z0-9.]+?)(?:\.gzip)?"$/.exec(etag ?? '')?.[1];
}

function pause(host: Host, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = host.setTimer(resolve, PAUSE_MS);
    signal.addEventListener('abort', () => {
      cancel();
      resolve();
    });
  });
}
