// HTTP/2 towards clients: Chromium, Node's own client and curl, each by what it offers of itself.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { browser } from '../lib/browser.mjs';
import { overTls } from '../lib/certificate.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { openPage } from '../lib/pages.mjs';
import { Program } from '../lib/program.mjs';
import { eventually } from '../lib/wait.mjs';

/** A page on HTTP/1.1 has six connections to a host, so more streams than that need HTTP/2. */
const STREAMS = 20;

test('a page has more streams at once than HTTP/1.1 has connections, and reads beside them', async (t) => {
  const origin = await Origin.start(t, 41);
  const { gateway } = await overTls(t, origin);
  const url = `${gateway.url}/document`;
  const page = await openPage(t, await browser(t), url, { ignoreHTTPSErrors: true });
  const follow = () => page.evaluate(({ url, count }) => {
    window.counts = Array(count).fill(0);
    window.sources = window.counts.map((_, at) => {
      const source = new EventSource(url);
      for (const event of ['snapshot', 'patch']) source.addEventListener(event, () => (window.counts[at] += 1));
      return source;
    });
  }, { url, count: STREAMS });
  const eachHas = (updates) => eventually(`each of ${STREAMS} streams has ${updates} updates`, () =>
    page.evaluate((updates) => window.counts.every((count) => count >= updates), updates));
  await follow();
  await eachHas(5);
  const read = await page.evaluate(async (url) => (await (await fetch(url)).json()).version, url);
  assert.ok(origin.served.has(read));
  const protocols = await page.evaluate(() =>
    performance.getEntriesByType('resource').map(({ nextHopProtocol }) => nextHopProtocol));
  assert.deepEqual([...new Set(protocols)], ['h2']);

  // Half of them go, and the rest go on; then the gateway goes, and they come back by themselves.
  await page.evaluate(() => {
    for (const source of window.sources.splice(0, window.sources.length / 2)) source.close();
    window.counts = window.counts.slice(window.counts.length / 2);
  });
  await follow();
  await eachHas(5);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null }, 'a clean end');
  await gateway.start();
  const before = Math.max(...await page.evaluate(() => window.counts));
  await eachHas(before + 5);
});

test("Node's client has many streams on one connection, over TLS and without it", async (t) => {
  const origin = await Origin.start(t, 42);
  const { gateway: secured, cert } = await overTls(t, origin);
  const plain = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  for (const { url } of [secured, plain]) {
    const session = connect(url, { ca: readFileSync(cert), servername: 'localhost' });
    t.after(() => session.destroy());
    const texts = Array(50).fill('');
    const requests = texts.map((_, at) => {
      const request = session.request({ ':path': '/document', accept: 'text/event-stream' });
      request.setEncoding('utf8').on('data', (text) => (texts[at] += text));
      return request;
    });
    await eventually('each has patches', () => texts.every((text) => text.split('\nevent: patch\n').length > 5));
    assert.equal(session.remoteSettings.enableConnectProtocol, false);
    for (const request of requests) request.close();
    await Promise.all(requests.map((request) => request.closed || new Promise((resolve) => request.once('close', resolve))));
  }
});

test('curl reads streams and writes, by prior knowledge and by ALPN', async (t) => {
  const origin = await Origin.start(t, 43);
  const { gateway: secured, cert } = await overTls(t, origin);
  const plain = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  for (const [gateway, how] of [[plain, ['--http2-prior-knowledge']], [secured, ['--http2', '--cacert', cert]]]) {
    const url = `${gateway.url}/document`;
    const curl = (...more) => {
      const program = new Program('curl', 'curl', ['-sS', '-N', ...how, ...more]);
      t.after(() => program.stop());
      return program;
    };
    const stream = curl('--compressed', '-H', 'Accept: text/event-stream', url);
    await stream.wrote(/^event: snapshot\nid: \S+\ndata: \{[^\n]*\}\n\n/);
    await stream.wrote(/\n\nevent: patch\nid: \S+\ndata: \[/);
    const head = curl('-I', url);
    assert.equal((await head.ended()).code, 0, head.stderr);
    assert.match(head.stdout, /^HTTP\/2 200 \r\n/);
    assert.doesNotMatch(head.stdout, /^(connection|transfer-encoding|keep-alive|upgrade):/im);
    const write = curl('-o', '/dev/null', '-w', '%{http_version} %{http_code}', '--data-binary', `@${cert}`, `${gateway.url}/nowhere`);
    assert.equal((await write.ended()).code, 0, write.stderr);
    assert.equal(write.stdout, '2 404');
    await gateway.stop();
    assert.equal((await stream.ended()).code, 0, `an end in order: ${stream.stderr}`);
    assert.match(stream.stdout, /\nevent: status\nretry: \d+\ndata: \{[^\n]*\}\n\n$/);
  }
});
