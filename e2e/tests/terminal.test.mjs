// What a person or a script sees in a terminal: curl, `tidegate watch`, `tidegate check`, and messages at the start.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exact } from '../lib/exact.mjs';
import { configFile, Gateway, tidegate } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';
import { Program } from '../lib/program.mjs';
import { eventually } from '../lib/wait.mjs';

const curl = (t, ...args) => {
  const program = new Program('curl', 'curl', ['--silent', '--show-error', ...args]);
  t.after(() => program.stop());
  return program;
};

/** A gateway in front of the origin, with a heartbeat that a test can wait for. */
const quickHeartbeat = (t, origin) => Gateway.start(t, '--config', configFile(t, `
  [[origin]]
  name = "own"
  url = "${origin.url}"
  [[route]]
  path = "/**"
  origin = "own"
  poll = "50ms"
  heartbeat = "1s"
`));

test('curl shows snapshot, patches and heartbeats, and plain JSON without the header', async (t) => {
  const origin = await Origin.start(t, 4);
  const gateway = await quickHeartbeat(t, origin);
  const url = `${gateway.url}/document`;

  const stream = curl(t, '-N', '-i', '-H', 'Accept: text/event-stream', url);
  await stream.wrote(/\r\n\r\nevent: snapshot\nid: \S+\ndata: \{[^\n]*\}\n\n/);
  await stream.wrote(/\n\nevent: status\nretry: \d+\ndata: \{"state":"live"[^\n]*\}\n\n/);
  await stream.wrote(/\n\nevent: patch\nid: \S+\ndata: \[\{[^\n]*\}\]\n\n/);
  const head = stream.stdout.slice(0, stream.stdout.indexOf('\r\n\r\n'));
  for (const line of [/^HTTP\/1\.1 200/, /\r\ncontent-type: text\/event-stream\r?$/im, /\r\ncache-control: no-cache, no-transform\r?$/im, /\r\nx-accel-buffering: no\r?$/im]) {
    assert.match(head, line);
  }
  origin.halted = true;
  await stream.wrote(/\n\n:\n/);
  assert.doesNotMatch(stream.stdout, /\n:\n\n/, 'no blank line follows a heartbeat');

  const plain = curl(t, '-i', url);
  await plain.ended();
  const [fields, body] = plain.stdout.split('\r\n\r\n');
  assert.deepEqual(exact(body), exact(origin.served.get(origin.version)));
  const etag = fields.match(/^etag: (".+")\r?$/im)?.[1];
  assert.ok(etag, fields);
  assert.match(fields, /^age: \d+\r?$/im);
  assert.match(fields, /^cache-status: tidegate/im);
  assert.match(fields, /^vary: .*accept/im);

  const conditional = curl(t, '-i', '-H', `If-None-Match: ${etag}`, url);
  await conditional.ended();
  assert.match(conditional.stdout, /^HTTP\/1\.1 304 /);

  // The query parameters say the same, and the tag is the position to resume from: nothing is sent but the status.
  const resumed = curl(t, '-N', `${url}?tidegate.accept=text/event-stream&tidegate.last-event-id=${etag.replaceAll('"', '')}`);
  await resumed.wrote(/event: status\n/);
  await resumed.wrote(/\n:\n/);
  assert.doesNotMatch(resumed.stdout, /event: (snapshot|patch)/);

  await gateway.stop();
  assert.equal((await stream.ended()).code, 0, 'a gateway that is stopped ends its streams in order');
});

test('watch --json prints each update, follows a restart and ends on SIGINT', async (t) => {
  const origin = await Origin.start(t, 5);
  const gateway = await Gateway.start(t, '--origin', origin.url, '--poll', '50ms');
  const watch = tidegate('watch', '--json', `${gateway.url}/document`);
  t.after(() => watch.stop());
  const updates = () => watch.lines.map((line) => JSON.parse(line));
  const saw = (what, enough) => eventually(what, async () => {
    if (watch.end !== undefined) await watch.wrote(/$never/);
    return enough(updates());
  });

  await saw('a snapshot and three patches', (seen) => seen.filter(({ type }) => type === 'patch').length >= 3);
  assert.deepEqual(updates().slice(0, 2).map(({ type }) => type), ['connected', 'snapshot']);
  await gateway.restart();
  await saw('a snapshot and patches after the restart', (seen) => {
    const lost = seen.findIndex(({ type }) => type === 'disconnected');
    const again = seen.slice(lost).map(({ type }) => type);
    return lost > 0 && again.includes('snapshot') && again.lastIndexOf('patch') > again.indexOf('snapshot');
  });
  const snapshot = watch.lines.find((line) => line.startsWith('{"type":"snapshot"'));
  const { data } = exact(snapshot);
  assert.deepEqual(data, exact(origin.served.get(Number(data.version['#']))), 'number for number');
  assert.deepEqual(await watch.stop('SIGINT'), { code: 0, signal: null }, 'ends cleanly');
  assert.equal(watch.stderr, '');
  assert.ok(watch.stdout.endsWith('\n'), 'no half line');
});

test('watch polls a URL that offers no stream', async (t) => {
  const origin = await Origin.start(t, 6);
  const watch = tidegate('watch', '--json', '--poll', '50ms', '--count', '5', `${origin.url}/document`);
  t.after(() => watch.stop());
  assert.equal((await watch.ended()).code, 0);
  const seen = watch.lines.map((line) => JSON.parse(line));
  assert.equal(seen[0].source, 'polling');
  assert.equal(seen.filter(({ type }) => type === 'snapshot' || type === 'patch').length, 5);
});

test('check says everything that is wrong at once, with its line and a suggestion', async (t) => {
  const wrong = configFile(t, `listn = "127.0.0.1:8080"
[[origin]]
name = "own"
url = "ftp://127.0.0.1"
[[route]]
path = "/**"
origin = "owm"
poll = "1 fortnight"
`);
  const check = tidegate('check', '--config', wrong);
  t.after(() => check.stop());
  assert.equal((await check.ended()).code, 1);
  const said = check.stdout + check.stderr;
  for (const [line, words] of [[1, 'listen'], [4, 'http'], [7, 'own'], [8, '500ms']]) {
    const at = said.search(new RegExp(`${wrong.replaceAll('.', '\\.')}:${line}\\b`));
    assert.ok(at >= 0, `line ${line} in:\n${said}`);
    assert.ok(said.slice(at).includes(words), `${words} in:\n${said}`);
  }

  const right = configFile(t, '[[origin]]\nname = "own"\nurl = "http://127.0.0.1:1"\n[[route]]\npath = "/**"\norigin = "own"\n');
  const good = tidegate('check', '--config', right);
  t.after(() => good.stop());
  assert.equal((await good.ended()).code, 0, good.stderr);
});

test('a port that is taken is said, with the remedy', async (t) => {
  const origin = await Origin.start(t, 7);
  const taken = new URL(origin.url).host;
  const second = tidegate('serve', '--origin', origin.url, '--listen', taken);
  t.after(() => second.stop());
  assert.equal((await second.ended()).code, 1);
  assert.ok(second.stderr.includes(taken), second.stderr);
  assert.match(second.stderr, /--listen/);
});
