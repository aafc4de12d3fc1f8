import { describe, expect, test } from 'vitest';
import { applyPatch, LiveError } from '../src/patches.ts';

/** Freezes deeply, so that a patch that writes to the document throws a TypeError instead of passing. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

const works: [name: string, document: unknown, patch: unknown[], expected: unknown][] = [
  ['no operation', { a: 1 }, [], { a: 1 }],
  ['add a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
  ['add over a member', { a: 1 }, [{ op: 'add', path: '/a', value: null }], { a: null }],
  ['add at an index', [1, 3], [{ op: 'add', path: '/1', value: 2 }], [1, 2, 3]],
  ['add at the end by index', [1], [{ op: 'add', path: '/1', value: 2 }], [1, 2]],
  ['add at the end by "-"', [1], [{ op: 'add', path: '/-', value: [2] }], [1, [2]]],
  ['add the root', { a: 1 }, [{ op: 'add', path: '', value: [1] }], [1]],
  ['add to an empty key', {}, [{ op: 'add', path: '/', value: 1 }], { '': 1 }],
  ['an unknown member of the operation', {}, [{ op: 'add', path: '/a', value: 1, from: 3, x: 1 }], { a: 1 }],
  ['remove a member', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
  ['remove an item', [1, 2, 3], [{ op: 'remove', path: '/0' }], [2, 3]],
  ['remove two items, shifting', [1, 2, 3], [{ op: 'remove', path: '/0' }, { op: 'remove', path: '/0' }], [3]],
  ['replace a member', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
  ['replace an item', [[1], [2]], [{ op: 'replace', path: '/1/0', value: 3 }], [[1], [3]]],
  ['replace the root', { a: 1 }, [{ op: 'replace', path: '', value: 'text' }], 'text'],
  ['replace a scalar root', 1, [{ op: 'replace', path: '', value: { a: 1 } }], { a: 1 }],
  ['move a member', { a: 1, b: {} }, [{ op: 'move', from: '/a', path: '/b/c' }], { b: { c: 1 } }],
  ['move an item down', [1, 2, 3], [{ op: 'move', from: '/0', path: '/2' }], [2, 3, 1]],
  ['move to where it is', { a: 1 }, [{ op: 'move', from: '/a', path: '/a' }], { a: 1 }],
  ['move a child over its parent', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/a' }], { a: 1 }],
  ['move to the root', { a: { b: 1 } }, [{ op: 'move', from: '/a', path: '' }], { b: 1 }],
  ['move to a name that only begins alike', { a: 1 }, [{ op: 'move', from: '/a', path: '/ab' }], { ab: 1 }],
  ['copy a member', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
  ['copy into itself', { a: {} }, [{ op: 'copy', from: '', path: '/a/b' }], { a: { b: { a: {} } } }],
  [
    'a copy is independent of its source',
    { a: { x: 1 } },
    [
      { op: 'replace', path: '/a/x', value: 2 },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'replace', path: '/b/x', value: 3 },
      { op: 'add', path: '/a/y', value: 4 },
    ],
    { a: { x: 2, y: 4 }, b: { x: 3 } },
  ],
  ['test a number by value', { a: 1.1 }, [{ op: 'test', path: '/a', value: 1.1 }], { a: 1.1 }],
  ['test an object in another order', { a: { x: 1, y: [2] } }, [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }], { a: { x: 1, y: [2] } }],
  ['test null', { a: null }, [{ op: 'test', path: '/a', value: null }], { a: null }],
  ['test the root', [1], [{ op: 'test', path: '', value: [1] }], [1]],
  ['escaped keys', { 'a/b': 1, 'm~n': 2, '~1': 3 }, [{ op: 'replace', path: '/a~1b', value: 4 }, { op: 'replace', path: '/m~0n', value: 5 }, { op: 'replace', path: '/~01', value: 6 }], { 'a/b': 4, 'm~n': 5, '~1': 6 }],
  ['keys that look like indexes', { 0: { '-': 1 } }, [{ op: 'replace', path: '/0/-', value: 2 }], { 0: { '-': 2 } }],
  ['keys beyond ASCII', { 'ключ 🔑': 1 }, [{ op: 'replace', path: '/ключ 🔑', value: 2 }], { 'ключ 🔑': 2 }],
];

const fails: [name: string, document: unknown, patch: unknown[], index: number][] = [
  ['add below nothing', {}, [{ op: 'add', path: '/a/b', value: 1 }], 0],
  ['add below a scalar', { a: 1 }, [{ op: 'add', path: '/a/b', value: 1 }], 0],
  ['add beyond the end', [1], [{ op: 'add', path: '/2', value: 1 }], 0],
  ['add without a value', {}, [{ op: 'add', path: '/a' }], 0],
  ['remove nothing', { a: 1 }, [{ op: 'remove', path: '/b' }], 0],
  ['remove beyond the end', [1], [{ op: 'remove', path: '/1' }], 0],
  ['remove "-"', [1], [{ op: 'remove', path: '/-' }], 0],
  ['remove the root', { a: 1 }, [{ op: 'remove', path: '' }], 0],
  ['remove what every object inherits', {}, [{ op: 'remove', path: '/constructor' }], 0],
  ['replace nothing', {}, [{ op: 'replace', path: '/a', value: 1 }], 0],
  ['replace "-"', [1], [{ op: 'replace', path: '/-', value: 1 }], 0],
  ['replace without a value', { a: 1 }, [{ op: 'replace', path: '/a' }], 0],
  ['an index with a leading zero', [1, 2], [{ op: 'replace', path: '/01', value: 1 }], 0],
  ['an index with a sign', [1, 2], [{ op: 'replace', path: '/+1', value: 1 }], 0],
  ['an index that is a word', [1], [{ op: 'replace', path: '/length', value: 1 }], 0],
  ['move into its own child', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b/c' }], 0],
  ['move the root into itself', { a: {} }, [{ op: 'move', from: '', path: '/a' }], 0],
  ['move from nothing', {}, [{ op: 'move', from: '/a', path: '/b' }], 0],
  ['move without from', { a: 1 }, [{ op: 'move', path: '/a' }], 0],
  ['copy from nothing', {}, [{ op: 'copy', from: '/a', path: '/b' }], 0],
  ['test another value', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 0],
  ['test another type', { a: 1 }, [{ op: 'test', path: '/a', value: '1' }], 0],
  ['test an array against an object', { a: [] }, [{ op: 'test', path: '/a', value: {} }], 0],
  ['test with more members', { a: { x: 1 } }, [{ op: 'test', path: '/a', value: { x: 1, y: 1 } }], 0],
  ['test nothing', {}, [{ op: 'test', path: '/a', value: null }], 0],
  ['an unknown operation', {}, [{ op: 'swap', path: '/a' }], 0],
  ['an operation that is no object', {}, ['remove'], 0],
  ['a pointer without a slash', { a: 1 }, [{ op: 'remove', path: 'a' }], 0],
  ['a pointer with a bad escape', { 'a~2': 1 }, [{ op: 'remove', path: '/a~2' }], 0],
  ['no pointer', { a: 1 }, [{ op: 'remove' }], 0],
  ['the second of three', { a: 1 }, [{ op: 'replace', path: '/a', value: 2 }, { op: 'remove', path: '/b' }, { op: 'remove', path: '/a' }], 1],
];

describe('a patch that fits', () => {
  test.each(works)('%s', (_name, document, patch, expected) => {
    const before = structuredClone(document);
    expect(applyPatch(frozen(document), frozen(patch))).toStrictEqual(expected);
    expect(document).toStrictEqual(before);
  });
});

describe('a patch that does not fit changes nothing', () => {
  test.each(fails)('%s', (_name, document, patch, index) => {
    const before = structuredClone(document);
    let error: unknown;
    try {
      applyPatch(frozen(document), patch);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(LiveError);
    expect((error as LiveError).index).toBe(index);
    expect(document).toStrictEqual(before);
  });

  test('a patch that is no array', () => {
    expect(() => applyPatch({}, { op: 'add' })).toThrow(LiveError);
  });
});

test('the key __proto__ is an ordinary one', () => {
  const document = JSON.parse('{"__proto__":{"a":1},"b":2}');
  const next = applyPatch(document, JSON.parse('[{"op":"replace","path":"/__proto__/a","value":3}]'));
  expect(JSON.stringify(next)).toBe('{"__proto__":{"a":3},"b":2}');
  const added = applyPatch({ b: 2 }, JSON.parse('[{"op":"add","path":"/__proto__","value":{"polluted":true}}]'));
  expect(JSON.stringify(added)).toBe('{"b":2,"__proto__":{"polluted":true}}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('the order of members stays', () => {
  const next = applyPatch({ a: 1, b: 2, c: 3 }, [{ op: 'replace', path: '/b', value: 9 }]);
  expect(JSON.stringify(next)).toBe('{"a":1,"b":9,"c":3}');
});

describe('unchanged parts keep their identity', () => {
  const rows = [{ id: 1, deep: { x: 1 } }, { id: 2, deep: { x: 2 } }, { id: 3, deep: { x: 3 } }];

  test('beside a change', () => {
    const document = { rows, other: { y: 1 } };
    const next = applyPatch(document, [{ op: 'replace', path: '/rows/1/id', value: 9 }]) as typeof document;
    expect(next).not.toBe(document);
    expect(next.other).toBe(document.other);
    expect(next.rows[0]).toBe(rows[0]);
    expect(next.rows[1]).not.toBe(rows[1]);
    expect(next.rows[1]?.deep).toBe(rows[1]?.deep);
  });

  test('when items move', () => {
    const next = applyPatch(rows, [{ op: 'remove', path: '/0' }]) as typeof rows;
    expect(next[0]).toBe(rows[1]);
    expect(next[1]).toBe(rows[2]);
  });

  test('inside a replaced value that is partly equal', () => {
    const next = applyPatch(rows, [{ op: 'replace', path: '/0', value: { id: 7, deep: { x: 1 } } }]) as typeof rows;
    expect(next[0]?.deep).toBe(rows[0]?.deep);
  });

  test('when a patch only tests', () => {
    expect(applyPatch(rows, [{ op: 'test', path: '/0/id', value: 1 }])).toBe(rows);
  });
});
