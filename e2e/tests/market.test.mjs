// The demo's market as clients that we did not write see it: fast, irregular, and restarted under them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Demo } from '../lib/demo.mjs';
import { exact } from '../lib/exact.mjs';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { assertHolds, holds } from '../lib/truth.mjs';

/** How many more states each client of the board sees between two events. */
const STATES = 30;

const get = async (url) => (await fetch(url)).text();

test('while the market runs and gateways restart, clients hold the right prices', async (t) => {
  const demo = await Demo.start(t, '--rate', '200', '--poll', '50ms');
  const own = await Gateway.start(t, '--origin', demo.market, '--poll', '50ms');
  const symbol = JSON.parse(await get(`${demo.market}/quotes`))[0].symbol;
  const paths = ['/quotes', `/quotes/${symbol}`, `/orderbook/${symbol}`, `/quotes/${symbol}/trades`];
  const watched = [demo.gateway, own.url].flatMap((gateway) =>
    paths.flatMap((path) => [
      { path, follower: new NodeFollower(t, gateway + path) },
      { path, follower: new PythonFollower(t, gateway + path) },
    ]));
  const followers = watched.map(({ follower }) => follower);
  const boards = watched.filter(({ path }) => path === '/quotes').map(({ follower }) => follower);
  const moreStates = async (when) => {
    const before = boards.map((follower) => follower.states.length);
    await followersUntil(`${STATES} more states of each board ${when}`, followers, () =>
      boards.every((follower, at) => follower.states.length >= before[at] + STATES));
  };

  await moreStates('at first');
  await demo.control('gateway/restart');
  await own.restart();
  await moreStates('after restarts');
  await own.restart('SIGKILL');
  await moreStates('after a crash');

  await demo.control('market/halt');
  for (const path of paths) {
    const truth = await get(demo.market + path);
    const here = watched.filter((one) => one.path === path).map(({ follower }) => follower);
    await followersUntil(`each client holds ${path} as it is`, followers, () => here.every((follower) => follower.latest !== undefined && holds(follower, truth)));
    for (const follower of here) assertHolds(follower, truth);
    for (const gateway of [demo.gateway, own.url]) assert.deepEqual(exact(await get(gateway + path)), exact(truth), 'a plain reader gets the same');
  }
  for (const board of boards) {
    const patches = board.states.filter(({ event }) => event === 'patch').length;
    assert.ok(patches > STATES, `${board.name} was sent ${patches} patches in ${board.states.length} updates`);
  }
});
