/**
 * Which of the prices on screen are wrong now, and how old each board is.
 *
 * A price is wrong when one of the three boards holds a newer trade of that symbol with another price. The rule is the
 * same for all three: the live board gets no benefit of the doubt.
 */

import { type Quote, tradedAt, WAYS, type Way } from './market.ts';

/** What each way holds; undefined until it has an answer. */
export type Boards = Readonly<Record<Way, readonly Quote[] | undefined>>;

/** The symbols whose price is wrong, for each way. */
export type Wrong = Readonly<Record<Way, ReadonlySet<string>>>;

/** Compares the boards, symbol by symbol. */
export function compare(boards: Boards): Wrong {
  const newest = new Map<string, Quote>();
  for (const way of WAYS) {
    for (const quote of boards[way] ?? []) {
      const known = newest.get(quote.symbol);
      if (known === undefined || tradedAt(quote) > tradedAt(known)) newest.set(quote.symbol, quote);
    }
  }
  const wrongOf = (way: Way) => {
    const wrong = new Set<string>();
    for (const quote of boards[way] ?? []) {
      const truth = newest.get(quote.symbol);
      if (truth !== undefined && truth.price !== quote.price && tradedAt(truth) > tradedAt(quote)) wrong.add(quote.symbol);
    }
    return wrong;
  };
  return { live: wrongOf('live'), polling: wrongOf('polling'), refresh: wrongOf('refresh') };
}

/** The newest trade on a board, in ms since 1970: `now` minus this is the board's age. */
export function newestTrade(quotes: readonly Quote[] | undefined): number | undefined {
  let newest: number | undefined;
  for (const quote of quotes ?? []) {
    const time = tradedAt(quote);
    if (newest === undefined || time > newest) newest = time;
  }
  return newest;
}
