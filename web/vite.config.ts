import { defaultClientConditions, defineConfig } from 'vite';

/**
 * The page's build. Its result is committed and embedded in the program, so it has to be a function of the sources and
 * the lock file alone: names come from contents, and there are no source maps, time stamps or absolute paths.
 */
export default defineConfig(({ command }) => {
  // A NODE_ENV of the builder's shell would choose other variants of the dependencies.
  if (command === 'build') process.env.NODE_ENV = 'production';
  return {
    base: './',
    // The SDK is taken from its sources: no build of it has to come first.
    resolve: { conditions: ['tidegate-source', ...defaultClientConditions] },
    build: {
      target: 'es2022',
      sourcemap: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 400,
    },
  };
});
