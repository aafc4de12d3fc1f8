// Clients that we did not write hold the right state, whatever happens to the gateway and to the origin.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { configFile, Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { assertHolds, assertOnlyTruth, holds } from '../lib/truth.mjs';

/** How many more states each client sees between two events; `./test --slow` makes it a soak. */
const STATES = Number(process.env.TIDEGATE_E2E_STATES ?? 30);
const PATIENCE_MS = 60_000 + STATES * 500;

const get = async (url) => (await fetch(url)).text();

test('every state held was served, through restarts and outages, and the last is the newest', async (t) => {
  const origin = await Origin.start(t);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const steady = [new NodeFollower(t, `${url}?tidegate.accept=text/event-stream`), new NodeFollower(t, url), new PythonFollower(t, url)];
  const dropping = new PythonFollower(t, url, { dropEvery: 7 });
  const followers = [...steady, dropping];

  const moreStates = async (when) => {
    const before = followers.map((follower) => follower.states.length);
    await followersUntil(`${STATES} more states for each client ${when}`, followers, () =>
      followers.every((follower, at) => follower.states.length >= before[at] + STATES), PATIENCE_MS);
    for (const follower of followers) assertOnlyTruth(follower, origin.served);
  };

  await moreStates('at first');
  assert.deepEqual(await gateway.restart('SIGTERM'), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart');
  await gateway.restart('SIGKILL');
  await moreStates('after a crash');

  // The origin goes away: streams stay open, say so, and go on by themselves.
  const connects = steady.map((follower) => follower.connects);
  await origin.close();
  const said = followers.map((follower) => follower.statuses.length);
  await followersUntil('each client is told that the data is stale', followers, () =>
    steady.every((follower, at) => follower.statuses.slice(said[at]).some(({ state, cause }) => state === 'stale' && cause.status === 502)));
  await origin.open();
  await moreStates('after an outage');
  assert.deepEqual(steady.map((follower) => follower.connects), connects, 'an outage of the origin closes no stream');

  origin.halted = true;
  const truth = await get(`${origin.url}/document`);
  await followersUntil('each client holds the newest state', followers, () => followers.every((follower) => holds(follower, truth)));
  assert.deepEqual(JSON.parse(await get(url)), JSON.parse(truth), 'a plain reader gets the same');
  for (const follower of followers) {
    assertOnlyTruth(follower, origin.served);
    assertHolds(follower, truth);
    assert.ok(follower.states.filter(({ event }) => event === 'patch').length > STATES, `${follower.name} was sent patches`);
  }
  assert.ok(origin.notModified > 0, 'the origin is asked with its validator');
});

test('a client that lost its connection resumes with what it missed', async (t) => {
  const origin = await Origin.start(t, 2);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const dropping = new PythonFollower(t, url, { dropEvery: 3 });
  await followersUntil(`${STATES} states`, [dropping], () => dropping.states.length >= STATES, PATIENCE_MS);

  // Continuity is proven each time: no status says otherwise, and what came first after a resume is a patch, except
  // where so much changed meanwhile that the document itself was smaller.
  const { events } = dropping;
  const resumed = events.flatMap((event, at) => (event.event === 'open' && event.resumed !== '' ? [at] : []));
  const first = resumed.map((at) => events.slice(at).find(({ data }) => data !== undefined)?.event);
  assert.ok(first.filter((event) => event === 'patch').length >= 5, `resumed with ${first}`);
  assert.ok(dropping.statuses.every(({ continuity }) => continuity === undefined), 'no continuity was lost');
  assertOnlyTruth(dropping, origin.served);
});

test('all clients together cost the origin one poll', async (t) => {
  const origin = await Origin.start(t, 3);
  // Node's fetch asks for any language and httpx for none: as far as the gateway knows, that may choose the content.
  const config = configFile(t, `
    [[origin]]
    name = "own"
    url = "${origin.url}"
    [[route]]
    path = "/**"
    origin = "own"
    poll = "1m"
    ignore_headers = ["Accept-Language"]
  `);
  const gateway = await Gateway.start(t, '--config', config);
  const url = `${gateway.url}/document`;
  const followers = [...Array.from({ length: 8 }, () => new NodeFollower(t, url)), new PythonFollower(t, url)];
  await followersUntil('each client holds a state', followers, () => followers.every(({ latest }) => latest !== undefined));
  await Promise.all(Array.from({ length: 20 }, () => get(url)));
  assert.equal(origin.requests, 1, 'nine streams and twenty plain reads within one poll interval');
  for (const follower of followers) assertOnlyTruth(follower, origin.served);
});
