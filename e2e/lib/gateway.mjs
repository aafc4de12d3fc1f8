// The release binary under test.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from './program.mjs';

const BINARY = process.env.TIDEGATE_BIN ?? fileURLToPath(new URL('../../target/release/tidegate', import.meta.url));

/** Runs `tidegate` with arguments. */
export function tidegate(...args) {
  return new Program(`tidegate ${args[0]}`, BINARY, args);
}

/** A folder of the test's own, gone with it. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'tidegate-e2e-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** A configuration file with this text, for `--config`. */
export function configFile(t, text) {
  const path = join(folder(t), 'tidegate.toml');
  writeFileSync(path, text);
  return path;
}

/** `tidegate serve` that can be ended and started again at the same address. */
export class Gateway {
  #args;
  #program;

  /** Starts it with the arguments of `tidegate serve` that choose origins; it takes a free port. */
  static async start(t, ...args) {
    const gateway = new Gateway();
    gateway.#args = args;
    await gateway.#run('127.0.0.1:0');
    t.after(() => gateway.stop());
    return gateway;
  }

  async #run(listen) {
    this.#program = tidegate('serve', ...this.#args, '--listen', listen);
    const [, url] = await this.#program.wrote(/listens on (https?:\/\/\S+)\n/);
    this.url = url;
  }

  /** Starts it again at the same address, once it has ended. */
  start() {
    return this.#run(new URL(this.url).host);
  }

  /** Ends it by `signal` and starts it again at the same address. */
  async restart(signal = 'SIGTERM') {
    const end = await this.stop(signal);
    await this.start();
    return end;
  }

  /** What it has logged since it was started last. */
  get log() {
    return this.#program.stderr;
  }

  stop(signal = 'SIGTERM') {
    return this.#program.stop(signal);
  }
}
