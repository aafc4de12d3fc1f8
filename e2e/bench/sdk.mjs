// What the SDK costs a page: the main thread's time for an update beside JSON.parse and fast-json-patch, React's work
// for a board of 500 rows, and the size of each entry.
// usage: node e2e/bench/sdk.mjs [UPDATES]      after `npm ci`, `npm ci --prefix e2e` and `npm run build --workspace sdk/js`

import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { browser } from '../lib/browser.mjs';

const count = Number(process.argv[2] ?? 400);
/** 20 updates a second. */
const pace = 50;

/** One file of `input` with all that it imports, but for what is loaded only when that is needed. */
async function bundle(input, external = []) {
  const later = { name: 'later', resolveDynamicImport: (id) => ({ id: String(id), external: true }) };
  const build = await rolldown({ input, external, plugins: [later], platform: 'browser', logLevel: 'silent', transform: { define: { 'process.env.NODE_ENV': '"production"' } } });
  const { output: [chunk] } = await build.generate({ format: 'es', minify: true });
  await build.close();
  return chunk.code;
}

const ends = [];
const t = { after: (end) => ends.unshift(end) };
const at = (times, part) => [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * part)];
const table = (head, rows) => [head, head.map((_, column) => (column ? '---:' : '---')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const ms = (time) => time.toFixed(time < 1 ? 3 : 2);

try {
  const code = await bundle(fileURLToPath(new URL('page.jsx', import.meta.url)));
  const server = createServer((incoming, answer) => {
    // Isolated pages have a clock of 5 µs; others of 100.
    answer.setHeader('Cross-Origin-Opener-Policy', 'same-origin').setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const script = incoming.url === '/page.js';
    answer.setHeader('Content-Type', script ? 'text/javascript' : 'text/html').end(script ? code : '<!doctype html><body><script type="module" src="/page.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const chrome = await browser(t);
  const page = await chrome.newPage();
  page.on('pageerror', (error) => console.error(error));
  const visit = async (what) => {
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction((name) => name in window, what);
    return page.evaluate(([name, options]) => window[name](options), [what, { count, pace }]);
  };

  const applies = await visit('applies');
  const base = at(Object.values(applies.times)[0], 0.5);
  console.log(`${count} updates of 5 of 500 rows, ${1000 / pace} a second; document ${applies.bytes} bytes, patch ${applies.patchBytes}; all end with the same document: ${applies.agree}; Chromium ${chrome.version()}\n`);
  console.log(table(['an update on the main thread', 'median ms', 'p99 ms', 'times `applyPatch`'], Object.entries(applies.times).map(([name, times]) => [name, ms(at(times, 0.5)), ms(at(times, 0.99)), (at(times, 0.5) / base).toFixed(1)])));

  const renders = await visit('renders');
  const names = { selector: '`useLive` with a selector in each row', memo: '`useLive`, rows in `memo`', replace: '`setState(JSON.parse(whole))`, rows in `memo`' };
  const first = at(renders.times.selector, 0.5);
  console.log(`\nall boards end with the same texts: ${renders.agree}\n`);
  console.log(table(['React, 500 rows', 'commits an update', 'rows rendered an update', 'render ms, median', 'p99', 'from bytes to DOM ms, median', 'p99', 'times the first'], Object.entries(names).map(([key, name]) => [
    name, (renders.commits[key].length / count).toFixed(2), (renders.rendered[key] / count).toFixed(1), ms(at(renders.commits[key], 0.5)), ms(at(renders.commits[key], 0.99)),
    ms(at(renders.times[key], 0.5)), ms(at(renders.times[key], 0.99)), (at(renders.times[key], 0.5) / first).toFixed(1),
  ])));

  const sizes = [];
  for (const entry of ['tidegate', 'tidegate/react', 'tidegate/multiplex', 'tidegate/tabs', 'tidegate/patch', 'fast-json-patch']) {
    const text = await bundle(fileURLToPath(import.meta.resolve(entry)), ['react']);
    sizes.push([`\`${entry}\``, text.length, gzipSync(text, { level: 9 }).length]);
  }
  console.log(`\n${table(['entry, with all that it imports at once', 'minified', 'with gzip'], sizes)}`);
} finally {
  for (const end of ends) await end();
}
