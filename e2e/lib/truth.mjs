// What the design promises of every client, as a check over the states that one held.

import assert from 'node:assert/strict';
import { exact } from './exact.mjs';

/** The documents of a follower's states as values that compare: with texts of numbers where it kept them. */
function comparable(data) {
  return typeof data === 'string' ? exact(data) : data;
}

/** The document in a text, as the follower holds documents: by its `read`, where it reads them itself. */
function expected({ read = JSON.parse }, data, text) {
  return typeof data === 'string' ? exact(text) : read(text);
}

/**
 * Each state that the follower held is one that the origin served (never wrong), and they are in the order in which
 * the origin had them (never backwards). `served`: the JSON text of each version, by its number.
 */
export function assertOnlyTruth(follower, served) {
  assert.ifError(follower.failure);
  let last = 0;
  for (const { id, data } of follower.states) {
    const held = comparable(data);
    const version = Number(held.version['#'] ?? held.version);
    const text = served.get(version);
    assert.ok(text !== undefined, `${follower.name} held version ${version} at ${id}, which was never served`);
    assert.deepEqual(held, expected(follower, data, text), `${follower.name} at ${id}`);
    assert.ok(version >= last, `${follower.name} went back from version ${last} to ${version} at ${id}`);
    last = version;
  }
}

/** What the follower holds is what `text` says, number for number. */
export function assertHolds(follower, text) {
  assert.ifError(follower.failure);
  const { data } = follower.latest;
  assert.deepEqual(comparable(data), expected(follower, data, text), follower.name);
}

/** Whether the follower holds what `text` says; for waiting until it does. */
export function holds(follower, text) {
  try {
    assertHolds(follower, text);
    return true;
  } catch {
    return false;
  }
}
