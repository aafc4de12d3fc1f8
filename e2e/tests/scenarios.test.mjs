// The JavaScript SDK, and clients that others wrote, through the scenarios that every client of this repository goes
// through: what bad proxies, restarts and outages do, and what has to come of it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { live } from '../../sdk/js/dist/index.js';
import { NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { play, scenarios } from '../lib/scenario.mjs';

/** The SDK. Its tries follow each other quickly, so that nobody waits here for what is tested in virtual time. */
function sdk(t, url) {
  const states = [];
  const follower = { states, isStale: false, failure: undefined };
  const feed = live(url, { silenceMs: 3000, bufferedMs: 1000, maxRetryMs: 10 });
  feed.on('update', ({ kind, data }) => states.push({ event: kind, data }));
  feed.on('status', ({ status }) => (follower.isStale = status === 'stale'));
  feed.on('error', (error) => {
    if (error.final) follower.failure = error;
  });
  t.after(() => feed.close());
  return follower;
}

/** Plain clients, as the others see them. */
const plain = (follower) => ({
  get states() {
    return follower.states.map(({ event, data }) => ({ event, data: typeof data === 'string' ? JSON.parse(data) : data }));
  },
  get isStale() {
    return follower.statuses.at(-1)?.state === 'stale';
  },
  get failure() {
    return follower.failure;
  },
});

test('there are scenarios', () => assert.ok(scenarios.length >= 15));

describe('scenarios', { concurrency: 4 }, () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: the SDK`, (t) => play(t, scenario, (url) => sdk(t, url)));
    if (!scenario.plain) continue;
    test(`${scenario.name}: eventsource`, (t) => play(t, scenario, (url) => plain(new NodeFollower(t, url))));
    test(`${scenario.name}: httpx-sse`, (t) => play(t, scenario, (url) => plain(new PythonFollower(t, url))));
  }
});
