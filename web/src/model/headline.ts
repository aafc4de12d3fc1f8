/** The state of the live board in words: what it is, since when, why, and what happens next. */

import type { LiveState } from 'tidegate';
import { clockTime, duration } from '../format.ts';
import type { MarketState } from './market.ts';

/** How serious it is. */
export type Tone = 'live' | 'waiting' | 'stale' | 'lost';

/** The words. `title` changes only with the state; `detail` counts. */
export interface Headline {
  readonly tone: Tone;
  readonly title: string;
  readonly detail: string;
}

/** `serverNow` and `localNow` are the two clocks: `since` of a stale state is the server's, `retryAt` is local. */
export function headline(
  live: Pick<LiveState<unknown>, 'status' | 'since' | 'freshWithinMs' | 'retryAt' | 'cause'>,
  market: MarketState | undefined,
  serverNow: number,
  localNow: number,
): Headline {
  switch (live.status) {
    case 'connecting':
      return { tone: 'waiting', title: 'Connecting', detail: 'waiting for the first snapshot' };
    case 'live': {
      if (market === 'halt') {
        return { tone: 'live', title: 'Live, trading is halted', detail: 'nothing changes; these prices are current' };
      }
      const within = live.freshWithinMs === undefined ? '' : `confirmed with the API every ${duration(live.freshWithinMs)} or sooner`;
      return { tone: 'live', title: 'Live', detail: within };
    }
    case 'stale':
      return {
        tone: 'stale',
        title: 'The API is down',
        detail: join(lastGood(live.since, serverNow), why(live.cause?.title), nextTry(live.retryAt, localNow)),
      };
    case 'disconnected':
      return {
        tone: 'lost',
        title: 'The gateway is away',
        detail: join(lastGood(live.since, localNow), nextTry(live.retryAt, localNow)),
      };
    case 'gone':
      return { tone: 'lost', title: 'The API no longer offers this', detail: join(why(live.cause?.title), nextTry(live.retryAt, localNow)) };
    case 'closed':
      return { tone: 'lost', title: 'Ended', detail: join(why(live.cause?.title), 'reload the page to try again') };
  }
}

function lastGood(since: number, now: number): string {
  return `data from ${clockTime(since)}, ${duration(Math.max(0, now - since))} ago`;
}

function nextTry(at: number | undefined, now: number): string {
  if (at === undefined || at <= now) return 'trying again';
  return `next try in ${duration(at - now)}`;
}

function why(title: string | undefined): string {
  return title ?? '';
}

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}
