// Measures what idle subscriptions cost in the gateway's memory, by how they share connections: proportional set size
// beyond that of a gateway that has served some and let go of them. Needs Linux and 3,000 open files.
//
//   cargo build --release && node e2e/connections.mjs     # TIDEGATE_BIN=… for a binary elsewhere

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.TIDEGATE_BIN ?? fileURLToPath(new URL('../target/release/tidegate', import.meta.url));
const REST_MS = 1500;
/** So many connect at the same time. */
const TOGETHER = 50;

/** What a browser sends beside a handshake: it is kept for later subscriptions. */
const BROWSER = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept-Language: de,en;q=0.8\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n';

/** A masked text frame; the mask is zero. */
function frame(text) {
  const content = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | content.length, 0, 0, 0, 0]), content]);
}

/** The bytes that open a connection with so many subscriptions. */
const OPENINGS = {
  'event stream': () => 'GET /q HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n',
  WebSocket: (subs) => Buffer.concat([
    Buffer.from(`GET /.tidegate/ws HTTP/1.1\r\nHost: h\r\n${BROWSER}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`),
    ...Array.from({ length: subs }, (_, sub) => frame(JSON.stringify({ op: 'subscribe', sub, url: '/q' }))),
  ]),
  'multiplexed event stream': (subs) => `GET /.tidegate/events?${Array(subs).fill('url=/q').join('&')} HTTP/1.1\r\nHost: h\r\n\r\n`,
};

/** Opens one, and waits for a snapshot of each. */
function open(port, kind, subs) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(OPENINGS[kind](subs)));
    let snapshots = 0;
    socket.on('error', reject);
    socket.on('data', (data) => {
      snapshots += data.toString('latin1').split('"fill"').length - 1;
      if (snapshots === subs) resolve(socket);
    });
  });
}

async function openAll(port, kind, connections, subs) {
  const sockets = [];
  while (sockets.length < connections) {
    sockets.push(...(await Promise.all(Array.from({ length: TOGETHER }, () => open(port, kind, subs)))));
  }
  return sockets;
}

const rest = () => new Promise((resolve) => setTimeout(resolve, REST_MS));
const memory = (pid) => 1024 * Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]);

const origin = createServer((_, response) => {
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ n: 1, fill: 'x'.repeat(200) }));
});
await new Promise((resolve) => origin.listen(0, '127.0.0.1', resolve));
const folder = mkdtempSync(join(tmpdir(), 'tidegate-connections-'));
const config = join(folder, 'tidegate.toml');
writeFileSync(config, `
  listen = "127.0.0.1:0"
  [limits]
  max_streams = 15000
  [[origin]]
  name = "own"
  url = "http://127.0.0.1:${origin.address().port}"
  [[route]]
  path = "/**"
  origin = "own"
  poll = "30s"
`);

console.log('| connections | subscriptions on each | bytes for each subscription | bytes for each connection |\n| --- | ---: | ---: | ---: |');
for (const [kind, connections, subs] of [['event stream', 2000, 1], ['WebSocket', 2000, 1], ['WebSocket', 200, 50], ['multiplexed event stream', 200, 50]]) {
  const gateway = spawn(BINARY, ['serve', '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] });
  const port = await new Promise((resolve) => {
    let text = '';
    gateway.stdout.on('data', (data) => {
      const [, port] = (text += data).match(/127\.0\.0\.1:(\d+)/) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
  try {
    const kept = await open(port, kind, subs);
    (await openAll(port, kind, TOGETHER, subs)).forEach((socket) => socket.destroy());
    await rest();
    const before = memory(gateway.pid);
    const sockets = await openAll(port, kind, connections, subs);
    await rest();
    const taken = memory(gateway.pid) - before;
    console.log(`| ${connections} × ${kind} | ${subs} | ${Math.round(taken / connections / subs)} | ${Math.round(taken / connections)} |`);
    [kept, ...sockets].forEach((socket) => socket.destroy());
  } finally {
    const ended = new Promise((resolve) => gateway.on('exit', resolve));
    gateway.kill('SIGTERM');
    await ended;
  }
}
origin.close();
rmSync(folder, { recursive: true });
