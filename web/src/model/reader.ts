/**
 * The two ways that ask the API directly, as a careful team would: gzip, conditional, never two requests at a time, a
 * time-out, and the last good answer stays when one fails.
 */

import type { Quote } from './market.ts';

/** What a reader holds. */
export interface Reading {
  readonly quotes: readonly Quote[] | undefined;
  /** Why the last request failed, in two words; undefined when it did not. */
  readonly failure: string | undefined;
  readonly busy: boolean;
}

/** Longer than any healthy answer takes, shorter than patience. */
const TIMEOUT_MS = 5000;

/** Reads a board when told to. */
export class Reader {
  private view: Reading = { quotes: undefined, failure: undefined, busy: false };

  constructor(
    private readonly url: string,
    private readonly changed: () => void,
  ) {}

  /** What is held now. */
  get reading(): Reading {
    return this.view;
  }

  /** Asks once; does nothing while an answer is still awaited. */
  async read(): Promise<void> {
    if (this.view.busy) return;
    this.set({ busy: true });
    try {
      // `no-cache` makes the browser revalidate with If-None-Match, and take its stored copy on 304.
      const response = await fetch(this.url, { cache: 'no-cache', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) this.set({ failure: `answered ${response.status}` });
      else this.set({ quotes: (await response.json()) as Quote[], failure: undefined });
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
      this.set({ failure: timedOut ? 'no answer' : 'unreachable' });
    } finally {
      this.set({ busy: false });
    }
  }

  private set(change: Partial<Reading>): void {
    this.view = { ...this.view, ...change };
    this.changed();
  }
}

/** Calls `read` every `ms`, until the returned function is called. */
export function every(ms: number, read: () => void): () => void {
  const timer = setInterval(read, ms);
  return () => clearInterval(timer);
}
