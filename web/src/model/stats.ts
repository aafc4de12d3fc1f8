/**
 * The servers' counters: since this page was loaded, and per minute.
 *
 * Invariant: the first reading is the baseline, so the page's numbers begin at zero whatever happened before it.
 */

import { type MarketState, WAYS, type Way } from './market.ts';

/** What is counted for a way. The gateway's counters are zero for the two ways that ask the API directly. */
export interface Counters {
  readonly market_requests: number;
  readonly market_not_modified: number;
  readonly market_bytes: number;
  readonly gateway_requests: number;
  readonly gateway_bytes: number;
}

/** `/stats`. */
export interface Stats {
  readonly now: string;
  readonly ways: Readonly<Record<Way, Partial<Counters>>>;
  readonly market: { readonly state: MarketState };
  readonly gateway: { readonly state: 'up' | 'restarting' };
}

const NAMES = ['market_requests', 'market_not_modified', 'market_bytes', 'gateway_requests', 'gateway_bytes'] as const;

/** The window that «per minute» looks back on. */
export const WINDOW_MS = 60_000;

/** Less than this is too little to speak of a rate. */
const SHORTEST_MS = 5000;

interface Reading {
  readonly at: number;
  readonly counters: Counters;
}

/** The counters of one way. */
export class Meter {
  private baseline: Counters | undefined;
  private window: Reading[] = [];
  private restarting = false;

  /** Records a reading taken at `at`. */
  record(at: number, raw: Partial<Counters>): void {
    const counters = map((name) => raw[name] ?? 0);
    this.baseline ??= counters;
    if (this.restarting) this.window = [];
    this.restarting = false;
    this.window.push({ at, counters });
    // The last reading at or before the window's beginning stays: the difference then spans the whole window.
    while ((this.window[1]?.at ?? at) <= at - WINDOW_MS) this.window.shift();
  }

  /** Counts since the baseline; undefined before the first reading. */
  total(): Counters | undefined {
    const last = this.window.at(-1)?.counters;
    const { baseline } = this;
    return last === undefined || baseline === undefined ? undefined : map((name) => last[name] - baseline[name]);
  }

  /** Counts per minute over the window, extrapolated while it is not full; undefined while there is too little of it. */
  perMinute(): Counters | undefined {
    const span = this.span();
    return span === undefined || span.ms < SHORTEST_MS ? undefined : map((name) => (span.counts[name] * WINDOW_MS) / span.ms);
  }

  /** Counts in the last minute, not extrapolated: for what happens by hand and not at a rate. */
  lastMinute(): Counters | undefined {
    return this.span()?.counts;
  }

  /** Begins the window again with the next reading, because what is measured has changed. */
  restart(): void {
    this.restarting = true;
  }

  private span(): { ms: number; counts: Counters } | undefined {
    const first = this.window[0];
    const last = this.window.at(-1);
    if (first === undefined || last === undefined) return undefined;
    return { ms: last.at - first.at, counts: map((name) => last.counters[name] - first.counters[name]) };
  }
}

/** A meter for each way. */
export function meters(): Record<Way, Meter> {
  return Object.fromEntries(WAYS.map((way) => [way, new Meter()])) as Record<Way, Meter>; // WAYS are all of them
}

function map(value: (name: (typeof NAMES)[number]) => number): Counters {
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as unknown as Counters; // NAMES are all of them
}
