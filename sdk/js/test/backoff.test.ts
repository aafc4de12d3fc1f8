import { expect, test } from 'vitest';
import { fullJitter, isFinal, retryAfter } from '../src/backoff.ts';

test.each([
  [0, 0, 0],
  [0, 0.5, 500],
  [1, 0.5, 1000],
  [3, 1, 8000],
  [5, 1, 30_000],
  [4000, 1, 30_000],
])('attempt %i at random %f waits %i ms', (attempt, random, expected) => {
  expect(fullJitter(attempt, 1000, 30_000, random)).toBe(expected);
});

const now = Date.UTC(2026, 0, 31, 9, 30, 0);
test.each([
  [null, 0],
  ['0', 0],
  ['7', 7000],
  [' 7 ', 7000],
  ['99999999999', 3_600_000],
  ['Sun, 01 Feb 2026 09:30:00 GMT', 3_600_000],
  ['Sat, 31 Jan 2026 09:30:05 GMT', 5000],
  ['Sat, 31 Jan 2026 09:29:00 GMT', 0],
  ['-1', 0],
  ['1.5', 0],
  ['soon', 0],
  ['', 0],
])('Retry-After %s is %s ms', (field, expected) => {
  expect(retryAfter(field, now)).toBe(expected);
});

test('which statuses are worth another try', () => {
  expect([400, 401, 403, 404, 406, 410, 422].every(isFinal)).toBe(true);
  expect([408, 425, 429, 500, 502, 503, 504].some(isFinal)).toBe(false);
});
