import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { transformSync } from 'esbuild';
import { normalizePath, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** As Vite writes the ids of modules, also in a folder whose name has spaces. */
const pathOf = (file: string) => normalizePath(fileURLToPath(new URL(file, import.meta.url)));

/** Vite's development server injects an inline script, which the page's Content-Security-Policy forbids: there, and only there, the policy is left out. */
function developmentWithoutPolicy(): Plugin {
  return {
    name: 'development-without-policy',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, ''),
  };
}

/**
 * The page's first script only starts the simulation; the app that it imports, and its styles, are fetched beside it, not after it.
 * Vite links what is imported statically only, and styles in a way that makes scripts wait for them.
 */
function linkTheApp(): Plugin {
  return {
    name: 'link-the-app',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle }) => {
        const chunks = Object.values(bundle ?? {}).filter((one) => one.type === 'chunk');
        const app = chunks.find((one) => one.moduleIds.some((id) => id.endsWith('/src/ui/start-app.tsx')));
        if (app === undefined) return [];
        const names = new Set<string>();
        const add = (name: string) => {
          if (names.has(name)) return;
          names.add(name);
          for (const next of chunks.find((one) => one.fileName === name)?.imports ?? []) add(next);
        };
        add(app.fileName);
        const styles = new Set(chunks.filter((one) => names.has(one.fileName)).flatMap((one) => [...(one.viteMetadata?.importedCss ?? [])]));
        const link = (name: string, attrs: Readonly<Record<string, string>>) => ({
          tag: 'link',
          attrs: { ...attrs, crossorigin: true, href: `./${name}` },
          injectTo: 'head' as const,
        });
        return [
          ...[...names].filter((name) => !html.includes(name)).map((name) => link(name, { rel: 'modulepreload' })),
          ...[...styles].map((name) => link(name, { rel: 'preload', as: 'style' })),
        ];
      },
    },
  };
}

/** Writes src/start-worker.ts into the page, right behind the policy that then allows it by its hash: the worker is on its way before any script of the app is. */
function startTheWorker(): Plugin {
  return {
    name: 'start-the-worker',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle }) => {
        const worker = Object.keys(bundle ?? {}).find((name) => /\bsimulation\.worker-[\w-]+\.js$/.test(name));
        if (worker === undefined) throw new Error('the simulation has no worker');
        const source = readFileSync(pathOf('./src/start-worker.ts'), 'utf8');
        const define = { KUBEHOP_WORKER_URL: JSON.stringify(`./${worker}`) };
        const code = transformSync(source, { loader: 'ts', minify: true, target: 'es2022', define }).code.trim();
        const hash = createHash('sha256').update(code).digest('base64');
        return html
          .replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`)
          .replace(/(<meta\s+http-equiv="Content-Security-Policy"[^>]*>)/, (policy) => `${policy}\n    <script>${code}</script>`);
      },
    },
  };
}

/** Names the chunk of all modules that `entry` imports statically: they are one file, and a page over a slow line waits once, not for each of thirty. */
function chunkOf(
  name: string,
  entry: string,
): (id: string, context: { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null }) => string | null {
  let reached: Set<string> | undefined;
  return (id, context) => {
    if (reached === undefined) {
      reached = new Set([pathOf(entry)]);
      // A set gives what is added while it is walked.
      for (const one of reached) for (const next of context.getModuleInfo(one)?.importedIds ?? []) reached.add(next);
    }
    return reached.has(id) ? name : null;
  };
}

/** The app. Relative paths, so that dist/ works from any sub-path of any static host. */
export default defineConfig({
  base: './',
  plugins: [react(), developmentWithoutPolicy(), linkTheApp(), startTheWorker()],
  // React Flow moves the picture by numbers; that d3 could also mix colours is 4 kB which nothing here asks for.
  resolve: { alias: { 'd3-color': pathOf('./src/ui/canvas/no-color.ts') } },
  worker: { format: 'es' },
  css: { transformer: 'lightningcss' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What the first script needs must not wait in the app's file.
            { name: chunkOf('first', './src/main.tsx'), priority: 2 },
            { name: chunkOf('app', './src/ui/start-app.tsx'), priority: 1 },
          ],
        },
      },
    },
  },
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
