/** What the package weighs where it is used: minified and compressed, as a bundler and a server would have it. */

import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';

/** The entry with all that it imports, but for what it loads only when that is needed, by `import()`. */
async function bundle(entry: string): Promise<{ bytes: number; imports: string[] }> {
  const input = fileURLToPath(new URL(`../src/${entry}.ts`, import.meta.url));
  const later = { name: 'later', resolveDynamicImport: (id: unknown) => ({ id: String(id), external: true as const }) };
  const build = await rolldown({ input, external: ['react'], plugins: [later], logLevel: 'silent' });
  const { output } = await build.generate({ format: 'es', minify: true });
  await build.close();
  expect(output).toHaveLength(1);
  const [chunk] = output;
  return { bytes: gzipSync(chunk.code, { level: 9 }).length, imports: chunk.imports };
}

describe('compressed with gzip', () => {
  // The bounds are promises of the README. Whoever has to raise one of the others says why there.
  test.each([
    ['index', 4096],
    ['multiplex/index', 6400],
    ['react/index', 5 * 1024],
    ['tabs/index', 6 * 1024],
    ['patches', 1280],
  ])('%s is at most %i bytes, and needs nobody else', async (entry, limit) => {
    const { bytes, imports } = await bundle(entry);
    expect(bytes).toBeLessThanOrEqual(limit);
    expect(imports).toEqual(entry.startsWith('react') ? ['react'] : []);
  });
});

test('a program that only applies patches gets nothing of the rest', async () => {
  const { bytes } = await bundle('patches');
  expect(bytes).toBeLessThan((await bundle('index')).bytes / 2);
});
