import { defaultClientConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['tidegate-source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['tidegate-source', ...defaultClientConditions] } },
  test: { include: ['test/**/*.test.ts'] },
});
