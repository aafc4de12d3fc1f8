// Our own SDK in Chromium: several resources on one connection, the tabs of a site, React.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, Visit } from '../lib/browser.mjs';
import { Demo } from '../lib/demo.mjs';
import { followersUntil } from '../lib/followers.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { sdkPage, TabFollower, tabs } from '../lib/sdk-pages.mjs';
import { get, nginx } from '../lib/servers.mjs';
import { assertHolds, assertOnlyTruth, holds } from '../lib/truth.mjs';
import { eventually } from '../lib/wait.mjs';

/** So many resources on one connection. */
const MANY = 30;

const look = (followers) => Promise.all(followers.map((follower) => follower.look()));

const moreStates = async (when, followers, count) => {
  await look(followers);
  const before = followers.map(({ states }) => states.length);
  await followersUntil(`${count} more states for each ${when}`, followers, async () => {
    await look(followers);
    return followers.every(({ states }, at) => states.length >= before[at] + count);
  });
};

/** Nothing changes any more, and each holds the newest state; all that it ever held was true. */
const settle = async (origin, followers) => {
  origin.halted = true;
  const truth = await get(`${origin.url}/document`);
  await followersUntil('each holds the newest state', followers, async () => {
    await look(followers);
    return followers.every((follower) => holds(follower, truth));
  });
  for (const follower of followers) {
    assertOnlyTruth(follower, origin.served);
    assertHolds(follower, truth);
  }
};

test('thirty resources of a page come over one WebSocket, or over one stream where those do not get through', async (t) => {
  const origin = await Origin.start(t, 61);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '150ms');
  // It passes no Upgrade on, as nginx does of itself; but which host the page is from, which the gateway looks at.
  const proxy = await nginx(t, {
    server: `location / { proxy_pass ${gateway.url}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }`,
  });
  const chrome = await browser(t);
  const open = (n) => (window.gateway ??= window.sdk.connect(location.origin, { maxRetryMs: 500 })).live(`/document?n=${n}`);
  const pages = [];
  for (const [base, transport] of [[gateway.url, 'websocket'], [proxy.url, 'shared-stream']]) {
    const seen = await tabs(t, chrome);
    const page = await sdkPage(seen.context, `${base}/document`);
    const followers = [];
    for (let n = 0; n < MANY / 2; n += 1) followers.push(await TabFollower.start(page, `${transport} ${n}`, open, n));
    pages.push({ base, transport, seen, page, followers });
    await moreStates('at first', followers, 2);
    // More of them, while the connection lasts.
    for (let n = MANY / 2; n < MANY; n += 1) followers.push(await TabFollower.start(page, `${transport} ${n}`, open, n));
    await moreStates('of more resources', followers, 2);
    assert.equal(seen.sockets, 1, transport);
    assert.equal(seen.streams.size, transport === 'websocket' ? 0 : 1, transport);
  }
  const all = pages.flatMap(({ followers }) => followers);
  assert.deepEqual(await gateway.restart(), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', all, 2);
  for (const { transport, followers, page, base } of pages) {
    assert.deepEqual([...new Set(followers.map((follower) => follower.transport))], [transport]);
    // The page goes on reading beside it.
    assert.ok(origin.served.has(await page.evaluate(async (url) => (await (await fetch(url)).json()).version, `${base}/document`)));
  }
  await settle(origin, all);
});

test('the tabs of a site share one stream, and it is handed over without a gap', async (t) => {
  const origin = await Origin.start(t, 62);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '100ms');
  const url = `${gateway.url}/document`;
  const seen = await tabs(t, await browser(t));
  const open = () => window.sdk.shared('/document', { maxRetryMs: 500 });
  const [pages, followers] = [[], []];
  // The first leads; the queue for the lock is first come, first served.
  for (const name of ['first', 'second', 'third']) {
    pages.push(await sdkPage(seen.context, url));
    followers.push(await TabFollower.start(pages.at(-1), name, open));
    await moreStates(`for ${name}`, followers, 3);
    assert.equal(seen.asked, 1, `${name} asks for no stream of its own`);
  }
  await moreStates('together', followers, 10);
  await pages[0].close();
  const [first, second, third] = followers;
  const left = [second, third];
  await moreStates('after the first is closed', left, 10);
  assert.deepEqual([seen.asked, seen.streams.size], [2, 1]);

  assert.deepEqual(await gateway.restart(), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', left, 5);
  assert.equal(seen.streams.size, 1);
  // Another one comes, and both who know more go.
  const last = await TabFollower.start(await sdkPage(seen.context, url), 'last', open);
  await moreStates('for the last', [...left, last], 3);
  await pages[1].close();
  await pages[2].close();
  await moreStates('alone', [last], 5);
  assert.equal(seen.streams.size, 1);
  assertOnlyTruth(first, origin.served);
  for (const follower of left) assertOnlyTruth(follower, origin.served);
  await settle(origin, [last]);

  // What one tab was told, the others were told: nothing is missing, nothing came twice.
  for (const { name, states } of followers) assert.equal(new Set(states.map(({ id }) => id)).size, states.length, name);
  const common = (one, other) => {
    const [a, b] = [one, other].map(({ states }) => states.map(({ id }) => id));
    const from = a.indexOf(b[0]);
    const length = Math.min(a.length - from, b.length);
    assert.ok(from >= 0 && length > 3, `${one.name} and ${other.name} have ${length} in common`);
    assert.deepEqual(a.slice(from, from + length), b.slice(0, length), `${one.name} and ${other.name}`);
  };
  common(first, second);
  common(second, third);
  common(third, last);
});

test('React in StrictMode: one stream, and what did not change is not rendered again', async (t) => {
  const server = await nginx(t);
  const rows = Array.from({ length: 20 }, (_, row) => ({ symbol: `S${row}`, last: 100 }));
  const put = () => server.put('quotes.json', JSON.stringify({ rows }));
  put();
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '50ms');
  const seen = await tabs(t, await browser(t));
  const errors = [];
  const page = await sdkPage(seen.context, `${gateway.url}/quotes.json`);
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.evaluate(() => window.sdk.mount('/quotes.json'));
  const status = (status) => eventually(`the status is ${status}`, async () => (await page.locator('#board').getAttribute('data-status')) === status);
  const shown = (at) => eventually(`row ${at} is shown`, async () =>
    (await page.locator(`#S${at}`).innerText()) === `S${at} ${rows[at].last}` && (await page.locator(`#price-${at}`).innerText()) === String(rows[at].last));
  await status('live');
  await shown(19);
  assert.equal(seen.asked, 1, 'twenty-one components and StrictMode');

  for (const at of [3, 0, 19]) {
    const before = await page.evaluate(() => window.renders);
    rows[at].last += 1;
    put();
    await shown(at);
    const after = await page.evaluate(() => window.renders);
    const again = (of) => Object.keys(after[of]).filter((key) => after[of][key] !== before[of][key]);
    assert.deepEqual(again('rows'), [`S${at}`]);
    assert.deepEqual(again('prices'), [String(at)]);
  }

  // The origin dies: what was there stays on the screen, and is said to be old; then it goes on by itself.
  const before = await page.evaluate(() => window.renders);
  await server.program.stop();
  await status('stale');
  await shown(19);
  rows[7].last = 7;
  put();
  await server.start();
  await shown(7);
  await status('live');
  const after = await page.evaluate(() => window.renders);
  assert.deepEqual(Object.keys(after.rows).filter((key) => after.rows[key] !== before.rows[key]), ['S7']);

  // So does the gateway.
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null }, 'a clean end');
  await status('disconnected');
  await shown(7);
  await gateway.start();
  rows[8].last = 8;
  put();
  await shown(8);
  await status('live');
  assert.equal(seen.streams.size, 1);
  assert.deepEqual(errors.filter((text) => !text.startsWith('Failed to load resource: net::ERR_')), []);
});

test("the demo's page is live in eight tabs, although HTTP/1.1 has six connections", async (t) => {
  const demo = await Demo.start(t, '--rate', '20');
  const seen = await tabs(t, await browser(t));
  const visits = [];
  for (let tab = 0; tab < 8; tab += 1) visits.push(await Visit.tab(seen.context, demo.page));
  const move = async (when) => {
    await Promise.all(visits.map(async (visit) => {
      await visit.tone('live');
      await eventually(`there are prices ${when}`, async () => Object.keys(await visit.prices()).length > 0);
      const before = await visit.prices();
      await eventually(`prices change ${when}`, async () => {
        const now = await visit.prices();
        return Object.entries(now).some(([symbol, price]) => before[symbol] !== price);
      });
      const rows = (testid) => visit.at(testid).locator('tbody tr').count();
      await eventually(`its book and its trades are shown ${when}`, async () => (await rows('book')) > 0 && (await rows('trades')) > 0);
    }));
  };
  await move('at first');
  await demo.control('gateway/restart');
  await move('after a restart');
  for (const visit of visits) visit.assertNoErrors();
  assert.equal(seen.streams.size, 0, 'each tab has one WebSocket');
});
