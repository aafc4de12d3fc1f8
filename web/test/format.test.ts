import { expect, test } from 'vitest';
import * as format from '../src/format.ts';

test.each([
  [101.1, '101.10'],
  [0, '0.00'],
  [1234.5, '1,234.50'],
])('price %f', (value, expected) => expect(format.price(value)).toBe(expected));

test.each([
  [1.2, '+1.20'],
  [-0.42, '\u22120.42'],
  [0, '0.00'],
  [-0.001, '0.00'],
])('signed %f', (value, expected) => expect(format.signed(value)).toBe(expected));

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [999.6, '1.00 kB'],
  [1240, '1.24 kB'],
  [38_140_000, '38.1 MB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [720e9, '720 GB'],
  [9e18, '9000 PB'],
])('bytes %f', (value, expected) => expect(format.bytes(value)).toBe(expected));

test.each([
  [-3, '0', 'ms'],
  [84.4, '84', 'ms'],
  [34_218, '34,218', 'ms'],
  [6_000_000, '100', 'min'],
])('age %f', (ms, value, unit) => expect(format.age(ms)).toEqual({ value, unit }));

test.each([
  [450, '450 ms'],
  [3250, '3.2 s'],
  [9999, '9.9 s'],
  [48_900, '48 s'],
  [300_000, '5 min'],
])('duration %f', (ms, expected) => expect(format.duration(ms)).toBe(expected));

test('clock time has two digits for each part', () => {
  expect(format.clockTime(new Date(2026, 0, 31, 9, 5, 7).getTime())).toBe('09:05:07');
});
