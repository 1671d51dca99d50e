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
  const sources = ['src', 'embed', 'public', 'index.html', 'vite.config.ts', 'vite.embed.config.ts', 'package-lock.json'];
  return sources.some((name) => existsSync(join(root, name)) && newest(join(root, name)) > built);
}

if (process.argv.includes('--if-stale') && !isStale()) process.exit(0);

const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
for (const config of ['vite.config.ts', 'vite.embed.config.ts']) {
  const done = spawnSync(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
writeFileSync(stamp, '');
