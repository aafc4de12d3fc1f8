// Streams as real clients get them: in gzip, on connections that were of use before, and over TLS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../lib/browser.mjs';
import { overTls } from '../lib/certificate.mjs';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { openPage, PageFollower } from '../lib/pages.mjs';
import { Program } from '../lib/program.mjs';
import { assertHolds, assertOnlyTruth, holds } from '../lib/truth.mjs';

const STATES = 15;

const moreStates = async (when, followers, count = STATES) => {
  const look = () => Promise.all(followers.map((follower) => follower.look?.()));
  await look();
  const before = followers.map(({ states }) => states.length);
  await followersUntil(`${count} more states for each ${when}`, followers, async () => {
    await look();
    return followers.every(({ states }, at) => states.length >= before[at] + count);
  });
};

/** Nothing changes any more, and each holds the newest state; all that it ever held was true. */
const settle = async (origin, followers) => {
  origin.halted = true;
  const truth = await (await fetch(`${origin.url}/document`)).text();
  await followersUntil('each holds the newest state', followers, async () => {
    await Promise.all(followers.map((follower) => follower.look?.()));
    return followers.every((follower) => holds(follower, truth));
  });
  for (const follower of followers) {
    assertOnlyTruth(follower, origin.served);
    assertHolds(follower, truth);
  }
};

/** How many streams left hyper's hands, by the gateway's last words. */
const takenOver = (gateway) => Number(gateway.log.replaceAll(/\x1b\[\d*m/g, '').match(/taken_over"?[=:](\d+)/)?.[1]);

test('a page reads JSON first and then follows in every way that pages have, all in gzip', async (t) => {
  const origin = await Origin.start(t, 11);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const page = await openPage(t, await browser(t), url);
  const codings = [];
  page.on('response', (response) => {
    if (response.headers()['content-type'] === 'text/event-stream') codings.push(response.headers()['content-encoding']);
  });
  // What was read leaves open connections behind, and streams are asked for on them.
  const versions = await page.evaluate((url) => Promise.all([1, 2, 3].map(async () => (await (await fetch(url)).json()).version)), url);
  assert.ok(versions.every((version) => origin.served.has(version)), String(versions));
  const followers = [
    await PageFollower.start(page, 'EventSource', url, 'EventSource'),
    await PageFollower.start(page, 'EventSource by parameter', `${url}?tidegate.accept=text/event-stream`, 'EventSource'),
    await PageFollower.start(page, 'fetch-event-source', url, 'fetch-event-source'),
  ];
  const streaming = await PageFollower.start(page, 'fetch', url, 'fetch');
  await moreStates('at first', [...followers, streaming]);
  // The page goes on reading beside its streams.
  assert.ok(origin.served.has(await page.evaluate(async (url) => (await (await fetch(url)).json()).version, url)));

  const before = followers.map(({ opens }) => opens.length);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null }, 'a clean end');
  assert.ok(takenOver(gateway) >= 1, `some stream came on a connection that was of use before: ${gateway.log}`);
  await followersUntil('fetch sees its stream end in order', [streaming], async () => {
    await streaming.look();
    return streaming.ended;
  });
  await gateway.start();
  await moreStates('after a restart', followers);
  assert.ok(followers.every(({ opens }, at) => opens.length > before[at]), 'each reconnected by itself');
  assert.ok(followers.every(({ statuses }) => statuses >= 2));
  await gateway.restart('SIGKILL');
  await moreStates('after a crash', followers);
  await settle(origin, followers);
  assertOnlyTruth(streaming, origin.served);
  assert.ok(codings.length >= 10 && codings.every((coding) => coding === 'gzip'), String(codings));
});

test('clients in other languages read the same in gzip and without it, and resume', async (t) => {
  const origin = await Origin.start(t, 12);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const url = `${gateway.url}/document`;
  const codings = { gzip: [], identity: [] };
  const asking = (coding) => async (input, init) => {
    const response = await fetch(input, { ...init, headers: { ...init.headers, 'Accept-Encoding': coding } });
    codings[coding].push(response.headers.get('content-encoding'));
    return response;
  };
  const followers = [
    new NodeFollower(t, url, { fetch: asking('gzip') }),
    new NodeFollower(t, url, { fetch: asking('identity') }),
    new PythonFollower(t, url, { dropEvery: 4 }),
  ];
  await moreStates('at first', followers);
  await gateway.restart('SIGTERM');
  await moreStates('after a restart', followers);
  await settle(origin, followers);
  assert.ok(codings.gzip.length >= 2 && codings.gzip.every((coding) => coding === 'gzip'), String(codings.gzip));
  assert.ok(codings.identity.every((coding) => coding === null), String(codings.identity));
  const opens = followers[2].events.filter(({ event }) => event === 'open');
  assert.ok(opens.every(({ coding }) => coding === 'gzip'), JSON.stringify(opens));
  // Each time that it came back in time it was given one patch, or the whole where that is smaller; never a reproach.
  assert.ok(opens.filter(({ resumed }) => resumed !== '').length >= 3);
});

test('streams over TLS, in a browser and in a terminal', async (t) => {
  const origin = await Origin.start(t, 13);
  const { gateway, cert } = await overTls(t, origin, 'heartbeat = "1s"');
  assert.match(gateway.url, /^https:/);
  const url = `${gateway.url}/document`;
  const page = await openPage(t, await browser(t), url, { ignoreHTTPSErrors: true });
  const followers = [
    await PageFollower.start(page, 'EventSource', url, 'EventSource'),
    await PageFollower.start(page, 'fetch-event-source', url, 'fetch-event-source'),
  ];
  await moreStates('over TLS', followers);
  const curl = new Program('curl', 'curl', ['-sS', '-N', '--compressed', '--cacert', cert, '-H', 'Accept: text/event-stream', url]);
  t.after(() => curl.stop());
  await curl.wrote(/^event: snapshot\nid: \S+\ndata: \{[^\n]*\}\n\n/);
  await curl.wrote(/\n\nevent: patch\nid: \S+\ndata: \[/);
  await gateway.restart('SIGTERM');
  assert.equal((await curl.ended()).code, 0, `an end in order, as gzip and as TLS: ${curl.stderr}`);
  await moreStates('after a restart', followers);
  await settle(origin, followers);
});
