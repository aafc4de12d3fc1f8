import { expect, test } from 'vitest';
import { compare, newestTrade } from '../src/model/compare.ts';
import type { Quote } from '../src/model/market.ts';

const second = (at: number) => new Date(Date.UTC(2026, 0, 31, 9, 30, at)).toISOString();
const quote = (symbol: string, price: number, at: number): Quote => ({
  symbol,
  name: symbol,
  price,
  change: 0,
  change_percent: 0,
  bid: price,
  ask: price,
  volume: 0,
  time: second(at),
});
const symbols = (wrong: ReadonlySet<string>) => [...wrong];

test('an older trade with another price is wrong', () => {
  const wrong = compare({
    live: [quote('A', 2, 5), quote('B', 7, 1)],
    polling: [quote('A', 1, 3), quote('B', 7, 1)],
    refresh: [quote('A', 2, 3), quote('B', 6, 0)],
  });
  expect(symbols(wrong.live)).toEqual([]);
  expect(symbols(wrong.polling)).toEqual(['A']);
  expect(symbols(wrong.refresh)).toEqual(['B']); // A is older there, and its price is right all the same
});

test('the live board is wrong when another has the newer trade', () => {
  const wrong = compare({ live: [quote('A', 1, 3)], polling: [quote('A', 2, 4)], refresh: undefined });
  expect(symbols(wrong.live)).toEqual(['A']);
  expect(symbols(wrong.polling)).toEqual([]);
});

test('boards without an answer and unknown symbols are not wrong', () => {
  const wrong = compare({ live: undefined, polling: [quote('A', 1, 1)], refresh: [quote('B', 1, 1)] });
  expect([wrong.live, wrong.polling, wrong.refresh].map(symbols)).toEqual([[], [], []]);
});

test('the newest trade of a board', () => {
  expect(newestTrade([quote('A', 1, 3), quote('B', 1, 9), quote('C', 1, 5)])).toBe(Date.parse(second(9)));
  expect(newestTrade([])).toBeUndefined();
  expect(newestTrade(undefined)).toBeUndefined();
});
