/**
 * The live resources that components share: one for all who want the same, from the first mount to a little after the
 * last unmount.
 *
 * Invariants: nothing is opened while rendering, only by `acquire`; whoever unmounts and mounts again at once (as
 * StrictMode does, or a change of page) finds the resource as it was.
 */

import type { Live } from '../store.ts';
import type { LiveOptions, LiveState } from '../types.ts';

/** What opens resources: the package itself, a multiplexer, the tabs' shared ones. */
export interface LiveClient {
  live<T = unknown>(url: string, options?: LiveOptions): Live<T>;
}

/** The view before there is a resource: of a first render, and of a server's. */
export const NOTHING_YET: LiveState<never> = Object.freeze({
  data: undefined,
  position: undefined,
  status: 'connecting',
  since: 0,
  freshWithinMs: undefined,
  receivedAt: undefined,
  cause: undefined,
  retryAt: undefined,
  transport: undefined,
  bytes: 0,
});

/** How long a resource that nobody uses is kept. */
const LINGER_MS = 1000;

interface Entry {
  readonly live: Live<unknown>;
  users: number;
  cancelLinger: (() => void) | undefined;
}

const caches = new WeakMap<LiveClient, Map<string, Entry>>();

function cacheOf(client: LiveClient): Map<string, Entry> {
  let cache = caches.get(client);
  if (cache === undefined) {
    cache = new Map();
    caches.set(client, cache);
  }
  return cache;
}

/** The current view of what `key` stands for. */
export function peek(client: LiveClient, key: string): LiveState<unknown> {
  return cacheOf(client).get(key)?.live.getSnapshot() ?? NOTHING_YET;
}

/** Uses what `key` stands for, opening it for the first, until the returned function is called. */
export function acquire(client: LiveClient, key: string, url: string, options: LiveOptions, changed: () => void): () => void {
  const cache = cacheOf(client);
  let entry = cache.get(key);
  if (entry?.users === 0) {
    entry.cancelLinger?.();
    // What has ended meanwhile is tried anew: there may be another token now.
    if (entry.live.state.status === 'closed') entry = undefined;
  }
  if (entry === undefined) {
    entry = { live: client.live(url, options), users: 0, cancelLinger: undefined };
    cache.set(key, entry);
  }
  const used = entry;
  used.users += 1;
  const leave = used.live.subscribe(changed);
  return () => {
    leave();
    used.users -= 1;
    if (used.users > 0) return;
    const setTimer = options.setTimer ?? globalTimer;
    used.cancelLinger = setTimer(() => {
      if (cache.get(key) === used) cache.delete(key);
      used.live.close();
    }, LINGER_MS);
  };
}

function globalTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}
