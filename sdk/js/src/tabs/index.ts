/**
 * `tidegate/tabs`: one connection for all tabs of a site that show the same resource.
 *
 * Made of the Web Locks API (who has the connection) and `BroadcastChannel` (what comes over it). Where one of them is
 * missing, each tab has a connection of its own.
 */

import { hostOf } from '../host.ts';
import { mergePatch } from '../merge.ts';
import type { Transport } from '../sink.ts';
import { type Live, store } from '../store.ts';
import { stream } from '../stream.ts';
import type { LiveOptions } from '../types.ts';
import { APPLY } from '../version.ts';
import { type Channel, type Locks, tab } from './tab.ts';

export type { Live } from '../store.ts';
export type { Channel, Locks } from './tab.ts';

/** Options of {@link live}. A page that nobody sees may be the one that reads for the others, so it is never paused. */
export interface TabsOptions extends Omit<LiveOptions, 'hidden' | 'pauseAfterMs'> {
  /**
   * Tells apart what the URL and the wishes do not: tabs share a resource where these are equal, so give one of these
   * where `headers` may differ from tab to tab, the user's id for instance.
   */
  readonly key?: string;
  /** How the tab that leads is connected: a multiplexer, for instance. An event stream by default. */
  readonly over?: { transport(url: string, options: LiveOptions): Transport };
  /** Replaces `navigator.locks`. */
  readonly locks?: Locks;
  /** Replaces `BroadcastChannel`. */
  readonly channel?: (name: string) => Channel;
  /** Replaces the page's `freeze`, `resume`, `pagehide` and `pageshow` events. */
  readonly lifecycle?: (callback: (signal: 'freeze' | 'resume') => void) => () => void;
}

/**
 * Opens `url` as a live resource that is read once for all tabs of this site. What `parse` makes has to be what
 * `structuredClone` can copy: a tab that joins gets its first version from another tab.
 */
export function live<T = unknown>(url: string | URL, options: TabsOptions = {}): Live<T> {
  const { over, key, locks = globalLocks(), channel = globalChannel(), lifecycle = pageLifecycle, ...rest } = options;
  APPLY.merge = mergePatch; // for whoever follows
  const host = hostOf(rest);
  const target = `${url}`;
  const inner = over ? over.transport(target, rest) : stream(target, rest, host);
  if (locks === undefined || channel === undefined) return store<T>(rest, inner);
  const { select, mode, rate, maxAge } = rest;
  const name = `tidegate:${JSON.stringify([absolute(target), key, select, mode, rate, maxAge])}`;
  const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
  const resource: Live<T> = store<T>(rest, tab(name, inner, { ...host, id, locks, channel, lifecycle }, () => resource.state));
  return resource;
}

/** Pages at different paths may name the same resource differently. */
function absolute(url: string): string {
  const base = globalThis.location?.href;
  return base === undefined ? url : new URL(url, base).href;
}

function globalLocks(): Locks | undefined {
  return globalThis.navigator?.locks as unknown as Locks | undefined; // only in secure contexts
}

function globalChannel(): ((name: string) => Channel) | undefined {
  const Global = globalThis.BroadcastChannel as (new (name: string) => Channel) | undefined;
  return Global && ((name) => new Global(name));
}

function pageLifecycle(callback: (signal: 'freeze' | 'resume') => void): () => void {
  const leaving = new AbortController();
  const on = (target: EventTarget | undefined, type: string, signal: 'freeze' | 'resume'): void => {
    target?.addEventListener?.(type, () => callback(signal), leaving);
  };
  on(globalThis.document, 'freeze', 'freeze');
  on(globalThis.document, 'resume', 'resume');
  on(globalThis as unknown as EventTarget, 'pagehide', 'freeze');
  on(globalThis as unknown as EventTarget, 'pageshow', 'resume');
  return () => leaving.abort();
}
