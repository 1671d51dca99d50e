import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Vite's development server injects an inline script, which the page's Content-Security-Policy forbids: there, and only there, the policy is left out. */
function developmentWithoutPolicy(): Plugin {
  return {
    name: 'development-without-policy',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, ''),
  };
}

/**
 * The page's first script only starts the simulation; the app that it imports is fetched beside it, not after it, and its styles before the first paint.
 * Vite links what is imported statically only.
 */
function linkTheApp(): Plugin {
  return {
    name: 'link-the-app',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_html, { bundle }) => {
        const chunks = Object.values(bundle ?? {}).filter((one) => one.type === 'chunk');
        const app = chunks.find((one) => one.facadeModuleId?.endsWith('/src/ui/start-app.tsx'));
        if (app === undefined) return [];
        const names = new Set<string>();
        const add = (name: string) => {
          if (names.has(name)) return;
          names.add(name);
          for (const next of chunks.find((one) => one.fileName === name)?.imports ?? []) add(next);
        };
        add(app.fileName);
        const styles = new Set(chunks.filter((one) => names.has(one.fileName)).flatMap((one) => [...(one.viteMetadata?.importedCss ?? [])]));
        const link = (rel: string, name: string) => ({ tag: 'link', attrs: { rel, crossorigin: true, href: `./${name}` }, injectTo: 'head' as const });
        return [...[...names].map((name) => link('modulepreload', name)), ...[...styles].map((name) => link('stylesheet', name))];
      },
    },
  };
}

/** Is the module part of what the app imports statically, and not of the page's first script? They are one file: a page over a slow line waits once, not for each of thirty. */
function inTheApp(): (id: string, context: { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null }) => string | null {
  const path = (name: string) => new URL(name, import.meta.url).pathname;
  let app: Set<string> | undefined;
  return (id, context) => {
    const reachedFrom = (entry: string) => {
      const reached = new Set([entry]);
      // A set gives what is added while it is walked.
      for (const one of reached) for (const next of context.getModuleInfo(one)?.importedIds ?? []) reached.add(next);
      return reached;
    };
    app ??= reachedFrom(path('./src/ui/start-app.tsx')).difference(reachedFrom(path('./src/main.tsx')));
    return app.has(id) ? 'app' : null;
  };
}

/** The app. Relative paths, so that dist/ works from any sub-path of any static host. */
export default defineConfig({
  base: './',
  plugins: [react(), developmentWithoutPolicy(), linkTheApp()],
  // React Flow moves the picture by numbers; that d3 could also mix colours is 4 kB which nothing here asks for.
  resolve: { alias: { 'd3-color': new URL('./src/ui/canvas/no-color.ts', import.meta.url).pathname } },
  worker: { format: 'es' },
  css: { transformer: 'lightningcss' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: inTheApp() }] } } },
  },
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
