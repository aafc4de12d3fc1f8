// The SDK as a user gets it: packed by npm, unpacked into a project of its own, without a network.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Packs what `npm run build` made, and gives where the package lies. */
export function pack(folder) {
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: join(ROOT, 'sdk/js'), stdio: ['ignore', 'pipe', 'pipe'] }));
  return join(folder, filename);
}

/** Copies the project at `path` (from the root) into `folder`; its packages are the root's, but for the SDK, packed. */
export function project(folder, path) {
  const source = join(ROOT, path);
  cpSync(source, folder, { recursive: true, filter: (file) => dirname(file) !== source || !['node_modules', 'dist'].includes(basename(file)) });
  const packages = join(folder, 'node_modules');
  for (const name of ['.bin', '@types', '@vitejs', 'react', 'react-dom', 'typescript', 'vite']) {
    mkdirSync(packages, { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(packages, name));
  }
  const sdk = join(packages, 'tidegate');
  mkdirSync(sdk);
  execFileSync('tar', ['-xzf', pack(folder), '-C', sdk, '--strip-components=1']);
}
