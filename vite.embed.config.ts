import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The embed: one classic script without imports that draws and, for worlds of its readers' own, fetches the simulation as a second one, so that it runs in `<iframe sandbox="allow-scripts">` without CORS headers. */
export default defineConfig({
  base: './',
  plugins: [react()],
  publicDir: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  // A stable name: an embed that a reader's cache holds must find its simulation after the next deployment.
  worker: { format: 'iife', rolldownOptions: { output: { entryFileNames: 'world.js' } } },
  css: { transformer: 'lightningcss' },
  build: {
    target: 'es2022',
    outDir: 'dist/embed/v1',
    emptyOutDir: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    lib: { entry: resolve(import.meta.dirname, 'src/embed.tsx'), formats: ['iife'], name: 'kubehopEmbed', fileName: () => 'embed.js', cssFileName: 'embed' },
  },
});
