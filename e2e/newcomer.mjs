// Does what the README's section «From nothing to live data» says, in empty folders outside of the repository, and
// says how long each way took: from its first command to prices that have moved on the screen.
// usage: [TIDEGATE_BIN=…] node e2e/newcomer.mjs      needs the ports of the demo, 3000 and 5173, npm's and PyPI's registries

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browser } from './lib/browser.mjs';
import { tidegate } from './lib/gateway.mjs';
import { eventually } from './lib/wait.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [, section] = readFileSync(join(ROOT, 'README.md'), 'utf8').split('## From nothing to live data\n');
const home = mkdtempSync(join(tmpdir(), 'newcomer-'));
const ends = [() => rmSync(home, { recursive: true, force: true })];
const t = { after: (end) => ends.unshift(end) };

/** Of the part that begins with `title`: which file it says to write, what is in it, the commands, and where to look. */
function part(title) {
  const text = section.slice(section.indexOf(`**${title}`));
  const [, file] = text.match(/`([\w/]+\.\w+)`/);
  const [[, content], [, commands]] = text.matchAll(/```\w+\n(.*?)```/gs);
  const [, url] = text.slice(0, text.indexOf('```')).match(/<(http\S+)>/) ?? [];
  return { title, file, content, commands, url };
}

/** Follows one part; resolves with the seconds. */
async function follow({ title, file, content, commands, url }, chrome) {
  const folder = join(home, title.toLowerCase().replace(/\W/g, ''));
  mkdirSync(folder);
  const write = () => (mkdirSync(dirname(join(folder, file)), { recursive: true }), writeFileSync(join(folder, file), content));
  const lines = commands.trim().split('\n').map((line) => line.replace(/ {2,}#.*/, ''));
  const began = performance.now();
  // A template fills an empty folder: then the file comes after the first command.
  if (lines[0].startsWith('npm create')) run(folder, lines.shift());
  write();
  const last = lines.pop();
  for (const line of lines) run(folder, line);
  console.log(`  ${last}`);
  const child = spawn('bash', ['-c', last], { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  let stopped = false;
  /** With all that it has started: they are a group of processes of their own. */
  const stop = () => {
    if (!stopped && child.exitCode === null) process.kill(-child.pid);
    stopped = true;
  };
  t.after(stop);
  if (url === undefined) {
    await eventually('lines that differ', () => new Set(output.match(/^\d+ shares traded$/gm)).size > 1);
  } else {
    const page = await chrome.newPage();
    await eventually('the page opens', () => page.goto(url));
    const list = () => page.locator('li').allTextContents();
    const first = await eventually('rows', async () => { const rows = await list(); return rows.length > 0 && rows; });
    await eventually('prices move', async () => (await list()).some((text, row) => text !== first[row]));
    await page.close();
  }
  stop();
  return (performance.now() - began) / 1000;
}

function run(folder, line) {
  console.log(`  ${line}`);
  execFileSync('bash', ['-c', line], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

try {
  execFileSync('npm', ['pack', '--pack-destination', home], { cwd: join(ROOT, 'sdk/js'), stdio: 'ignore' });
  const demo = tidegate('demo');
  t.after(() => demo.stop());
  await demo.wrote(/^Gateway/m);
  const chrome = await browser(t);
  const rows = [];
  for (const title of ['A page', 'Node', 'React', 'Python']) {
    console.log(title);
    const seconds = await follow(part(title), chrome);
    console.log(`  ${seconds.toFixed(1)} s`);
    rows.push([title, seconds]);
  }
  console.log(`\n| ${rows.map(([title]) => title.toLowerCase()).join(' | ')} |\n| ${rows.map(() => '---').join(' | ')} |\n| ${rows.map(([, seconds]) => `${seconds.toFixed(1)} s`).join(' | ')} |`);
} finally {
  for (const end of ends) await end();
}
