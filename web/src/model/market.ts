/** What the market API and the demo program serve: the shapes of their JSON. */

/** One row of `/quotes`. */
export interface Quote {
  readonly symbol: string;
  readonly name: string;
  readonly price: number;
  readonly change: number;
  readonly change_percent: number;
  readonly bid: number;
  readonly ask: number;
  readonly volume: number;
  /** The symbol's last trade, RFC 3339. */
  readonly time: string;
}

/** One trade of `/quotes/{symbol}/trades`. */
export interface Trade {
  readonly id: number;
  readonly price: number;
  readonly size: number;
  readonly side: 'buy' | 'sell';
  readonly time: string;
}

/** `/quotes/{symbol}/trades`, newest first. */
export interface Trades {
  readonly symbol: string;
  readonly trades: readonly Trade[];
}

/** A price level of the order book. */
export interface Level {
  readonly price: number;
  readonly size: number;
}

/** `/orderbook/{symbol}`, best first on both sides. */
export interface OrderBook {
  readonly symbol: string;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** The three ways to read the same API. */
export const WAYS = ['live', 'polling', 'refresh'] as const;
export type Way = (typeof WAYS)[number];

/** Which fault the market plays. */
export type MarketState = 'run' | 'halt' | 'error' | 'hang';

/** `/demo.json`: where the parts listen. */
export interface Demo {
  readonly gateway_port: number;
  readonly market_port: number;
  readonly poll_ms: number;
  readonly symbols: number;
}

const times = new WeakMap<Quote, number>();

/** When a quote last traded, in ms since 1970; parsed once for each object, which structural sharing makes worth it. */
export function tradedAt(quote: Quote): number {
  let time = times.get(quote);
  if (time === undefined) {
    time = Date.parse(quote.time);
    times.set(quote, time);
  }
  return time;
}
