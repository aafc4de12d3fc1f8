// Patch sizes and times of the JavaScript libraries.
//
// `node peers.mjs FOLDER --limit SECONDS` reads each `NAME.old.json` and `NAME.new.json` of the folder and writes one
// JSON object to the standard output: `{runtime, results: [{pair, peer, bytes, diff_us, full_us, right} | {pair, peer,
// skipped}]}`. Each library works in a worker (`peer.mjs`), because a synchronous diff can only be ended from outside.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LIBRARIES } from './peer.mjs';

const [folder, flag, seconds] = process.argv.slice(2);
if (!folder || flag !== '--limit' || !(Number(seconds) > 0)) {
  console.error('usage: node peers.mjs FOLDER --limit SECONDS');
  process.exit(2);
}

/** The worker that is ready, or none after one was ended. */
let worker;

function start() {
  return new Worker(new URL('./peer.mjs', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: 3000 } });
}

/** What the worker says to a task, or why it was ended. */
function ask(task) {
  worker ??= start();
  return new Promise((resolve) => {
    const asked = worker;
    const failed = (error) =>
      end({ skipped: error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out of memory' : String(error.message) });
    const ended = (code) => end({ skipped: `the worker ended with ${code}` });
    const end = (result) => {
      clearTimeout(timer);
      // One by one: to remove all listeners would also remove those by which a worker passes on its messages.
      asked.off('message', end).off('error', failed).off('exit', ended);
      if (result.skipped) {
        // What a worker says while it is being ended interests nobody, but an error without a listener is thrown.
        asked.on('error', () => {});
        asked.terminate();
        worker = undefined;
      }
      resolve(result);
    };
    const timer = setTimeout(() => end({ skipped: `over ${seconds} s` }), Number(seconds) * 1000);
    asked.on('message', end).on('error', failed).on('exit', ended);
    asked.postMessage(task);
  });
}

const results = [];
for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.old.json')) continue;
  const pair = file.slice(0, -'.old.json'.length);
  for (const peer of Object.keys(LIBRARIES)) {
    const answer = await ask({ peer, old: join(folder, file), new: join(folder, `${pair}.new.json`) });
    results.push({ pair, peer, ...answer });
    console.error(`${pair} ${peer} ${answer.skipped ?? `${answer.bytes} B`}`);
  }
}
process.stdout.write(JSON.stringify({ runtime: `Node ${process.version}`, results }), () => process.exit(0));
