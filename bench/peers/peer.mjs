// One library at one pair of documents: the worker of `peers.mjs`.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { isMainThread, parentPort } from 'node:worker_threads';
import fastJsonPatch from 'fast-json-patch';
import * as jsondiffpatch from 'jsondiffpatch';
import { format } from 'jsondiffpatch/formatters/jsonpatch';
import * as rfc6902 from 'rfc6902';

/** What identifies a row: its id or symbol, or what a row that is an array begins with. */
function identity(row) {
  const found = Array.isArray(row) ? row[0] : (row.id ?? row.symbol);
  return typeof found === 'object' ? undefined : found;
}

const byPosition = jsondiffpatch.create({});
const byIdentity = jsondiffpatch.create({ objectHash: identity });
const formatted = (differ) => (before, after) => {
  const delta = differ.diff(before, after);
  return delta === undefined ? [] : format(delta);
};

/** The libraries, each from two trees to the operations. jsondiffpatch takes part twice; the better one counts. */
export const LIBRARIES = {
  'fast-json-patch': (before, after) => fastJsonPatch.compare(before, after),
  rfc6902: (before, after) => rfc6902.createPatch(before, after),
  jsondiffpatch: formatted(byPosition),
  'jsondiffpatch by identity': formatted(byIdentity),
};

/** At most so many rounds, and only while they take less than so many milliseconds together. */
const ROUNDS = 15;
const BUDGET_MS = 300;

function measure({ peer, old, new: next }) {
  const library = LIBRARIES[peer];
  const texts = [old, next].map((file) => readFileSync(file, 'utf8'));
  const before = JSON.parse(texts[0]);
  const diffs = [];
  const fulls = [];
  let text;
  const start = performance.now();
  do {
    // The old tree is kept parsed, as ours and Rust's are.
    const parsing = performance.now();
    const after = JSON.parse(texts[1]);
    const diffing = performance.now();
    text = JSON.stringify(library(before, after));
    const end = performance.now();
    fulls.push(end - parsing);
    diffs.push(end - diffing);
  } while (fulls.length < ROUNDS && performance.now() - start < BUDGET_MS);
  const median = (samples) => samples.sort((a, b) => a - b)[samples.length >> 1] * 1000;
  return {
    bytes: Buffer.byteLength(text),
    diff_us: median(diffs),
    full_us: median(fulls),
    right: isRight(texts, text),
  };
}

/** Whether the patch leads to the new document. */
function isRight([before, after], patch) {
  try {
    const applied = fastJsonPatch.applyPatch(JSON.parse(before), JSON.parse(patch)).newDocument;
    return isDeepStrictEqual(applied, JSON.parse(after));
  } catch {
    return false;
  }
}

if (!isMainThread) {
  parentPort.on('message', (task) => {
    try {
      parentPort.postMessage(measure(task));
    } catch (error) {
      const overflow = error instanceof RangeError && /call stack/.test(error.message);
      parentPort.postMessage({ skipped: overflow ? 'stack overflow' : String(error.message ?? error) });
    }
  });
}
