import { expect, test } from 'vitest';
import { share } from '../src/share.ts';

test('an equal document is the previous one', () => {
  const previous = { a: [1, { b: null }], c: 'x' };
  expect(share(previous, structuredClone(previous))).toBe(previous);
});

test('only what changed is new', () => {
  const previous = [{ id: 1 }, { id: 2, tags: ['x'] }, { id: 3 }];
  const next = share(previous, [{ id: 1 }, { id: 9, tags: ['x'] }, { id: 3 }, { id: 4 }]);
  expect(next).toEqual([{ id: 1 }, { id: 9, tags: ['x'] }, { id: 3 }, { id: 4 }]);
  expect(next[0]).toBe(previous[0]);
  expect(next[1]?.tags).toBe(previous[1]?.tags);
  expect(next[2]).toBe(previous[2]);
});

test('a shorter array is a new one', () => {
  expect(share([1, 2], [1])).toEqual([1]);
});

test('the order of members is the next one\'s', () => {
  const inner = { x: 1 };
  const next = share({ a: inner, b: 2 }, { b: 2, a: { x: 1 } });
  expect(JSON.stringify(next)).toBe('{"b":2,"a":{"x":1}}');
  expect(next.a).toBe(inner);
});

test('types are not mixed up', () => {
  expect(share([], {})).toEqual({});
  expect(share({}, [])).toEqual([]);
  expect(share(null, {})).toEqual({});
  expect(share({ 0: 'a' }, ['a'])).toEqual(['a']);
  expect(Object.is(share(0, -0), -0)).toBe(true);
});

test('neither argument changes', () => {
  const previous = Object.freeze({ a: Object.freeze([1]), b: 1 });
  const next = Object.freeze({ a: Object.freeze([1]), b: 2 });
  expect(share(previous, next)).toEqual({ a: [1], b: 2 });
  expect(next.a).not.toBe(previous.a);
});

test('values of a class are compared by their JSON and never taken apart', () => {
  class Decimal {
    constructor(readonly text: string) {}
    toJSON() {
      return this.text;
    }
  }
  const previous = { price: new Decimal('1.10'), size: new Decimal('5') };
  const next = share(previous, { price: new Decimal('1.10'), size: new Decimal('6') });
  expect(next.price).toBe(previous.price);
  expect(next.size).toBeInstanceOf(Decimal);
  expect(next.size.text).toBe('6');
});
