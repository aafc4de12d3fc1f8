/** The host's clock, timers and network signals: the one place that touches globals, so that tests touch none. */

import type { ConnectOptions, NetworkSignals } from './types.ts';

/** Everything that a live resource takes from outside. */
export interface Host {
  readonly fetch: typeof fetch;
  readonly random: () => number;
  readonly now: () => number;
  readonly setTimer: (callback: () => void, ms: number) => () => void;
  readonly network: NetworkSignals;
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The host as the options describe it, the global one where they are silent. */
export function hostOf(options: ConnectOptions): Host {
  return {
    // Looked up at each call, so that a page may replace the global; called unbound, as browsers require.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    setTimer: options.setTimer ?? setGlobalTimer,
    network: options.network ?? browserNetwork,
  };
}

function setGlobalTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, Math.min(ms, LONGEST_TIMER_MS));
  return () => clearTimeout(timer);
}

/** `window` and `document` where they exist; Node has neither. */
const browserNetwork: NetworkSignals = {
  listen(callback) {
    const leaving = new AbortController();
    for (const type of ['online', 'offline', 'visibilitychange'] as const) {
      // The last one is fired at the document, and bubbles (WHATWG HTML, «page visibility»).
      const listener = (): void => callback(type === 'visibilitychange' ? document.visibilityState : type);
      globalThis.addEventListener?.(type, listener, leaving);
    }
    return () => leaving.abort();
  },
};
