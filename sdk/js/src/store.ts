/**
 * A live resource: what a transport brings, the local copy and the status in one immutable view, for whoever wants to
 * watch it.
 *
 * Invariants: the view is replaced, never changed; subscribers are called after the new one is in place, once for all
 * events that arrived together; after `close` nobody is called any more.
 */

import { checkOptions } from './options.ts';
import type { Transport } from './sink.ts';
import { LiveError, type LiveOptions, type LiveState, type LiveUpdate, type Problem } from './types.ts';
import { advance } from './version.ts';

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

/** The data of a `status` event. */
interface StatusEvent {
  readonly state: 'live' | 'stale' | 'gone';
  readonly since?: string;
  readonly fresh_within_ms?: number;
  readonly cause?: Problem;
  readonly retry_in_ms?: number;
}

/** A live resource that `transport` brings. */
export function store<T>(options: LiveOptions, transport: Transport): Live<T> {
  checkOptions(options);
  const { signal, parse = JSON.parse, mode, now = Date.now } = options;
  /** Subscribers are those who listen to `change`. */
  const listeners = new Set<{ kind: string; callback: (event: never) => void }>();
  /** That of the data; undefined when continuity is lost. */
  let position: string | undefined;
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
    position,
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

  const emit = (kind: string, event?: unknown): void => {
    for (const listener of [...listeners]) {
      // An exception is its owner's to see (as a rejection that nobody handles), and disturbs nobody else.
      if (listener.kind === kind) new Promise(() => listener.callback(event as never));
    }
  };

  // An entry of its own for each call, so that one function that listens twice is called twice and leaves twice.
  const on = (kind: string, callback: (event: never) => void): (() => void) => {
    const entry = { kind, callback };
    listeners.add(entry);
    return () => listeners.delete(entry);
  };

  const setStatus = (to: Partial<LiveState<T>>): void => {
    change(to);
    emit('status', view);
  };

  /** Tells the subscribers, once for everything since the last time. */
  const flush = (): void => {
    if (!dirty) return;
    dirty = false;
    emit('change');
  };

  const end = (): void => {
    ended = true;
    signal?.removeEventListener('abort', close);
    flush();
    listeners.clear();
  };

  const close = (): void => {
    if (ended) return;
    handle?.close();
    setStatus({ status: 'closed', since: now(), cause: undefined, retryAt: undefined });
    end();
  };

  const subscribe = (callback: () => void): (() => void) => on('change', callback);

  const receive = (kind: string, text: string, id: string | undefined, read = json ? parse : String): void => {
    if (ended) return; // by whoever was told of an event in the same chunk
    try {
      if (kind === 'status') return receiveStatus(JSON.parse(text));
      const update = advance(view.data, position, kind, text, id, read);
      if (!update) return;
      position = id;
      version += 1;
      change({ data: update.data, position, receivedAt: now() });
      emit('update', update);
    } catch (cause) {
      position = undefined;
      throw cause instanceof LiveError ? cause : new LiveError('bad-data', `${kind}: ${cause}`, { cause });
    }
  };

  /** See docs/PROTOCOL.md, «Status». Unknown members and states are a later version's: ignored. */
  const receiveStatus = (status: StatusEvent): void => {
    const { state, since, fresh_within_ms: freshWithinMs = view.freshWithinMs, cause, retry_in_ms } = status;
    if (!['live', 'stale', 'gone'].includes(state)) return;
    setStatus({
      status: state,
      since: Date.parse(since as string) || now(),
      freshWithinMs,
      cause,
      retryAt: now() + (retry_in_ms as number) || undefined,
    });
  };

  if (signal?.aborted) close();
  else {
    signal?.addEventListener('abort', close);
    handle = transport({
      position: () => position,
      connecting() {
        if (view.retryAt) setStatus({ retryAt: undefined });
        flush();
      },
      opened(transport, contentType) {
        // Absent (an intermediary may have dropped it, CORS may hide it): JSON is what the gateway is for.
        json = contentType === null || /^(application\/|text\/|.*\+)json *(;|$)/i.test(contentType);
        if (view.transport !== transport) change({ transport });
      },
      read(more) {
        bytes += more;
      },
      event: receive,
      settled() {
        flush();
        if (mode === 'first' && position) close();
      },
      failed(error, retryAt, lastHeardAt) {
        const { problem, final, message, httpStatus } = error;
        if (final) finalError = error;
        setStatus({
          status: final ? 'closed' : 'disconnected',
          // When it was last heard of; that stays through the failures that follow.
          since: final ? now() : view.status === 'disconnected' ? view.since : lastHeardAt,
          cause: problem ?? { title: message, ...(httpStatus && { status: httpStatus }) },
          retryAt,
          position,
        });
        emit('error', error);
        if (final) end();
        else flush();
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
    on,
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
          let leave: () => void = () => undefined;
          await new Promise<void>((resolve) => (leave = subscribe(resolve)));
          leave();
        }
      }
    },
  };
}
