/**
 * Something kept open: begin, notice silence, try again, let go while nobody looks.
 *
 * Owns the attempts, the watchdog and the retry timer; how an attempt is made, and what arrives, is a {@link Way}'s
 * business. Invariants: at most one attempt is under way; the signal of an abandoned one is aborted; after `close`
 * nothing happens any more.
 */

import { DEFAULT_RETRY_MS, fullJitter } from './backoff.ts';
import type { Host } from './host.ts';
import { type ConnectOptions, LiveError, type NetworkSignal } from './types.ts';

/** One attempt, as its way sees it. */
export interface Attempt {
  /** Aborted when the attempt is abandoned; then nothing that it brings counts. */
  readonly signal: AbortSignal;
  /** Something arrived. Throws where the attempt is abandoned: to be called after each wait. */
  heard(): void;
  /** The other side names the base of the wait before the next try. */
  retry(ms: number): void;
}

/** A way to read: resolves when it is to be begun anew at once, and rejects when it failed. */
export type Way = (attempt: Attempt) => Promise<void>;

/** Who is told. */
export interface ConnectionOwner {
  /** A try begins. */
  connecting(): void;
  /** It is lost, or was refused. `retryAt` is undefined when nothing will be tried by itself. */
  failed(error: LiveError, retryAt: number | undefined, lastHeardAt: number): void;
}

/** What {@link keep} returns. */
export interface Connection {
  /** Ends everything, silently. */
  close(): void;
  /** Goes on in another way, at once. */
  use(way: Way): void;
}

/** An attempt that brings something after so long was a success, and the next failure is a first one. */
const HEALTHY_MS = 5000;

/** Begins, and keeps at it until it is closed or finally refused. */
export function keep(way: Way, options: ConnectOptions, host: Host, owner: ConnectionOwner): Connection {
  const { silenceMs = 45_000, maxRetryMs = 30_000, hidden, pauseAfterMs = 60_000 } = options;
  let current: AbortController | undefined;
  let beganAt: number;
  /** Closed, or let go of while the page is hidden. */
  let resting = false;
  let failures = 0;
  let retryMs = DEFAULT_RETRY_MS;
  let lastHeardAt = host.now();
  let offlineAt: number | undefined;
  /** What the other side forbids: trying before this. */
  let notBefore = 0;
  let cancelRetry: (() => void) | undefined;
  let cancelWatchdog: (() => void) | undefined;
  let cancelPause: (() => void) | undefined;

  const connect = (): void => {
    if (resting || current) return;
    stopRetry();
    const { signal } = (current = new AbortController());
    beganAt = lastHeardAt = host.now();
    watch(silenceMs);
    owner.connecting();
    const attempt: Attempt = {
      signal,
      heard() {
        signal.throwIfAborted();
        lastHeardAt = host.now();
        if (lastHeardAt - beganAt >= HEALTHY_MS) failures = 0;
      },
      retry: (ms) => (retryMs = ms),
    };
    way(attempt).then(
      () => signal.aborted || again(),
      (error: unknown) => signal.aborted || fail(error),
    );
  };

  const fail = (cause: unknown): void => {
    const error = cause instanceof LiveError ? cause : new LiveError('network', `${(cause as Error).message}`, { cause });
    const now = host.now();
    const heardAt = lastHeardAt;
    const { final, waitMs = 0 } = error;
    abandon();
    if (final) {
      close();
      return owner.failed(error, undefined, heardAt);
    }
    const jitter = fullJitter(failures++, retryMs, maxRetryMs, host.random());
    const delay = offlineAt === undefined ? waitMs + jitter : Math.max(waitMs, maxRetryMs);
    notBefore = now + waitMs;
    retryIn(delay);
    owner.failed(error, now + delay, heardAt);
  };

  const stopRetry = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
  };

  const retryIn = (ms: number): void => {
    stopRetry();
    cancelRetry = host.setTimer(connect, ms);
  };

  const abandon = (): void => {
    cancelWatchdog?.();
    const abandoned = current;
    current = undefined;
    abandoned?.abort();
  };

  const again = (): void => {
    abandon();
    connect();
  };

  /** One timer for the whole attempt: when it fires, it looks how long the silence is, and sleeps for the rest. */
  const watch = (ms: number): void => {
    cancelWatchdog = host.setTimer(() => {
      const left = lastHeardAt + silenceMs - host.now();
      if (left > 0) watch(left);
      else fail(new LiveError('silence'));
    }, ms);
  };

  const rest = (): void => {
    resting = true;
    stopRetry();
    abandon();
  };

  const pause = (): void => {
    rest();
    owner.failed(new LiveError('hidden'), undefined, lastHeardAt);
  };

  const unlisten = host.network.listen((signal: NetworkSignal) => {
    const now = host.now();
    if (signal === 'hidden') {
      cancelPause?.();
      if (hidden === 'pause') cancelPause = host.setTimer(pause, pauseAfterMs);
      return;
    }
    if (signal === 'offline') {
      // `offline` is a hint: a stream that still delivers is left alone, and tries go on, but seldom.
      offlineAt = now;
      if (!current && cancelRetry) retryIn(Math.max(maxRetryMs, notBefore - now));
      return;
    }
    const wentAt = offlineAt;
    if (signal === 'online') offlineAt = undefined;
    else {
      cancelPause?.();
      resting = false;
    }
    if (current) {
      // Timers stand still while a machine sleeps, and a socket may not have survived the way through `offline`.
      const cut = signal === 'online' && wentAt !== undefined && lastHeardAt <= wentAt;
      if (!cut && now - lastHeardAt < silenceMs) return;
      fail(new LiveError('silence'));
    }
    if (now >= notBefore) connect();
    else if (!cancelRetry) retryIn(notBefore - now);
  });

  const close = (): void => {
    unlisten();
    cancelPause?.();
    rest();
  };

  connect();
  return {
    close,
    use(next) {
      way = next;
      again();
    },
  };
}
