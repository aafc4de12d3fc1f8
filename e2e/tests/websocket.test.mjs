// WebSockets: clients that we did not write, alone and behind a proxy, and a page in a browser.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { browser } from '../lib/browser.mjs';
import { PYTHON } from '../lib/followers.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { openPage } from '../lib/pages.mjs';
import { Program } from '../lib/program.mjs';
import { nginx } from '../lib/servers.mjs';
import { eventually } from '../lib/wait.mjs';

const require = createRequire(import.meta.url);
const WebSocket = require('ws');
const { applyPatch } = require('fast-json-patch');
const FOLLOW = fileURLToPath(new URL('../python/websocket.py', import.meta.url));

const socketUrl = (url) => `${url.replace(/^http/, 'ws')}/.tidegate/ws`;

/** What one connection by npm `ws` holds of its subscriptions. */
class Socket {
  /** By number: the document, its position and all that was told. */
  subs = new Map();
  closed;
  pings = 0;

  constructor(t, url, options) {
    this.socket = new WebSocket(url, 'tidegate.v1', options);
    t.after(() => this.socket.terminate());
    this.socket.on('error', (error) => (this.failure = error));
    this.socket.on('message', (data, isBinary) => {
      assert.equal(isBinary, false);
      this.#take(JSON.parse(data));
    });
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
  }

  async open() {
    await eventually('it is open', () => this.socket.readyState === WebSocket.OPEN);
    assert.equal(this.socket.protocol, 'tidegate.v1');
    return this;
  }

  subscribe(sub, url, more = {}) {
    this.subs.set(sub, { ...this.subs.get(sub), events: [] });
    this.socket.send(JSON.stringify({ op: 'subscribe', sub, url, ...more }));
  }

  #take({ sub, event, id, data }) {
    if (sub === undefined) return;
    const held = this.subs.get(sub);
    held.events.push({ event, data });
    if (event === 'snapshot') held.text = data;
    if (event === 'patch') held.text = applyPatch(structuredClone(held.text), data, true).newDocument;
    if (event === 'snapshot' || event === 'patch') held.id = id;
  }

  states(sub) {
    return this.subs.get(sub).events.filter(({ event }) => event === 'snapshot' || event === 'patch').length;
  }
}

const isServed = (origin, held) => assert.deepEqual(held.text, JSON.parse(origin.served.get(held.text.version)));

test('npm ws: several subscriptions, through a restart, each resumed at its own position', async (t) => {
  const origin = await Origin.start(t, 51);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const first = await new Socket(t, socketUrl(gateway.url)).open();
  first.subscribe(1, '/document');
  first.subscribe(2, '/document', { mode: 'snapshot' });
  first.subscribe(3, '/nothing');
  await eventually('both have states', () => first.states(1) >= 10 && first.states(2) >= 10);
  for (const sub of [1, 2]) isServed(origin, first.subs.get(sub));
  assert.ok(first.subs.get(1).events.some(({ event }) => event === 'patch'));
  assert.ok(first.subs.get(2).events.every(({ event }) => event !== 'patch'));
  assert.deepEqual(first.subs.get(3).events.map(({ event, data }) => [event, data.status]), [['error', 404]]);

  await gateway.restart();
  await eventually('it was closed', () => first.closed);
  assert.equal(first.closed.code, 1012);
  const { retry_in_ms: wait } = JSON.parse(first.closed.reason);
  assert.ok(wait >= 1000 && wait < 3000);
  assert.deepEqual(first.subs.get(1).events.slice(-2).map(({ event }) => event), ['status', 'end']);

  const again = await new Socket(t, socketUrl(gateway.url)).open();
  again.subscribe(1, '/document', { id: first.subs.get(1).id });
  await eventually('it goes on', () => again.states(1) >= 3);
  isServed(origin, again.subs.get(1));
  again.socket.send(JSON.stringify({ op: 'unsubscribe', sub: 1 }));
  await eventually('it has ended', () => again.subs.get(1).events.at(-1).event === 'end');
  again.socket.close();
  await eventually('it was closed', () => again.closed);
  assert.equal(again.closed.code, 1000);
});

test('PyPI websockets reads the same', async (t) => {
  const origin = await Origin.start(t, 52);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const program = new Program('websocket.py', PYTHON, [FOLLOW, socketUrl(gateway.url), '/document', '10']);
  t.after(() => program.stop());
  await eventually('it has ten states and has closed', () => program.end !== undefined);
  assert.equal(program.end.code, 0, program.stderr);
  assert.equal(program.lines.length, 10);
  for (const line of program.lines) {
    const document = JSON.parse(line);
    assert.deepEqual(document, JSON.parse(origin.served.get(document.version)));
  }
});

test('nginx in front passes WebSockets and multiplexed event streams on', async (t) => {
  const origin = await Origin.start(t, 53);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const front = await nginx(t, { server: `
    location /.tidegate/ws { proxy_pass ${gateway.url}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; }
    location /.tidegate/events { proxy_pass ${gateway.url}; }` });
  // As a page of the proxy's own origin does.
  const socket = await new Socket(t, socketUrl(front.url), { origin: front.url }).open();
  socket.subscribe(7, '/document');
  await eventually('it has states', () => socket.states(7) >= 5);
  isServed(origin, socket.subs.get(7));

  const stream = await fetch(`${front.url}/.tidegate/events?url=/document`);
  assert.equal(stream.headers.get('content-type'), 'text/event-stream');
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('"event":"patch"').length < 4) text += (await reader.read()).value;
  await reader.cancel();
  assert.match(text, /^event: open\ndata: \{"stream":"[\da-f]{32}"\}\n\ndata: \{"sub":1,\ndata: "event":"open"/);
});

test('a page of the gateway has several on one WebSocket; one of another origin has none', async (t) => {
  const origin = await Origin.start(t, 54);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const chrome = await browser(t);
  const page = await openPage(t, chrome, `${gateway.url}/document`);
  await page.evaluate((url) => {
    window.told = { 1: [], 2: [] };
    const socket = (window.socket = new WebSocket(url, 'tidegate.v1'));
    socket.onopen = () => [1, 2].forEach((sub) => socket.send(JSON.stringify({ op: 'subscribe', sub, url: '/document' })));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.sub !== undefined) window.told[message.sub].push(message.event);
    };
    socket.onclose = ({ code }) => (window.code = code);
  }, socketUrl(gateway.url));
  await eventually('both have patches', () =>
    page.evaluate(() => [1, 2].every((sub) => window.told[sub].filter((event) => event === 'patch').length >= 3)));
  await page.evaluate(() => window.socket.close(1000));
  await eventually('it was closed', async () => (await page.evaluate(() => window.code)) === 1000);

  const other = await openPage(t, chrome, `${origin.url}/document`);
  await other.evaluate((url) => {
    new WebSocket(url, 'tidegate.v1').onclose = ({ code }) => (window.code = code);
  }, socketUrl(gateway.url));
  await eventually('it is not let in', async () => (await other.evaluate(() => window.code)) === 1006);
});
