// The SDK as its package has it: built into a folder of its own, for Node, and in one script for pages.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { rolldown } from 'rolldown';
import { Program } from './program.mjs';

const require = createRequire(import.meta.url);
const SOURCES = fileURLToPath(new URL('../../sdk/js', import.meta.url));
const TSC = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');

let built;

/** Builds the package once; gives its folder, which goes with this process. */
function build() {
  return (built ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-sdk-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'node_modules/tidegate');
    mkdirSync(path, { recursive: true });
    cpSync(join(SOURCES, 'package.json'), join(path, 'package.json'));
    const tsc = new Program('tsc', process.execPath, [TSC, '-p', join(SOURCES, 'tsconfig.build.json'), '--outDir', join(path, 'dist')]);
    const { code } = await tsc.ended();
    if (code !== 0) throw new Error(`tsc: ${tsc.stdout}${tsc.stderr}`);
    return folder;
  })());
}

/** What an entry of the package exports, as a program with the package installed gets it. */
export async function entry(name) {
  const from = createRequire(join(await build(), 'program.mjs'));
  return import(pathToFileURL(from.resolve(name)));
}

/** A script for pages: `source`, a module that imports from the package and from React, with all that it imports. */
export async function pageScript(source) {
  const folder = await build();
  const input = join(mkdtempSync(join(folder, 'page-')), 'main.js');
  writeFileSync(input, source);
  const places = ['react', 'react-dom'].map((name) => [name, dirname(require.resolve(`${name}/package.json`))]);
  const bundle = await rolldown({
    input,
    platform: 'browser',
    resolve: { alias: Object.fromEntries(places) },
    // React counts effects twice only as its development build.
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'iife', codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

/** A live resource as a follower: it remembers each state, as `lib/truth.mjs` looks at them. */
export class SdkFollower {
  /** Each state held, in order: `{ event, id, data, previous, patch }`. */
  states = [];
  statuses = [];
  errors = [];
  failure;
  #live;

  /** `read` is the `parse` that the resource was made with, where it was. */
  constructor(t, name, live, read) {
    this.name = name;
    this.read = read;
    this.#live = live;
    live.on('update', ({ kind, position, data, previous, patch }) => this.states.push({ event: kind, id: position, data, previous, patch }));
    live.on('status', (view) => this.statuses.push(view));
    live.on('error', (error) => {
      this.errors.push(error);
      if (error.final || ['patch-failed', 'bad-data'].includes(error.code)) this.failure ??= error;
    });
    t.after(() => live.close());
  }

  get latest() {
    return this.states.at(-1);
  }

  get view() {
    return this.#live.state;
  }
}
