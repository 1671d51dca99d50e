/** Builds the static site into dist/: the app, then the embed (one classic script). `--if-stale` does nothing when no source is newer than the last build. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');

function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  let latest = 0;
  for (const name of readdirSync(path)) latest = Math.max(latest, newest(join(path, name)));
  return latest;
}

function isStale() {
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  const sources = ['src', 'embed', 'public', 'scripts/embed-story.ts', 'index.html', 'vite.config.ts', 'vite.embed.config.ts', 'package-lock.json'];
  return sources.some((name) => existsSync(join(root, name)) && newest(join(root, name)) > built);
}

/** The embed's page, with the story of the built-in world that the engine tells now: readers of that one wait for no simulation. */
async function writeEmbedPage() {
  const { build } = await import('esbuild');
  const outfile = join(root, 'node_modules', '.cache', 'kubehop', 'embed-story.mjs');
  await build({
    entryPoints: [join(root, 'scripts', 'embed-story.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const done = spawnSync(process.execPath, [outfile, root], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 });
  if (done.status !== 0) process.exit(done.status ?? 1);
  writeFileSync(join(root, 'dist', 'embed', 'v1', 'index.html'), done.stdout);
}

if (process.argv.includes('--if-stale') && !isStale()) process.exit(0);

const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
for (const config of ['vite.config.ts', 'vite.embed.config.ts']) {
  const done = spawnSync(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
await writeEmbedPage();
writeFileSync(stamp, '');
