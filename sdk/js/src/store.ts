/**
 * A live resource: what a transport brings, the local copy and the status in one immutable view, for whoever wants to
 * watch it.
 *
 * Invariants: the view is replaced, never changed; subscribers are called after the new one is in place, once for all
 * events that arrived together; after `close` nobody is called any more.
 */

import { hostOf } from './host.ts';
import { checkOptions } from './options.ts';
import { replica } from './replica.ts';
import { mediaType } from './request.ts';
import type { Transport } from './sink.ts';
import { readStatus } from './status.ts';
import type { LiveError, LiveOptions, LiveState, LiveUpdate } from './types.ts';

/** What `on` reports, and with what. */
export interface LiveEvents<T> {
  /** The data changed. Called for each snapshot and each patch. */
  update: LiveUpdate<T>;
  /** `status`, `since`, `cause` or `retryAt` changed. */
  status: LiveState<T>;
  /** Something failed; unless `error.final`, recovery is under way. */
  error: LiveError;
}

/** A live resource. Its methods may be passed around unbound. */
export interface Live<T = unknown> extends AsyncIterable<LiveState<T>> {
  /** The current view. */
  readonly state: LiveState<T>;
  /** The current view, as a store's snapshot: the same object until something changed. */
  getSnapshot(this: void): LiveState<T>;
  /** Calls back after each change of the view, until the returned function is called. */
  subscribe(this: void, callback: () => void): () => void;
  /** Calls back for each event of a kind, until the returned function is called. */
  on<K extends keyof LiveEvents<T>>(this: void, kind: K, callback: (event: LiveEvents<T>[K]) => void): () => void;
  /** Ends the resource. Iterators finish; the last data stays readable. */
  close(this: void): void;
  /**
   * Yields the newest view each time the data has changed. A slow loop skips what it missed and never falls behind.
   * Ends after `close`; throws the {@link LiveError} when the resource ended for good. Leaving the loop closes nothing.
   */
  [Symbol.asyncIterator](): AsyncGenerator<LiveState<T>, void, undefined>;
}

/** A live resource that `transport` brings. */
export function store<T>(options: LiveOptions, transport: Transport): Live<T> {
  checkOptions(options);
  const { now } = hostOf(options);
  const { signal, parse = JSON.parse } = options;
  const copy = replica<T>(parse);
  const subscribers = new Set<() => void>();
  const listeners = new Set<{ kind: keyof LiveEvents<T>; callback: (event: never) => void }>();
  let bytes = 0;
  let json = true;
  /** How often the data changed; iterators remember what they have yielded. */
  let version = 0;
  let dirty = false;
  let ended = false;
  let finalError: LiveError | undefined;
  let handle: { close(): void } | undefined;
  let view: LiveState<T> = {
    data: undefined,
    position: undefined,
    status: 'connecting',
    since: now(),
    freshWithinMs: undefined,
    receivedAt: undefined,
    cause: undefined,
    retryAt: undefined,
    transport: undefined,
    bytes,
  };

  const change = (to: Partial<LiveState<T>>): void => {
    view = { ...view, ...to, bytes };
    dirty = true;
  };

  const emit = <K extends keyof LiveEvents<T>>(kind: K, event: LiveEvents<T>[K]): void => {
    for (const listener of [...listeners]) {
      if (listener.kind === kind) guard(() => listener.callback(event as never));
    }
  };

  const setStatus = (to: Partial<LiveState<T>>): void => {
    change(to);
    emit('status', view);
  };

  /** Tells the subscribers, once for everything since the last time. */
  const flush = (): void => {
    if (!dirty) return;
    dirty = false;
    for (const callback of [...subscribers]) guard(callback);
  };

  const end = (): void => {
    ended = true;
    signal?.removeEventListener('abort', close);
    flush();
    subscribers.clear();
    listeners.clear();
  };

  const close = (): void => {
    if (ended) return;
    handle?.close();
    setStatus({ status: 'closed', since: now(), cause: undefined, retryAt: undefined });
    end();
  };

  const subscribe = (callback: () => void): (() => void) => {
    // Wrapped, so that one function subscribed twice is called twice and leaves twice.
    const entry = () => callback();
    subscribers.add(entry);
    return () => subscribers.delete(entry);
  };

  const receive = (type: string, text: string, id: string | undefined): void => {
    if (type === 'snapshot' || type === 'patch' || type === 'merge') {
      const update = copy.take(type, text, id, json);
      if (!update) return;
      version += 1;
      change({ data: update.data, position: id, receivedAt: now() });
      emit('update', update);
    } else if (type === 'status') {
      const status = readStatus(text);
      if (!status) return;
      const { state, since = now(), freshWithinMs = view.freshWithinMs, cause, retryInMs } = status;
      setStatus({ status: state, since, freshWithinMs, cause, retryAt: retryInMs === undefined ? undefined : now() + retryInMs });
    }
    // Other events are a later version's: ignored, as the protocol asks.
  };

  // `since` of a disconnection is when it was last heard of; it stays through the failures that follow.
  const lost = (lastHeardAt: number): number => (view.status === 'disconnected' ? view.since : lastHeardAt);

  if (signal?.aborted) close();
  else {
    signal?.addEventListener('abort', close);
    handle = transport({
      position: copy.position,
      connecting() {
        if (view.retryAt !== undefined) setStatus({ retryAt: undefined });
        flush();
      },
      opened(transport, contentType) {
        // Absent (an intermediary may have dropped it, CORS may hide it): JSON is what the gateway is for.
        json = contentType === null || /^((application|text)\/json|.*\+json)$/.test(mediaType(contentType));
        if (view.transport !== transport) change({ transport });
      },
      read(more) {
        bytes += more;
      },
      event: receive,
      settled: flush,
      failed(error, retryAt, lastHeardAt) {
        const { problem, final, message, httpStatus } = error;
        if (final) finalError = error;
        setStatus({
          status: final ? 'closed' : 'disconnected',
          since: final ? now() : lost(lastHeardAt),
          cause: problem ?? { title: message, ...(httpStatus && { status: httpStatus }) },
          retryAt,
          position: copy.position(),
        });
        emit('error', error);
        if (final) end();
        else flush();
      },
      paused(lastHeardAt) {
        setStatus({ status: 'disconnected', since: lost(lastHeardAt), cause: { title: 'the page is hidden' }, retryAt: undefined });
        flush();
      },
      ended: close,
    });
  }

  return {
    get state() {
      return view;
    },
    getSnapshot: () => view,
    subscribe,
    on(kind, callback) {
      const entry = { kind, callback };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    close,
    async *[Symbol.asyncIterator]() {
      let seen = 0;
      for (;;) {
        if (version > seen) {
          seen = version;
          yield view;
        } else if (ended) {
          if (finalError) throw finalError;
          return;
        } else {
          await new Promise<void>((resolve) => {
            const leave = subscribe(() => {
              leave();
              resolve();
            });
          });
        }
      }
    },
  };
}

/** A listener's exception is its owner's to see, and must not disturb the stream or the other listeners. */
function guard(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
