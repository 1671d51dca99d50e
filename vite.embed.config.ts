import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The embed: one classic script without imports, its worker and styles inlined, so that it runs in `<iframe sandbox="allow-scripts">` without CORS headers. */
export default defineConfig({
  base: './',
  plugins: [react()],
  publicDir: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  worker: { format: 'iife' },
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
