// Patches between all kinds of documents, applied by libraries that we did not write: each gives the new document.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fastJsonPatch from 'fast-json-patch';
import * as jsondiffpatch from 'jsondiffpatch/formatters/jsonpatch';
import * as rfc6902 from 'rfc6902';
import { PYTHON } from '../lib/followers.mjs';

const PAIRS = process.env.TIDEGATE_PAIRS_BIN ?? fileURLToPath(new URL('../../target/debug/examples/pairs', import.meta.url));
const APPLY = fileURLToPath(new URL('../python/apply.py', import.meta.url));

/** How many pairs there are for each seed; `./test --slow` makes more. */
const COUNT = Number(process.env.TIDEGATE_E2E_PAIRS ?? 1500);
const SEEDS = [1, 2];

function run(program, args, input) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  assert.equal(status, 0, error?.message ?? stderr.slice(-4000));
  return stdout;
}

const lines = SEEDS.map((seed) => run(PAIRS, [String(seed), String(COUNT)])).join('');
const pairs = lines.trimEnd().split('\n').map((line) => JSON.parse(line));

/** Each apply gets a document and a patch that are its own, and gives the document afterwards. */
function check(apply, some = () => true) {
  let applied = 0;
  for (const { old, new: expected, patch } of pairs) {
    const operations = JSON.parse(patch);
    if (!some(operations)) continue;
    let result;
    try {
      result = apply(JSON.parse(old), operations);
      assert.deepStrictEqual(result, JSON.parse(expected));
    } catch (error) {
      assert.fail(`${old}\nby ${patch}\ngave ${JSON.stringify(result)}: ${error.message.slice(0, 2000)}`);
    }
    applied += 1;
  }
  return applied;
}

/** The document as a member, for libraries that can put nothing in the place of a root. */
function below(apply) {
  return (document, operations) => {
    const holder = { document };
    const down = (pointer) => `/document${pointer}`;
    apply(holder, operations.map((operation) => ({
      ...operation,
      path: down(operation.path),
      ...('from' in operation && { from: down(operation.from) }),
    })));
    return holder.document;
  };
}

test('there are pairs of all kinds', () => {
  assert.equal(pairs.length, SEEDS.length * COUNT);
  const operations = pairs.flatMap(({ patch }) => JSON.parse(patch));
  for (const name of ['add', 'remove', 'replace', 'move']) {
    assert.ok(operations.some(({ op }) => op === name), `some ${name}`);
  }
  for (const part of ['~0', '~1', '😀', '"', '\\', '\n', '\u0000']) {
    assert.ok(operations.some(({ path }) => path.includes(part)), `some path with ${JSON.stringify(part)}`);
  }
  assert.ok(operations.some(({ path }) => path.endsWith('/')), 'some path with an empty name');
  assert.ok(operations.some(({ path }) => path === ''), 'some root');
});

test('npm fast-json-patch', () => {
  const validate = true;
  assert.equal(check((document, operations) => fastJsonPatch.applyPatch(document, operations, validate).newDocument), pairs.length);
});

test('npm rfc6902', () => {
  const apply = below((document, operations) => {
    for (const error of rfc6902.applyPatch(document, operations)) assert.equal(error, null);
  });
  assert.equal(check(apply), pairs.length);
});

test('npm jsondiffpatch', () => {
  // It takes «-» for the end of an array even where it is the name of a member, and refuses it.
  const suits = (operations) => !operations.some(({ path }) => path.endsWith('/-'));
  assert.ok(check(below(jsondiffpatch.patch), suits) > 0.9 * pairs.length);
});

test('PyPI jsonpatch', () => {
  assert.deepEqual(JSON.parse(run(PYTHON, [APPLY], lines)), { applied: pairs.length });
});
