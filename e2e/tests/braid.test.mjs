// Braid subscriptions as npm's `braid-http` reads them, unchanged: snapshots and patches, through restarts and a crash,
// each time from where it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetch as braidFetch } from 'braid-http';
import fastJsonPatch from 'fast-json-patch';
import { followersUntil } from '../lib/followers.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { assertHolds, assertOnlyTruth, holds } from '../lib/truth.mjs';

const STATES = 15;

/** Follows a resource; `braid-http` connects again by itself. */
class BraidFollower {
  name = 'braid-http';
  kinds = { snapshot: 0, patch: 0 };
  failure;
  #abort = new AbortController();

  /** `states`: what it holds already. */
  constructor(t, url, { headers = {}, states = [] } = {}) {
    this.states = states;
    t.after(() => this.#abort.abort());
    const fail = (error) => {
      if (!this.#abort.signal.aborted) this.failure = error;
    };
    braidFetch(url, {
      headers,
      subscribe: true,
      signal: this.#abort.signal,
      retry: () => true,
      parents: () => this.latest && [this.latest.id],
    })
      .then((response) => {
        this.status = response.status;
        response.subscribe((update) => this.#take(update), fail);
      })
      .catch(fail);
  }

  get latest() {
    return this.states.at(-1);
  }

  #take({ version: [id], parents, body_text: body, patches }) {
    try {
      if (patches === undefined) {
        this.kinds.snapshot += 1;
        this.states.push({ id, data: JSON.parse(body) });
        return;
      }
      assert.deepEqual(parents, [this.latest.id], 'a patch goes on from what is held');
      const [patch] = patches;
      assert.equal(patches.length, 1);
      this.kinds.patch += 1;
      const { newDocument } = fastJsonPatch.applyPatch(this.latest.data, JSON.parse(patch.content_text), true, false);
      this.states.push({ id, data: newDocument });
    } catch (error) {
      this.failure ??= error;
    }
  }
}

test('the client of braid-http follows, and goes on from where it was', async (t) => {
  t.mock.method(console, 'log', () => {});
  const origin = await Origin.start(t, 23);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const followers = [new BraidFollower(t, url), new BraidFollower(t, url, { headers: { 'accept-encoding': 'gzip' } })];
  const moreStates = async (when) => {
    const before = followers.map(({ states }) => states.length);
    await followersUntil(`${STATES} more states ${when}`, followers, () =>
      followers.every(({ states }, at) => states.length >= before[at] + STATES));
  };
  await moreStates('at first');
  for (const { status, kinds } of followers) {
    assert.equal(status, 209);
    assert.equal(kinds.snapshot, 1, 'one snapshot, then patches');
  }
  await gateway.restart();
  await moreStates('after a restart');
  await gateway.restart('SIGKILL');
  await moreStates('after a crash');
  origin.halted = true;
  const truth = await (await fetch(`${origin.url}/document`)).text();
  await followersUntil('each holds the newest state', followers, () => followers.every((follower) => holds(follower, truth)));
  for (const follower of followers) {
    assertOnlyTruth(follower, origin.served);
    assertHolds(follower, truth);
    assert.ok(follower.kinds.patch > 2 * STATES, JSON.stringify(follower.kinds));
  }
});

test('from a version that is known it goes on without a snapshot', async (t) => {
  t.mock.method(console, 'log', () => {});
  const origin = await Origin.start(t, 5);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const watching = new BraidFollower(t, url);
  await followersUntil('some states', [watching], () => watching.states.length >= 5);
  const [first] = watching.states;
  const resumed = new BraidFollower(t, url, { states: [first] });
  await followersUntil('it is there as well', [resumed], () => resumed.states.length >= 3);
  assert.equal(resumed.kinds.snapshot, 0, 'what it had was good');
  assertOnlyTruth(resumed, origin.served);
});
