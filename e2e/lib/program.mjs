// Programs under test. Each is ended by its own process id; none outlives the test process, however that ends.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { eventually, Hopeless } from './wait.mjs';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** How long a program may take to end in order before it is killed, which fails the test. */
const PATIENCE_MS = 15_000;

export class Program {
  #child;
  #ended;
  /** Everything that it wrote, by stream. */
  stdout = '';
  stderr = '';
  /** The whole lines of its standard output. */
  lines = [];
  #half = '';

  constructor(name, command, args, options = {}) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.#child);
    for (const stream of ['stdout', 'stderr']) {
      this.#child[stream].setEncoding('utf8').on('data', (text) => {
        this[stream] += text;
      });
    }
    this.#child.stdout.on('data', (text) => {
      const lines = (this.#half + text).split('\n');
      this.#half = lines.pop();
      this.lines.push(...lines);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve({ error }));
      // `close` comes when the pipes are drained too: all output is there by then.
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    }).then((end) => {
      running.delete(this.#child);
      this.end = end;
      return end;
    });
  }

  /** Resolves with the match once the program has written it; fails at once if the program ends before. */
  async wrote(pattern, stream = 'stdout') {
    return eventually(`${this.name} writes ${pattern}`, () => {
      const match = this[stream].match(pattern);
      if (match !== null) return match;
      if (this.end !== undefined) throw new Hopeless(`${this.name} has ended with ${JSON.stringify(this.end)}; it wrote:\n${this.stdout}${this.stderr}`);
      throw new Error(`it wrote: …${this[stream].slice(-2000)}`);
    });
  }

  signal(signal) {
    this.#child.kill(signal);
  }

  /** How it ended, once it has: `{ code, signal }`. */
  ended() {
    return this.#ended;
  }

  /** Ends it and waits until it has gone; one that does not obey is killed, and that is an error. */
  async stop(signal = 'SIGTERM') {
    if (this.end !== undefined) return this.end;
    this.#child.kill(signal);
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#child.kill('SIGKILL');
    }, PATIENCE_MS);
    const end = await this.#ended;
    clearTimeout(timer);
    if (killed) throw new Error(`${this.name} did not end on ${signal} within ${PATIENCE_MS / 1000} s:\n${this.stderr}`);
    return end;
  }
}

/** A port of loopback that nothing listens on, for programs that cannot choose one themselves. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
