import { expect, test } from 'vitest';
import { mergePatch } from '../src/patches.ts';

test.each([
  // RFC 7396, appendix A.
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [['a', 'b'], ['c', 'd'], ['c', 'd']],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  // Nulls inside arrays are values.
  [{ a: 1 }, { a: [null, { b: null }] }, { a: [null, { b: null }] }],
  // Names that every object has.
  [{}, { valueOf: { x: 1 }, toString: null }, { valueOf: { x: 1 } }],
])('%j merged with %j', (target, patch, expected) => {
  const before = JSON.stringify(target);
  expect(mergePatch(target, patch)).toStrictEqual(expected);
  expect(JSON.stringify(target)).toBe(before);
});

test('a member named __proto__ is an ordinary one', () => {
  const merged = mergePatch(JSON.parse('{"a":1}'), JSON.parse('{"__proto__":{"b":2}}'));
  expect(JSON.stringify(merged)).toBe('{"a":1,"__proto__":{"b":2}}');
  expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
});

test('what does not change keeps its identity', () => {
  const target = { a: { x: 1, y: [1] }, b: { z: [{ id: 1 }, { id: 2 }] } };
  expect(mergePatch(target, { a: { x: 1 }, c: null })).toBe(target);
  const next = mergePatch(target, { b: { z: [{ id: 1 }, { id: 3 }] } }) as typeof target;
  expect(next.a).toBe(target.a);
  expect(next.b.z[0]).toBe(target.b.z[0]);
  expect(next.b.z[1]).toEqual({ id: 3 });
});
