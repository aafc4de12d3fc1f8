/** The host's clock, timers and network signals: the one place that touches globals, so that tests touch none. */

import type { LiveOptions, NetworkSignals } from './types.ts';

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
export function hostOf(options: LiveOptions): Host {
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

/** `window` and `document` where they exist; Node has neither and counts as online. */
const browserNetwork: NetworkSignals = {
  online: () => globalThis.navigator?.onLine !== false,
  listen(callback) {
    if (typeof globalThis.addEventListener !== 'function') return () => undefined;
    const online = () => callback('online');
    const offline = () => callback('offline');
    const visible = () => {
      if (globalThis.document.visibilityState === 'visible') callback('visible');
    };
    globalThis.addEventListener('online', online);
    globalThis.addEventListener('offline', offline);
    globalThis.document?.addEventListener('visibilitychange', visible);
    return () => {
      globalThis.removeEventListener('online', online);
      globalThis.removeEventListener('offline', offline);
      globalThis.document?.removeEventListener('visibilitychange', visible);
    };
  },
};
