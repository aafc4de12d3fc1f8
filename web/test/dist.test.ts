import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const web = fileURLToPath(new URL('..', import.meta.url));

/** Every file below a folder with its bytes, by its path in it. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path).toString('base64')]),
  );
}

test('the committed build is the build of these sources, and a build is repeatable', { timeout: 60_000 }, () => {
  const fresh = mkdtempSync(join(tmpdir(), 'tidegate-page-'));
  try {
    const vite = fileURLToPath(import.meta.resolve('vite')).replace(/dist[\\/]node[\\/]index\.js$/, join('bin', 'vite.js'));
    execFileSync(process.execPath, [vite, 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], { cwd: web });
    const built = contents(fresh);
    const committed = contents(join(web, 'dist'));
    expect(Object.keys(committed)).toEqual(Object.keys(built));
    const stale = Object.keys(built).filter((path) => built[path] !== committed[path]);
    expect(stale, 'run `npm run build` and commit web/dist').toEqual([]);
  } finally {
    rmSync(fresh, { recursive: true });
  }
});

test('nothing in the build tells where or when it was made', () => {
  const text = Object.values(contents(join(web, 'dist'))).map((file) => Buffer.from(file, 'base64').toString('latin1')).join('\n');
  expect(text).not.toContain('sourceMappingURL');
  expect(text).not.toContain(web);
});
