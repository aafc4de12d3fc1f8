// nginx as the origin: files that are replaced, with its validators, its gzip, its limits and its failures.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { configFile, Gateway } from '../lib/gateway.mjs';
import { get, nginx } from '../lib/servers.mjs';
import { holds } from '../lib/truth.mjs';
import { eventually } from '../lib/wait.mjs';

/** A document of some 10 KB; from one number to the next, its length and one of its rows change. */
const quotes = (number) => JSON.stringify({ number, fill: 'x'.repeat(number), rows: Array.from({ length: 200 }, (_, row) => ({ symbol: `S${row}`, last: row < number ? 101.5 : 100.25 })) });

// It packs nothing for proxies unless it is told to, and knows one by its `Via`.
const GZIP = 'gzip on; gzip_types application/json; gzip_proxied any;';

/** Puts one document after the other, each as soon as all followers hold the one before and it was confirmed. */
async function replaceTimes(times, server, followers) {
  const confirmations = () => server.requests('/quotes.json').filter(({ status }) => status === 304).length;
  for (let number = 1; number <= times; number += 1) {
    const text = quotes(number);
    server.put('quotes.json', text);
    await followersUntil(`each holds document ${number}`, followers, () => followers.every((follower) => follower.latest !== undefined && holds(follower, text)));
    const before = confirmations();
    await eventually('it is confirmed a few times', () => confirmations() >= before + 3 * followers.length);
  }
}

test('a file that is replaced is a patch, and polls in between are 304s to its tags', async (t) => {
  const server = await nginx(t, { server: GZIP });
  server.put('quotes.json', quotes(1));
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '50ms');
  const follower = new NodeFollower(t, `${gateway.url}/quotes.json`);
  const requests = () => server.requests('/quotes.json');
  await replaceTimes(5, server, [follower]);

  assert.deepEqual(follower.states.map(({ event }) => event), ['snapshot', 'patch', 'patch', 'patch', 'patch']);
  const polls = requests();
  assert.ok(polls.every(({ status, bytes }) => (status === 200 ? bytes > 0 && bytes < quotes(1).length / 3 : bytes === 0)), 'all came in gzip');
  // Its gzip has a weak tag; the strong one, which its 304s carry, is confirmed as well.
  assert.ok(polls.every(({ tag }) => tag === '-' || /^(W\/)?\\x22[\da-f]+-[\da-f]+\\x22$/.test(tag)) && polls.some(({ tag }) => tag.startsWith('W/')));
  // Until the second of a change is over, its tag promises nothing, and it is fetched whole (W); then it is confirmed (.)
  // until another comes in answer to the tag (C).
  const course = polls.map(({ status, tag }) => (tag === '-' ? 'W' : status === 304 ? '.' : 'C')).join('');
  assert.match(course, /^W+\.{3,}(CW*\.{3,}){4}$/);

  // A plain reader gets it from memory, with the gateway's own tag and nginx's time.
  const answer = await fetch(`${gateway.url}/quotes.json`, { headers: { 'Accept-Language': '*' } });
  assert.match(answer.headers.get('cache-status'), /^tidegate; hit/);
  assert.equal(await answer.text(), quotes(5));
  assert.ok(requests().slice(polls.length).every(({ status }) => status === 304), 'nginx was not asked for it');
});

test('two changes within a second are seen, though nginx gives both the same validators', async (t) => {
  const server = await nginx(t);
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '20ms');
  const price = (price) => JSON.stringify({ price });
  server.put('price.json', price(100));
  const follower = new NodeFollower(t, `${gateway.url}/price.json`);
  // Of one length, and most of them in one second.
  for (let last = 101; last < 121; last += 1) {
    server.put('price.json', price(last));
    await followersUntil(`${last} is seen`, [follower], () => follower.latest !== undefined && holds(follower, price(last)));
  }
});

test('clients in other languages hold what nginx serves, also without an ETag', async (t) => {
  const server = await nginx(t, { server: `${GZIP} etag off;` });
  server.put('quotes.json', quotes(1));
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '50ms');
  const url = `${gateway.url}/quotes.json`;
  const followers = [new NodeFollower(t, url), new PythonFollower(t, url)];
  await replaceTimes(3, server, followers);
});

test('a file that is deleted is gone, and comes back as a snapshot on the same stream', async (t) => {
  const server = await nginx(t);
  server.put('quotes.json', quotes(1));
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '50ms');
  const follower = new NodeFollower(t, `${gateway.url}/quotes.json`);
  await followersUntil('it is held', [follower], () => follower.latest !== undefined && follower.statuses.length > 0);
  rmSync(server.path('quotes.json'));
  await followersUntil('it is gone', [follower], () => follower.statuses.at(-1).state === 'gone');
  assert.equal(follower.statuses.at(-1).cause.type, 'urn:tidegate:problem:gone');
  server.put('quotes.json', quotes(2));
  await followersUntil('it is back', [follower], () => follower.latest.data.number === 2 && follower.statuses.at(-1).state === 'live');
  assert.deepEqual(follower.states.map(({ event }) => event), ['snapshot', 'snapshot']);
  assert.equal(follower.connects, 1);
});

test('an nginx that stalls, and one that dies, leave streams stale until it is back', async (t) => {
  const server = await nginx(t);
  server.put('quotes.json', quotes(1));
  const gateway = await Gateway.start(t, '--config', configFile(t, `
    [[origin]]
    name = "files"
    url = "${server.url}"
    head_timeout = "500ms"
    connect_timeout = "500ms"
    [[route]]
    path = "/**"
    origin = "files"
    poll = "50ms"
  `));
  const follower = new NodeFollower(t, `${gateway.url}/quotes.json`);
  const last = () => follower.statuses.at(-1);
  await followersUntil('it is live', [follower], () => last()?.state === 'live');

  server.program.signal('SIGSTOP');
  await followersUntil('the stream says why it is stale', [follower], () => last().state === 'stale' && last().cause.type === 'urn:tidegate:problem:origin-timeout');
  server.put('quotes.json', quotes(2));
  // Plain readers get the last good one meanwhile, and are told so.
  const answer = await fetch(`${gateway.url}/quotes.json`, { headers: { 'Accept-Language': '*' } });
  assert.match(answer.headers.get('cache-status'), /^tidegate; hit; detail=stale/);
  assert.equal((await answer.json()).number, 1);
  server.program.signal('SIGCONT');
  await followersUntil('it is live with what changed', [follower], () => last().state === 'live' && follower.latest.data.number === 2);

  await server.program.stop('SIGKILL');
  await followersUntil('nobody is there', [follower], () => last().state === 'stale' && last().cause.type === 'urn:tidegate:problem:origin-unreachable');
  server.put('quotes.json', quotes(3));
  await server.start();
  await followersUntil('it is live again', [follower], () => last().state === 'live' && follower.latest.data.number === 3);
  assert.equal(follower.connects, 1, 'on the stream that it had from the beginning');
  assert.equal(await get(`${gateway.url}/quotes.json`), quotes(3));
});

test('what nginx calls fresh is left alone, unless the route says otherwise', async (t) => {
  const server = await nginx(t, { server: 'expires 30m;' });
  const put = (number) => ['obeyed', 'overruled'].forEach((name) => server.put(`${name}.json`, quotes(number)));
  put(1);
  const gateway = await Gateway.start(t, '--config', configFile(t, `
    [[origin]]
    name = "files"
    url = "${server.url}"
    [[route]]
    path = "/obeyed.json"
    origin = "files"
    poll = "50ms"
    [[route]]
    path = "/overruled.json"
    origin = "files"
    poll = "50ms"
    obey_lifetime = false
  `));
  const [obeyed, overruled] = ['obeyed', 'overruled'].map((name) => new NodeFollower(t, `${gateway.url}/${name}.json`));
  const followers = [obeyed, overruled];
  await followersUntil('both hold the first', followers, () => followers.every(({ statuses }) => statuses.length > 0));
  assert.ok(obeyed.statuses[0].fresh_within_ms >= 29 * 60_000 && overruled.statuses[0].fresh_within_ms < 1000, 'streams are told');
  for (let number = 2; number <= 4; number += 1) {
    put(number);
    await followersUntil(`${number} is seen`, followers, () => overruled.latest.data.number === number);
  }
  assert.equal(obeyed.latest.data.number, 1);
  assert.equal(server.requests('/obeyed.json').length, 1);
  // A reader that insists gets the newest, and so does the stream then.
  const answer = await fetch(`${gateway.url}/obeyed.json`, { headers: { 'Accept-Language': '*', 'Cache-Control': 'no-cache' } });
  assert.equal((await answer.json()).number, 4);
  await followersUntil('the stream has it, too', followers, () => obeyed.latest.data.number === 4);
});

test('a limit of requests is obeyed as nginx states it', async (t) => {
  const server = await nginx(t, {
    http: 'limit_req_zone $binary_remote_addr zone=all:1m rate=60r/m; map $status $later { 429 2; }',
    server: `
      location = /quotes.json {
        limit_req zone=all;
        limit_req_status 429;
        add_header Retry-After $later always;
      }`,
  });
  server.put('quotes.json', quotes(1));
  const gateway = await Gateway.start(t, '--origin', server.url, '--poll', '50ms');
  const follower = new NodeFollower(t, `${gateway.url}/quotes.json`);
  await followersUntil('nginx refuses a poll', [follower], () => follower.statuses.at(-1)?.state === 'stale');
  assert.equal(follower.statuses.at(-1).cause.origin_status, 429);
  server.put('quotes.json', quotes(2));
  await followersUntil('the next is let in', [follower], () => follower.statuses.at(-1).state === 'live' && follower.latest.data.number === 2);
  const requests = server.requests('/quotes.json');
  requests.forEach(({ status, seconds }, at) => {
    const next = requests[at + 1];
    if (status === 429 && next !== undefined) assert.ok(next.seconds - seconds >= 1.99, `asked again ${next.seconds - seconds} s after a refusal of 2 s`);
  });
});
