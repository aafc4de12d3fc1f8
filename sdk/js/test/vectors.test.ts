/** The patch vectors that every implementation in this repository reads; `testdata/patch/README.md` explains them. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { applyPatch, LiveError } from '../src/patches.ts';

const folder = new URL('../../../testdata/patch/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

interface Vector {
  name: string;
  document: string;
  patch: string;
  expected?: string;
  error?: { kind: string; operation?: number };
  needs?: string[];
}

const vectorsOf = (file: string): Vector[] =>
  (JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { vectors: Vector[] }).vectors;

/** What values of JavaScript cannot tell apart, or what `JSON.parse` does not see. */
const unmet = ['number texts', 'duplicate members', 'surrogate pairs', 'a limit of depth'];

test('there are vectors', () => {
  expect(files).toContain('pointers.json');
});

describe.each(files)('%s', (file) => {
  const vectors = vectorsOf(file).filter(({ needs = [] }) => !needs.some((need) => unmet.includes(need)));

  test.each(vectors)('$name', ({ document, patch, expected, error }) => {
    const before: unknown = JSON.parse(document);
    const apply = () => applyPatch(before, JSON.parse(patch));
    if (expected !== undefined) {
      expect(apply()).toStrictEqual(JSON.parse(expected));
    } else {
      let caught: unknown;
      try {
        apply();
      } catch (thrown) {
        caught = thrown;
      }
      // A patch that is no JSON never gets as far as the SDK's apply.
      expect(caught).toBeInstanceOf(error?.kind === 'json' ? SyntaxError : LiveError);
      if (caught instanceof LiveError) expect(caught.index).toBe(error?.operation ?? -1);
    }
    expect(JSON.stringify(before)).toBe(JSON.stringify(JSON.parse(document)));
  });
});
