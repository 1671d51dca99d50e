import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The app. Relative paths, so that dist/ works from any sub-path of any static host. */
export default defineConfig({
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  css: { transformer: 'lightningcss' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
  },
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
