/** The public vocabulary: states, updates, errors and options. */

import type { Operation } from './patch.ts';

/** Problem details (RFC 9457): why something failed, in the gateway's or the origin's words. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly [member: string]: unknown;
}

/**
 * How the data at hand relates to the API's.
 * - `connecting`: nothing has arrived yet.
 * - `live`: confirmed with the API within `freshWithinMs`.
 * - `stale`: the gateway is reachable, the API is not; the last good data stays, not confirmed since `since`.
 * - `gone`: the API says that the resource is no more, or may no longer be read.
 * - `disconnected`: the gateway is not reachable since `since`; the next try is at `retryAt`.
 * - `closed`: ended, by `close()` or for the reason in `cause`.
 */
export type LiveStatus = 'connecting' | 'live' | 'stale' | 'gone' | 'disconnected' | 'closed';

/**
 * The way in which the data comes.
 * - `stream`: an event stream of its own.
 * - `long-poll`: one request after the other, because something on the way holds streams back.
 * - `websocket`, `shared-stream`: with others on one connection (`tidegate/multiplex`).
 */
export type LiveTransport = 'stream' | 'long-poll' | 'websocket' | 'shared-stream';

/** One immutable view of a live resource. A new object is made whenever something in it changed. */
export interface LiveState<T> {
  /** The representation; undefined until the first snapshot. Unchanged parts keep their identity from view to view. */
  readonly data: T | undefined;
  /** The gateway's position of `data`, opaque; undefined when continuity is lost. */
  readonly position: string | undefined;
  readonly status: LiveStatus;
  /** When `status` began, in ms since 1970: the gateway's clock for `live`, `stale` and `gone`, else this machine's. */
  readonly since: number;
  /** While live: the most time between two confirmations, in ms. */
  readonly freshWithinMs: number | undefined;
  /** When `data` last changed here, in ms since 1970. */
  readonly receivedAt: number | undefined;
  /** Why the status is what it is, where there is a reason. */
  readonly cause: Problem | undefined;
  /** When the API (`stale`, `gone`) or the gateway (`disconnected`) is tried next, in ms since 1970. */
  readonly retryAt: number | undefined;
  /** How the data comes now; undefined until something has come. */
  readonly transport: LiveTransport | undefined;
  /** Bytes of the streams read so far, content codings removed. Counting alone makes no new view. */
  readonly bytes: number;
}

/** A change of the data: whole, or by a patch (RFC 6902), or by a merge patch (RFC 7396). */
export type LiveUpdate<T> = {
  readonly data: T;
  /** The data before; undefined for the first. */
  readonly previous: T | undefined;
  readonly position: string | undefined;
} & (
  | { readonly kind: 'snapshot'; readonly patch: undefined }
  | { readonly kind: 'patch'; readonly patch: readonly Operation[] }
  | { readonly kind: 'merge'; readonly patch: unknown }
);

/** What went wrong: a stable code to branch on. */
export type LiveErrorCode =
  | 'network' // the request or the stream broke
  | 'http' // an error status; see `httpStatus` and `problem`
  | 'not-a-stream' // a successful answer that is no event stream
  | 'silence' // nothing arrived for `silenceMs`, not even a heartbeat
  | 'bad-data' // an event that cannot be read
  | 'patch-failed' // a patch that does not fit the data; a fresh snapshot follows
  | 'protocol' // the gateway closed a shared connection for what it was sent
  | 'hidden' // no failure: let go of because nobody sees the page, see the option `hidden`
  | 'headers'; // the `headers` function threw

/** What a {@link LiveError} may say besides its code and message. */
export interface LiveErrorDetails {
  readonly final?: boolean;
  readonly httpStatus?: number | undefined;
  readonly problem?: Problem | undefined;
  readonly waitMs?: number | undefined;
  readonly index?: number;
  readonly cause?: unknown;
}

/** An error of a live resource. Unless `final`, the resource is already recovering from it. */
export class LiveError extends Error {
  declare readonly code: LiveErrorCode;
  /** True when nothing more will be tried. */
  declare readonly final: boolean;
  declare readonly httpStatus: number | undefined;
  /** The problem details of the answer, where it had any. */
  declare readonly problem: Problem | undefined;
  /** The least wait that the answer asked for, in ms. */
  declare readonly waitMs: number | undefined;
  /** Of `patch-failed`: which operation does not fit; -1 where the patch itself is none. */
  declare readonly index: number | undefined;

  override readonly name = 'LiveError';

  /** The message is the code where that says everything. */
  constructor(code: LiveErrorCode, message: string = code, details?: LiveErrorDetails) {
    super(message);
    Object.assign(this, { code, final: false }, details);
  }
}

/** Request header fields. */
export type LiveHeaders = Readonly<Record<string, string>>;

/** What the host says about the network and about the page. */
export type NetworkSignal = 'online' | 'offline' | 'visible' | 'hidden';

/** Where the host reports that trying again is worth it, or not. */
export interface NetworkSignals {
  /** Calls back on each of the signals until the returned function is called. */
  listen(callback: (signal: NetworkSignal) => void): () => void;
}

/** What of a resource is wanted, and how often. */
export interface Wish {
  /**
   * A part of the representation: a JSON Pointer (RFC 6901: it begins with `/`) for a value, or a JSONPath (RFC 9535: it
   * begins with `$`) for the array of what it finds. Changes outside of it are not sent.
   */
  readonly select?: string;
  /**
   * - `patch`, the default: a snapshot, then patches (RFC 6902).
   * - `merge`: a snapshot, then merge patches (RFC 7396) where they can say it.
   * - `snapshot`: each change whole.
   * - `first`: one snapshot; then the resource is closed.
   */
  readonly mode?: LiveMode;
  /** At most one update in this time, with the net effect: a number and a unit, `250ms` or `2s`; 10 ms to 1 h. */
  readonly rate?: string;
  /** How old the data may be, in whole seconds above 0: the gateway asks the API no more often than that needs. */
  readonly maxAge?: number;
}

/** See {@link Wish.mode}. */
export type LiveMode = 'patch' | 'merge' | 'snapshot' | 'first';

/** Options that are a resource's own, whatever it comes through. */
export interface SubscribeOptions extends Wish {
  /** Header fields, or a function called before each connection (for tokens that expire). */
  readonly headers?: LiveHeaders | (() => LiveHeaders | Promise<LiveHeaders>);
  /** Closes the resource when aborted. */
  readonly signal?: AbortSignal;
  /** Parses JSON texts (snapshots and patches). Give one to keep digits beyond a double's precision. */
  readonly parse?: (text: string) => unknown;
}

/** Options of a connection, and what it takes from its host. */
export interface ConnectOptions {
  /** As in `fetch`: whether cookies go along to another origin. */
  readonly credentials?: RequestCredentials;
  /** Silence after which the connection counts as dead; 45 000 ms, three heartbeats, by default. */
  readonly silenceMs?: number;
  /** The longest wait between two tries that no answer asked for; 30 000 ms by default. */
  readonly maxRetryMs?: number;
  /** The most characters that one event may hold; 64 Mi by default. */
  readonly maxEventLength?: number;
  /**
   * What becomes of the connection of a page that nobody sees: `keep`, the default, or `pause`: it is let go of after
   * `pauseAfterMs`, and resumed as soon as the page is visible again.
   */
  readonly hidden?: 'keep' | 'pause';
  /** See `hidden`; 60 000 ms by default. */
  readonly pauseAfterMs?: number;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Replaces `Math.random`. */
  readonly random?: () => number;
  /** Replaces `Date.now`. */
  readonly now?: () => number;
  /** Replaces `setTimeout`; returns what cancels the timer. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void;
  /** Replaces the browser's `online`, `offline` and `visibilitychange` events. */
  readonly network?: NetworkSignals;
}

/** Options of `live`. */
export interface LiveOptions extends SubscribeOptions, ConnectOptions {
  /**
   * How long a stream may hold back its first byte before it is taken for buffered on the way and replaced by
   * long-polling: 5 000 ms by default, `Infinity` for never. The gateway's first event comes right after its head.
   */
  readonly bufferedMs?: number;
}
