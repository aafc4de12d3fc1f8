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
  /** Bytes of the streams read so far, content codings removed. Counting alone makes no new view. */
  readonly bytes: number;
}

/** A change of the data. */
export interface LiveUpdate<T> {
  readonly kind: 'snapshot' | 'patch';
  readonly data: T;
  /** The data before; undefined for the first. */
  readonly previous: T | undefined;
  readonly position: string | undefined;
  /** The operations of a `patch`. */
  readonly patch: readonly Operation[] | undefined;
}

/** What went wrong: a stable code to branch on. */
export type LiveErrorCode =
  | 'network' // the request or the stream broke
  | 'http' // an error status; see `httpStatus` and `problem`
  | 'not-a-stream' // a successful answer that is no event stream
  | 'silence' // nothing arrived for `silenceMs`, not even a heartbeat
  | 'bad-data' // an event that cannot be read
  | 'patch-failed' // a patch that does not fit the data; a fresh snapshot follows
  | 'headers'; // the `headers` function threw

/** An error of a live resource. Unless `final`, the resource is already recovering from it. */
export class LiveError extends Error {
  readonly code: LiveErrorCode;
  /** True when nothing more will be tried. */
  readonly final: boolean;
  readonly httpStatus: number | undefined;
  /** The problem details of the answer, where it had any. */
  readonly problem: Problem | undefined;

  constructor(
    code: LiveErrorCode,
    message: string,
    more: { final?: boolean; httpStatus?: number; problem?: Problem | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'LiveError';
    this.code = code;
    this.final = more.final ?? false;
    this.httpStatus = more.httpStatus;
    this.problem = more.problem;
  }
}

/** Request header fields. */
export type LiveHeaders = Readonly<Record<string, string>>;

/** Where the host reports that trying again is worth it, or not. */
export interface NetworkSignals {
  /** False when the host is certain to be offline. */
  online(): boolean;
  /** Calls back on each of the signals until the returned function is called. */
  listen(callback: (signal: 'online' | 'offline' | 'visible') => void): () => void;
}

/** Options of `live`. */
export interface LiveOptions {
  /** Header fields, or a function called before each connection (for tokens that expire). */
  readonly headers?: LiveHeaders | (() => LiveHeaders | Promise<LiveHeaders>);
  /** As in `fetch`: whether cookies go along to another origin. */
  readonly credentials?: RequestCredentials;
  /** Closes the resource when aborted. */
  readonly signal?: AbortSignal;
  /** Parses JSON texts (snapshots and patches). Give one to keep digits beyond a double's precision. */
  readonly parse?: (text: string) => unknown;
  /** Silence after which the connection counts as dead; 45 000 ms, three heartbeats, by default. */
  readonly silenceMs?: number;
  /** The longest wait between two tries that no answer asked for; 30 000 ms by default. */
  readonly maxRetryMs?: number;
  /** The most characters that one event may hold; 64 Mi by default. */
  readonly maxEventLength?: number;
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
