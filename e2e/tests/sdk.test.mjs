// Our own SDK in Node, as its package is: what it holds was served, whatever happens on the way.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { test } from 'node:test';
import WebSocket from 'ws';
import { exact } from '../lib/exact.mjs';
import { followersUntil } from '../lib/followers.mjs';
import { configFile, folder, Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { entry, SdkFollower } from '../lib/sdk.mjs';
import { get, nginx, replaceFile } from '../lib/servers.mjs';
import { assertHolds, assertOnlyTruth, holds } from '../lib/truth.mjs';

const STATES = 12;
/** So many resources on one connection, each a feed of its own: `/document?n=…`. */
const MANY = 30;
const MODES = ['patch', 'merge', 'snapshot'];

const { live } = await entry('tidegate');
const { connect } = await entry('tidegate/multiplex');

const moreStates = async (when, followers, count = STATES) => {
  const before = followers.map(({ states }) => states.length);
  await followersUntil(`${count} more states for each ${when}, which is live`, followers, () =>
    followers.every(({ states, view }, at) => states.length >= before[at] + count && view.status === 'live'));
};

/** Nothing changes any more, and each holds the newest state; all that it ever held was true. */
const settle = async (origin, followers, truth) => {
  origin.halted = true;
  truth ??= await get(`${origin.url}/document`);
  await followersUntil('each holds the newest state', followers, () => followers.every((follower) => holds(follower, truth)));
  for (const follower of followers) {
    assertOnlyTruth(follower, origin.served);
    assertHolds(follower, truth);
  }
};

/** What is equal to what stood in its place is the same, and of the rows of a list a patch renews one by an operation. */
const assertShared = (follower) => {
  let kept = 0;
  for (const { event, id, data, previous, patch } of follower.states) {
    if (previous === undefined) continue;
    if (event !== 'snapshot') assert.notEqual(data, previous, `${follower.name}: nothing changed at ${id}`);
    const before = new Set(previous.rows);
    const renewed = data.rows.filter((row, at) => {
      const equal = isDeepStrictEqual(row, previous.rows[at]);
      assert.ok(!equal || row === previous.rows[at], `${follower.name}: row ${at} lost its identity at ${id}`);
      return !before.has(row);
    });
    if (isDeepStrictEqual(data.tags, previous.tags)) assert.equal(data.tags, previous.tags, `${follower.name} at ${id}`);
    if (event === 'patch') assert.ok(renewed.length <= patch.length, `${follower.name}: ${renewed.length} rows renewed by ${JSON.stringify(patch)}`);
    kept += data.rows.length - renewed.length;
  }
  assert.ok(kept > follower.states.length, `${follower.name} kept ${kept} rows`);
};

test('each mode is true and shares what did not change, through a restart, a crash and an outage', async (t) => {
  const origin = await Origin.start(t, 51);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const follow = (name, options = {}) => new SdkFollower(t, name, live(url, options), options.parse);
  const often = [
    follow('patch'),
    follow('merge', { mode: 'merge' }),
    follow('snapshot', { mode: 'snapshot' }),
    follow('exact', { parse: exact }),
  ];
  const seldom = follow('rate', { rate: '1s' });
  const followers = [...often, seldom];

  // A loop always gets the newest view, and ends with its resource.
  const looped = live(url);
  t.after(() => looped.close());
  let lastVersion = 0;
  const loop = (async () => {
    for await (const { data } of looped) {
      assert.ok(data.version >= lastVersion && origin.served.has(data.version));
      lastVersion = data.version;
    }
  })();

  await moreStates('at first', often);
  assert.deepEqual(await gateway.restart('SIGTERM'), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', often);
  await gateway.restart('SIGKILL');
  await moreStates('after a crash', often);
  await origin.close();
  await followersUntil('each knows that the data is stale, and keeps it', followers, () =>
    followers.every(({ view }) => view.status === 'stale' && view.cause.status === 502 && view.data !== undefined));
  await origin.open();
  await moreStates('after an outage', often);
  await moreStates('seldom', [seldom], 1);
  await settle(origin, followers);

  for (const follower of often) assertShared(follower);
  const kinds = (follower) => new Set(follower.states.map(({ event }) => event));
  const [patch, merge, snapshot] = often.map(kinds);
  assert.deepEqual([patch.has('merge'), merge.has('patch'), [...snapshot]], [false, false, ['snapshot']]);
  assert.ok(patch.has('patch') && merge.has('merge'));
  // All of them saw the same time go by.
  assert.ok(seldom.states.length < often[0].states.length / 2, `${seldom.states.length} of ${often[0].states.length} at most once a second`);
  for (const { name, view } of followers) assert.equal(view.transport, 'stream', name);
  looped.close();
  await loop;
  assert.ok(lastVersion > 0);
});

test('mode first is one snapshot, and 204 for who has it', async (t) => {
  const origin = await Origin.start(t, 52);
  origin.halted = true;
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const first = live(url, { mode: 'first' });
  const follower = new SdkFollower(t, 'first', first);
  const views = [];
  for await (const view of first) views.push(view);
  assert.equal(views.length, 1);
  assert.deepEqual(first.state.status, 'closed');
  assert.deepEqual(follower.states.map(({ event }) => event), ['snapshot']);
  assertHolds(follower, await get(`${origin.url}/document`));
  assert.deepEqual(follower.errors, []);
  const again = await fetch(`${url}?tidegate.mode=first`, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': first.state.position } });
  assert.equal(again.status, 204);
});

test('who lost its connection resumes with a patch, and wishes that cannot be are final', async (t) => {
  const origin = await Origin.start(t, 53);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  // Cuts the answer after each few chunks, as a network does.
  const resumed = [];
  const flaky = async (input, init) => {
    resumed.push(init.headers.get('last-event-id'));
    const cut = new AbortController();
    const response = await fetch(input, { ...init, signal: AbortSignal.any([init.signal, cut.signal]) });
    let left = 3;
    const cutting = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk);
        left -= 1;
        if (left === 0) {
          cut.abort();
          controller.error(new TypeError('terminated'));
        }
      },
    });
    return new Response(response.body.pipeThrough(cutting), response);
  };
  const follower = new SdkFollower(t, 'cut', live(url, { fetch: flaky, maxRetryMs: 50 }));
  await followersUntil('it came back some times', [follower], () => resumed.length > 8);
  await settle(origin, [follower]);
  assert.ok(resumed.slice(1).every((position) => follower.states.some(({ id }) => id === position)), String(resumed));
  const kinds = follower.states.map(({ event }) => event);
  assert.ok(kinds.filter((kind) => kind === 'snapshot').length < resumed.length / 2, `resumed with ${kinds}`);

  const refused = live(url, { select: '$[' });
  await assert.rejects(async () => {
    for await (const _ of refused);
  }, ({ code, final, httpStatus, problem }) => code === 'http' && final && httpStatus === 400 && typeof problem.title === 'string');
  assert.equal(refused.state.status, 'closed');
});

test('a part of it is that part of what was served, by pointer and by path, alone and on a shared connection', async (t) => {
  const origin = await Origin.start(t, 58);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const several = connect(gateway.url, { WebSocket, maxRetryMs: 500 });
  const PARTS = {
    '': (document) => document,
    '/rows/0': ({ rows }) => rows[0],
    '/tags/a~1b': ({ tags }) => tags['a/b'] ?? null,
    '$.rows[*].price': ({ rows }) => rows.map(({ price }) => price),
    '$.rows[?@.extra].key': ({ rows }) => rows.filter((row) => 'extra' in row).map(({ key }) => key),
  };
  const parts = Object.entries(PARTS).flatMap(([select, part]) => MODES.slice(0, 2).flatMap((mode) => [
    { part, follower: new SdkFollower(t, `${select}, ${mode}`, live(url, { select, mode, maxRetryMs: 500 })) },
    { part, follower: new SdkFollower(t, `${select}, ${mode}, shared`, several.live('/document', { select, mode })) },
  ]));
  const followers = parts.map(({ follower }) => follower);
  // Prices change often, a single tag seldom.
  const often = followers.filter(({ name }) => name.startsWith('$.rows[*]'));
  await moreStates('at first', often);
  assert.deepEqual(await gateway.restart(), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', often);
  origin.halted = true;
  const newest = JSON.parse(await get(`${origin.url}/document`));
  await followersUntil('each holds the newest part', followers, () => parts.every(({ part, follower }) => isDeepStrictEqual(follower.latest?.data, part(newest))));
  const documents = [...origin.served].sort(([a], [b]) => a - b).map(([, text]) => JSON.parse(text));
  for (const { part, follower } of parts) {
    assert.ifError(follower.failure);
    // Each state is that of the same version as the one before it, or of a later one.
    let at = 0;
    for (const { id, data } of follower.states) {
      while (at < documents.length && !isDeepStrictEqual(part(documents[at]), data)) at += 1;
      assert.ok(at < documents.length, `${follower.name} held ${JSON.stringify(data)} at ${id}, which was never served, or not then`);
    }
  }
  const [first] = followers.filter(({ name }) => name.startsWith('/tags/a'));
  assert.ok(first.states.length < often[0].states.length / 2, 'changes elsewhere are not sent');
});

/** A token (RFC 7519, HS256) that is valid for so many seconds. */
const token = (secret, claims, seconds) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, exp: Math.floor(Date.now() / 1000) + seconds })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
};

test('a token that expires is asked for anew, and the data goes on from where it was', async (t) => {
  const secret = 'a secret of the tests, of at least 32 bytes';
  const origin = await Origin.start(t, 54);
  const gateway = await Gateway.start(t, '--config', configFile(t, `
    [[origin]]
    name = "own"
    url = "${origin.url}"
    [[verifier]]
    name = "login"
    secrets = { main = "${secret}" }
    algorithms = ["HS256"]
    leeway = "0ms"
    [[route]]
    path = "/**"
    origin = "own"
    poll = "50ms"
    verifier = "login"
    partition_by = ["tenant"]
  `));
  const asked = { stream: 0, socket: 0 };
  const headers = (who) => () => {
    asked[who] += 1;
    // Two that expire while the stream runs, and one for the rest.
    return { Authorization: `Bearer ${token(secret, { tenant: 'a' }, asked[who] < 3 ? 2 : 600)}` };
  };
  const several = connect(gateway.url, { WebSocket });
  const url = `${gateway.url}/document`;
  const followers = [
    new SdkFollower(t, 'stream', live(url, { headers: headers('stream') })),
    new SdkFollower(t, 'socket', several.live('/document', { headers: headers('socket') })),
  ];
  await followersUntil('each token was renewed twice', followers, () => Object.values(asked).every((times) => times > 2));
  await moreStates('with the last token', followers, 3);
  await settle(origin, followers);
  for (const { name, states, errors } of followers) {
    assert.ok(states.filter(({ event }) => event === 'snapshot').length < asked[name], `${name} resumed: ${states.map(({ event }) => event)}`);
    assert.ok(errors.every(({ code }) => code === 'network'), `${name}: ${errors}`);
  }
  // One that is refused is told so.
  const refused = live(url, { headers: { Authorization: `Bearer ${token('another secret, also of some 32 bytes', {}, 60)}` } });
  const told = await new Promise((resolve) => refused.on('error', resolve));
  assert.deepEqual([told.httpStatus, told.final], [401, true]);
});

test('behind a proxy that buffers it polls, and comes back to the stream', async (t) => {
  const origin = await Origin.start(t, 55);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const lines = join(folder(t), 'buffering.conf');
  const buffering = (way) => replaceFile(lines, `proxy_buffering ${way}; proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_ignore_headers X-Accel-Buffering;`);
  buffering('on');
  const proxy = await nginx(t, {
    server: `location /document { proxy_pass ${gateway.url}; proxy_http_version 1.1; proxy_set_header Connection ""; include ${lines}; }`,
  });
  // The stream is tried again after a minute by this clock.
  let ahead = 0;
  const options = { bufferedMs: 1000, now: () => Date.now() + ahead };
  const url = `${proxy.url}/document`;
  const followers = MODES.map((mode) => new SdkFollower(t, mode, live(url, { ...options, mode })));
  const through = (transport) => followersUntil(`each comes by ${transport}`, followers, () =>
    followers.every(({ view }) => view.transport === transport && view.status === 'live'));
  await through('long-poll');
  await moreStates('by polling', followers);
  assert.ok(followers.every(({ states }) => states.every(({ event }) => event === 'snapshot')));
  for (const follower of followers) assertShared(follower);
  // Tried again in vain, it goes on polling.
  ahead += 61_000;
  await moreStates('after a round', followers);
  assert.ok(followers.every(({ view }) => view.transport === 'long-poll'));

  await proxy.program.stop();
  buffering('off');
  await proxy.start();
  ahead += 121_000;
  await through('stream');
  await moreStates('by the stream', followers);
  await settle(origin, followers);
  assert.ok(proxy.requests('/document').length === 0, 'wishes go as parameters');
});


/** A WebSocket that counts: `made` of them, and what each was `asked`. */
const counted = () => {
  const sockets = [];
  class Counted extends WebSocket {
    asked = [];

    constructor(url, protocol) {
      super(url, protocol);
      sockets.push(this);
    }

    send(text) {
      this.asked.push(JSON.parse(text));
      super.send(text);
    }
  }
  return { sockets, Counted };
};

const manyOver = async (t, base, options) => {
  const gateway = connect(base, { ...options, maxRetryMs: 500 });
  return Array.from({ length: MANY }, (_, n) =>
    new SdkFollower(t, `resource ${n}`, gateway.live(`/document?n=${n}`, { mode: MODES[n % MODES.length] })));
};

test('thirty resources on one WebSocket resume each for itself', async (t) => {
  const origin = await Origin.start(t, 56);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '300ms');
  const { sockets, Counted } = counted();
  const followers = await manyOver(t, gateway.url, { WebSocket: Counted });
  await moreStates('at first', followers, 3);
  assert.equal(sockets.length, 1);

  // The connection alone is cut: each resumes where it was, and no more than what it missed is sent.
  const before = followers.map(({ states }) => states.length);
  sockets[0].terminate();
  await moreStates('after a cut', followers, 3);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].asked.length, MANY);
  followers.forEach(({ states }, at) => assert.ok(states.slice(0, before[at] + 1).some(({ id }) => id === sockets[1].asked[at].id)));
  const first = followers.map(({ states }, at) => states[before[at]].event);
  assert.ok(first.filter((event) => event === 'patch').length > MANY / MODES.length / 2, String(first));

  assert.deepEqual(await gateway.restart(), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', followers, 3);
  assert.ok(sockets.at(-1).asked.every(({ op, id }) => op === 'subscribe' && typeof id === 'string'));
  assert.ok(followers.every(({ view }) => view.transport === 'websocket'));
  origin.halted = true;
  await settle(origin, followers, await get(`${origin.url}/document`));
});

test('where WebSockets do not get through, one event stream does the same', async (t) => {
  const origin = await Origin.start(t, 57);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '300ms');
  // It passes no Upgrade on, as nginx does of itself.
  const proxy = await nginx(t, { server: `location / { proxy_pass ${gateway.url}; proxy_http_version 1.1; proxy_set_header Connection ""; }` });
  const { sockets, Counted } = counted();
  const followers = await manyOver(t, proxy.url, { WebSocket: Counted });
  await moreStates('at first', followers, 3);
  assert.ok(followers.every(({ view }) => view.transport === 'shared-stream'));
  assert.deepEqual(await gateway.restart(), { code: 0, signal: null }, 'a clean end');
  await moreStates('after a restart', followers, 3);
  origin.halted = true;
  await settle(origin, followers, await get(`${origin.url}/document`));
  assert.equal(sockets.length, 1, 'it is not tried again each time');
  const streams = proxy.requests('/.tidegate/events').filter(({ status }) => status === 200);
  assert.ok(streams.length >= 1 && streams.length < MANY, `${streams.length} streams`);
});
