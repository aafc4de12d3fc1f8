// The examples as their READMEs start them, in front of the demo's market: each shows live data and changes, resumes
// after a lost connection, and goes on after the gateway was restarted.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer, request } from 'node:http';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { browser } from '../lib/browser.mjs';
import { Demo } from '../lib/demo.mjs';
import { PYTHON } from '../lib/followers.mjs';
import { folder } from '../lib/gateway.mjs';
import { project } from '../lib/packed.mjs';
import { freePort, Program } from '../lib/program.mjs';
import { eventually } from '../lib/wait.mjs';

const example = (path) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));
const OUT = fileURLToPath(new URL('../out', import.meta.url));
const SIZES = { phone: { width: 390, height: 800 }, desktop: { width: 1280, height: 800 } };

/** A network between client and gateway, in which connections can be lost. */
class Wire {
  /** What each request for a stream said that its client holds. */
  resumed = [];
  #open = new Set();

  static async start(t, gateway) {
    const wire = new Wire();
    const server = createServer((incoming, outgoing) => {
      const target = new URL(incoming.url, gateway);
      // A page asks first whether it may (CORS): not a stream yet.
      if (incoming.method === 'GET') wire.resumed.push(incoming.headers['last-event-id'] ?? target.searchParams.get('tidegate.last-event-id'));
      const asked = request(target, { method: incoming.method, headers: incoming.headers, agent: false }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      const lose = () => (asked.destroy(), outgoing.destroy());
      wire.#open.add(lose);
      asked.on('error', lose).end();
      outgoing.on('close', () => (lose(), wire.#open.delete(lose)));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => (server.closeAllConnections(), server.close()));
    wire.url = `http://127.0.0.1:${server.address().port}`;
    return wire;
  }

  lose() {
    for (const lose of this.#open) lose();
  }
}

/** One visit of a page with a table whose third column are prices. */
async function visit(chrome, url, viewport, colorScheme) {
  const page = await (await chrome.newContext({ viewport, colorScheme })).newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(url);
  const prices = () => page.locator('tbody td:nth-child(3)').allTextContents();
  return {
    page,
    errors,
    prices,
    live: () => eventually('it says that it is live', async () => /^live$/i.test(await page.getByRole('status').innerText())),
    notLive: () => eventually('it says that it is not live', async () => !/^live$/i.test(await page.getByRole('status').innerText())),
    changed: async () => {
      const before = await prices();
      await eventually('prices change', async () => (await prices()).some((price, row) => price !== before[row]));
    },
    screenshot: (name) => page.screenshot({ path: `${OUT}/example-${name}.png` }),
  };
}

/** What a page with the board has to show: live data and changes, in each size and scheme, through all that may happen. */
async function holds(t, name, url, demo, wire) {
  mkdirSync(OUT, { recursive: true });
  const chrome = await browser(t);
  const { symbols } = await (await fetch(`${demo.page}/demo.json`)).json();
  let shown;
  for (const scheme of ['light', 'dark']) {
    for (const [device, size] of Object.entries(SIZES)) {
      await shown?.page.close();
      shown = await visit(chrome, url, size, scheme);
      await eventually('the board is full', async () => (await shown.prices()).length === symbols);
      await shown.live();
      await shown.changed();
      assert.ok(await shown.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'nothing is wider than the screen');
      await shown.screenshot(`${name}-${device}-${scheme}`);
    }
  }
  await demo.control('market/error');
  await shown.notLive();
  await shown.screenshot(`${name}-stale`);
  await demo.control('market/run');
  await shown.live();

  const asked = wire.resumed.length;
  wire.lose();
  await eventually('it resumes', () => Boolean(wire.resumed[asked]));
  await shown.live();
  await shown.changed();

  await demo.control('gateway/restart');
  await shown.changed();
  await demo.control('market/halt');
  await eventually('the board is what the market says', async () => {
    const quotes = await (await fetch(`${demo.market}/quotes`)).json();
    const prices = await shown.prices();
    return quotes.every(({ price }, row) => Number(prices[row]) === price);
  });
  assert.deepEqual(shown.errors, []);
}

/** What a program has to print: a snapshot, a status, changes; on from where it was; a snapshot after a restart. */
async function follows(t, program, demo, wire) {
  t.after(() => program.stop('SIGKILL'));
  const snapshots = () => program.lines.filter((line) => /^snapshot: \d+ entries$/.test(line)).length;
  const changes = () => program.lines.filter((line) => /^replace \/\d+\S* \S/.test(line)).length;
  await program.wrote(/^snapshot: 500 entries$/m);
  await program.wrote(/^status: live$/m);
  await program.wrote(/^replace \/\d+/m);

  let seen = changes();
  wire.lose();
  await eventually('it resumes', () => wire.resumed.length > 1);
  await eventually('changes go on', () => changes() > seen);
  assert.ok(wire.resumed[1], 'it said what it holds');
  assert.equal(snapshots(), 1, 'and got what was missing alone');

  await demo.control('gateway/restart');
  await eventually('a new snapshot', () => snapshots() === 2);
  seen = changes();
  await eventually('changes go on', () => changes() > seen);
  assert.equal(program.end, undefined);
}

async function world(t) {
  const demo = await Demo.start(t, '--rate', '100');
  return { demo, wire: await Wire.start(t, demo.gateway) };
}

test('html: a file that a browser opens', async (t) => {
  const { demo, wire } = await world(t);
  await holds(t, 'html', `${pathToFileURL(example('html/index.html'))}?url=${encodeURIComponent(`${wire.url}/quotes`)}`, demo, wire);
});

test('react: it compiles with the SDK as it is packed, and runs in Vite', async (t) => {
  const { demo, wire } = await world(t);
  const home = folder(t);
  project(home, 'examples/react');
  execFileSync('npm', ['run', 'build'], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await freePort();
  // Not through npm, which would not pass a signal on.
  const vite = new Program('vite', process.execPath, ['node_modules/vite/bin/vite.js', '--host', '127.0.0.1', '--port', `${port}`, '--strictPort'], {
    cwd: home,
    env: { ...process.env, VITE_QUOTES: `${wire.url}/quotes` },
  });
  t.after(() => vite.stop());
  await vite.wrote(/ready in/);
  await holds(t, 'react', `http://127.0.0.1:${port}/`, demo, wire);
});

test('python: httpx-sse and jsonpatch', async (t) => {
  const { demo, wire } = await world(t);
  await follows(t, new Program('follow.py', PYTHON, [example('python/follow.py'), `${wire.url}/quotes`]), demo, wire);
});

test('shell: curl and jq', async (t) => {
  const { demo, wire } = await world(t);
  await follows(t, new Program('follow.sh', example('shell/follow.sh'), [`${wire.url}/quotes`]), demo, wire);
});

/** What the snippets of the SDK's README leave to their reader. */
const GIVEN = `
  interface Quote { symbol: string; price: number }
  interface Book { bids: [string, string][] }
  declare function render(data: unknown): void;
  declare function showBanner(status: string, cause: unknown): void;
  declare function save(data: unknown, position: string | undefined): Promise<void>;
  declare function token(): Promise<string>;
  declare function bearer(): string;
  declare function Table(props: { rows: Quote[] | undefined; faded: boolean }): import('react').ReactNode;
  declare const user: { id: string };
`;

test("the SDK's README: each snippet compiles with the SDK as it is packed", (t) => {
  const home = folder(t);
  project(home, 'examples/react');
  const text = readFileSync(fileURLToPath(new URL('../../sdk/js/README.md', import.meta.url)), 'utf8');
  const snippets = [...text.matchAll(/```tsx?\n(.*?)```/gs)].map(([, snippet]) => snippet);
  assert.ok(snippets.length >= 5, `${snippets.length} snippets`);
  for (const [index, snippet] of snippets.entries()) {
    // One that goes on from the one before has its import.
    const start = snippet.includes('import ') ? '' : "import { live } from 'tidegate';\n";
    writeFileSync(join(home, `src/snippet${index}.tsx`), `${start}${snippet}\nexport {};\n`);
  }
  writeFileSync(join(home, 'src/given.d.ts'), GIVEN);
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable', '--module', 'esnext', '--moduleResolution', 'bundler', '--jsx', 'react-jsx'];
  const files = ['src/given.d.ts', ...snippets.map((_, index) => `src/snippet${index}.tsx`)];
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options, ...files], { cwd: home, stdio: ['ignore', 'inherit', 'inherit'] });
});
