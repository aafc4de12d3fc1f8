// How long `tidegate serve` takes from its start to its first answer: the figure in the README.
// usage: [TIDEGATE_BIN=…] node e2e/startup.mjs [RUNS]

import { createServer, request } from 'node:http';
import { tidegate } from './lib/gateway.mjs';
import { freePort } from './lib/program.mjs';

const runs = Number(process.argv[2] ?? 20);
const origin = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}'));
await new Promise((resolve) => origin.listen(0, '127.0.0.1', resolve));

/** Resolves with whether the gateway answered. */
const answers = (port) => new Promise((resolve) => {
  request({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
    response.resume().once('end', () => resolve(response.statusCode === 200));
  }).once('error', () => resolve(false)).end();
});

const times = [];
for (let run = 0; run < runs; run += 1) {
  const port = await freePort();
  const began = performance.now();
  const gateway = tidegate('serve', '--origin', `http://127.0.0.1:${origin.address().port}`, '--listen', `127.0.0.1:${port}`);
  while (!(await answers(port))) {
    if (gateway.end !== undefined) throw new Error(`it has ended:\n${gateway.stderr}`);
  }
  times.push(performance.now() - began);
  await gateway.stop();
}
origin.close();
origin.closeAllConnections();
times.sort((a, b) => a - b);
console.log(`${times[Math.floor(times.length / 2)].toFixed(1)} ms, median of ${runs} (least ${times[0].toFixed(1)}, most ${times.at(-1).toFixed(1)})`);
