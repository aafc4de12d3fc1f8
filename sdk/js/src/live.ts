/**
 * A live resource: the stream, the local copy and the status in one immutable view, for whoever wants to watch it.
 *
 * Invariants: `state` is replaced, never changed; subscribers are called after the new state is in place, once for all
 * events that arrived together; after `close` nobody is called any more.
 */

import { Connection, mediaType } from './connection.ts';
import { hostOf } from './host.ts';
import { Replica } from './replica.ts';
import type { SseEvent } from './sse.ts';
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

/** Opens `url` as a live resource and keeps it current until it is closed. */
export function live<T = unknown>(url: string | URL, options: LiveOptions = {}): Live<T> {
  return new Live<T>(url, options);
}

/** A live resource, made by {@link live}. Its methods may be passed around unbound. */
export class Live<T = unknown> implements AsyncIterable<LiveState<T>> {
  private view: LiveState<T>;
  private bytes = 0;
  private json = true;
  /** How often `data` changed; iterators remember what they have yielded. */
  private version = 0;
  private dirty = false;
  private ended = false;
  private finalError: LiveError | undefined;
  private readonly listeners: { [K in keyof LiveEvents<T>]: Set<(event: LiveEvents<T>[K]) => void> } = {
    update: new Set(),
    status: new Set(),
    error: new Set(),
  };
  private readonly subscribers = new Set<() => void>();
  private readonly replica: Replica<T>;
  private readonly connection: Connection;
  private readonly now: () => number;
  private readonly signal: AbortSignal | undefined;

  constructor(url: string | URL, options: LiveOptions = {}) {
    const host = hostOf(options);
    this.now = host.now;
    this.replica = new Replica<T>(options.parse ?? JSON.parse);
    this.view = {
      data: undefined,
      position: undefined,
      status: 'connecting',
      since: host.now(),
      freshWithinMs: undefined,
      receivedAt: undefined,
      cause: undefined,
      retryAt: undefined,
      bytes: 0,
    };
    this.connection = new Connection(String(url), options, host, {
      position: () => this.replica.position,
      connecting: () => {
        if (this.view.retryAt !== undefined) this.setStatus({ retryAt: undefined });
        this.flush();
      },
      // Absent (an intermediary may have dropped it, CORS may hide it): JSON is what the gateway is for.
      opened: (contentType) => {
        this.json = contentType === null || isJson(mediaType(contentType));
      },
      read: (bytes) => {
        this.bytes += bytes;
      },
      event: (event) => this.receive(event),
      settled: () => this.flush(),
      failed: (error, retryAt, lastHeardAt) => this.failed(error, retryAt, lastHeardAt),
    });
    this.signal = options.signal;
    if (this.signal?.aborted === true) {
      this.close();
      return;
    }
    this.signal?.addEventListener('abort', this.close);
    this.connection.connect();
  }

  /** The current view. */
  get state(): LiveState<T> {
    return this.view;
  }

  /** The current view, as a store's snapshot: the same object until something changed. */
  readonly getSnapshot = (): LiveState<T> => this.view;

  /** Calls back after each change of the view, until the returned function is called. */
  readonly subscribe = (callback: () => void): (() => void) => {
    // Wrapped, so that one function subscribed twice is called twice and leaves twice.
    const entry = () => callback();
    this.subscribers.add(entry);
    return () => {
      this.subscribers.delete(entry);
    };
  };

  /** Calls back for each event of a kind, until the returned function is called. */
  readonly on = <K extends keyof LiveEvents<T>>(kind: K, callback: (event: LiveEvents<T>[K]) => void): (() => void) => {
    const entry = (event: LiveEvents<T>[K]) => callback(event);
    this.listeners[kind].add(entry);
    return () => {
      this.listeners[kind].delete(entry);
    };
  };

  /** Ends the resource. Iterators finish; the last data stays readable. */
  readonly close = (): void => {
    if (this.ended) return;
    this.connection.close();
    this.setStatus({ status: 'closed', since: this.now(), cause: undefined, retryAt: undefined });
    this.end();
  };

  /**
   * Yields the newest view each time the data has changed. A slow loop skips what it missed and never falls behind.
   * Ends after `close`; throws the {@link LiveError} when the resource ended for good. Leaving the loop closes nothing.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveState<T>, void, undefined> {
    let seen = 0;
    for (;;) {
      if (this.version > seen) {
        seen = this.version;
        yield this.view;
      } else if (this.ended) {
        if (this.finalError !== undefined) throw this.finalError;
        return;
      } else {
        await this.changed();
      }
    }
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => {
      const leave = this.subscribe(() => {
        leave();
        resolve();
      });
    });
  }

  private receive(event: SseEvent): void {
    switch (event.type) {
      case 'snapshot':
        return this.updated(this.replica.snapshot(event, this.json));
      case 'patch':
        return this.updated(this.replica.patch(event));
      case 'status': {
        const status = readStatus(event.data);
        if (status === undefined) return;
        const now = this.now();
        this.setStatus({
          status: status.state,
          since: status.since ?? now,
          freshWithinMs: status.freshWithinMs ?? this.view.freshWithinMs,
          cause: status.cause,
          retryAt: status.retryInMs === undefined ? undefined : now + status.retryInMs,
        });
        return;
      }
      // Other events are a later version's: ignored, as the protocol asks.
    }
  }

  private updated(update: LiveUpdate<T>): void {
    this.version += 1;
    this.change({ data: update.data, position: update.position, receivedAt: this.now() });
    this.emit('update', update);
  }

  private failed(error: LiveError, retryAt: number | undefined, lastHeardAt: number): void {
    // `since` is when it was last heard of; it stays through the failures that follow.
    const since = this.view.status === 'disconnected' ? this.view.since : lastHeardAt;
    const cause = error.problem ?? {
      title: error.message,
      ...(error.httpStatus === undefined ? {} : { status: error.httpStatus }),
    };
    const position = this.replica.position;
    if (error.final) {
      this.finalError = error;
      this.setStatus({ status: 'closed', since: this.now(), cause, retryAt: undefined, position });
    } else {
      this.setStatus({ status: 'disconnected', since, cause, retryAt, position });
    }
    this.emit('error', error);
    if (error.final) this.end();
    else this.flush();
  }

  private setStatus(change: Partial<LiveState<T>>): void {
    this.change(change);
    this.emit('status', this.view);
  }

  private change(change: Partial<LiveState<T>>): void {
    this.view = { ...this.view, ...change, bytes: this.bytes };
    this.dirty = true;
  }

  /** Tells the subscribers, once for everything since the last time. */
  private flush(): void {
    if (!this.dirty) return;
    this.dirty = false;
    for (const callback of [...this.subscribers]) guard(callback);
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.signal?.removeEventListener('abort', this.close);
    this.flush();
    this.subscribers.clear();
    for (const set of Object.values(this.listeners)) set.clear();
  }

  private emit<K extends keyof LiveEvents<T>>(kind: K, event: LiveEvents<T>[K]): void {
    for (const callback of [...this.listeners[kind]]) guard(() => callback(event));
  }
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

function isJson(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json');
}
