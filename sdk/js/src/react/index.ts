'use client';

/** `tidegate/react`: live resources in components. */

import { createContext, type Provider, useCallback, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { live } from '../live.ts';
import { share } from '../share.ts';
import type { LiveOptions, LiveState } from '../types.ts';
import { acquire, type LiveClient, NOTHING_YET, peek } from './cache.ts';

export type { LiveClient } from './cache.ts';
export type { LiveOptions, LiveState } from '../types.ts';

/** Options of {@link useLive}. `signal` is the component's life, so it is not among them. */
export interface UseLiveOptions extends Omit<LiveOptions, 'signal'> {
  /**
   * Tells apart what the URL and the wishes (`select`, `mode`, `rate`, `maxAge`) do not: components share one resource
   * where these are equal, so give one of these where `headers` differ, the user's id for instance.
   */
  readonly key?: string;
}

const Client = createContext<LiveClient>({ live });

/** Gives the components below it another client, a multiplexer for instance, than a connection for each resource. */
export const LiveProvider: Provider<LiveClient> = Client.Provider;

/**
 * The current view of the resource at `url`, of which `T` is the type; null asks for nothing. The component renders
 * again when the view has changed.
 */
export function useLive<T = unknown>(url: string | URL | null, options?: UseLiveOptions): LiveState<T>;
/**
 * The part of the view that `selector` chooses. The component renders again only when that part has changed: where it
 * is equal to the one before, it is the one before.
 */
export function useLive<T, S>(
  url: string | URL | null,
  options: UseLiveOptions | undefined,
  selector: (state: LiveState<T>) => S,
): S;
export function useLive<T>(
  url: string | URL | null,
  options: UseLiveOptions = {},
  selector?: (state: LiveState<T>) => unknown,
): unknown {
  const client = useContext(Client);
  const { key: own, select, mode, rate, maxAge } = options;
  const target = url === null ? undefined : `${url}`;
  const key = JSON.stringify([target, own, select, mode, rate, maxAge]);

  // Those of the render that first had this key: a function written in place is another one each time, and means the same.
  const subscribe = useCallback(
    (changed: () => void) =>
      target === undefined ? () => undefined : acquire(client, key, target, options, changed),
    [client, key],
  );

  /** What was on the screen last, so that a selector written in place, new each time, gives what is equal to it. */
  const shown = useRef<unknown>(undefined);
  const read = useMemo(() => {
    let last: { state: LiveState<unknown>; value: unknown } | undefined;
    return (): unknown => {
      const state = target === undefined ? NOTHING_YET : peek(client, key);
      if (selector === undefined) return state;
      if (last?.state !== state) {
        last = { state, value: share(last ? last.value : shown.current, selector(state as LiveState<T>)) };
      }
      return last.value;
    };
  }, [client, key, selector]);

  const nothing = (): unknown => (selector ? selector(NOTHING_YET) : NOTHING_YET);
  const value = useSyncExternalStore(subscribe, read, useMemo(() => cached(nothing), [selector]));
  useEffect(() => {
    shown.current = value;
  }, [value]);
  return value;
}

/** What `make` gives, made once. */
function cached(make: () => unknown): () => unknown {
  let value: { it: unknown } | undefined;
  return () => (value ??= { it: make() }).it;
}
