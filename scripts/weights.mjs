/** Prints the gzipped weight of what loads before interaction: the app without Monaco, and the embed. `--check` fails over the budgets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
/** kB gzipped (1 kB = 1,000 bytes). The simulation loads after the first paint; docs/decisions/0017 says what its weight buys. */
const budgets = { app: 240, worker: 600, tools: 520, embed: 150 };

const gzipped = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

/** The entry's scripts and styles and all that they import statically (lazy chunks, as Monaco's, are not loaded first). */
function firstLoad() {
  const html = readFileSync(join(dist, 'index.html'), 'utf8');
  const queue = [...html.matchAll(/(?:src|href)="\.\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
  const seen = new Set();
  while (queue.length > 0) {
    const name = queue.pop();
    if (seen.has(name)) continue;
    seen.add(name);
    if (!name.endsWith('.js')) continue;
    const text = readFileSync(join(dist, name), 'utf8');
    for (const match of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) queue.push(join(dirname(name), match[1]));
  }
  return [...seen];
}

if (!existsSync(join(dist, 'index.html'))) {
  console.error('weights: there is no build in dist/; run npm run build first.');
  process.exit(1);
}

const appFiles = firstLoad();
const app = appFiles.reduce((sum, name) => sum + gzipped(join(dist, name)), 0);
const worker = readdirSync(join(dist, 'assets'))
  .filter((name) => /^(?:world|worker|simulation)[-.].*\.js$/.test(name))
  .reduce((sum, name) => sum + gzipped(join(dist, 'assets', name)), 0);
const tools = readdirSync(join(dist, 'assets'))
  .filter((name) => /^full-equipment-.*\.js$/.test(name))
  .reduce((sum, name) => sum + gzipped(join(dist, 'assets', name)), 0);
const embedFile = (name) => gzipped(join(dist, 'embed', 'v1', name));
const embed = embedFile('index.html') + embedFile('embed.js') + embedFile('embed.css');

const rows = [
  ['app, first load without Monaco', app, budgets.app],
  ['simulation, in the app (worker, after the first paint)', worker, budgets.worker],
  ['the rest of it, in the app (while the first picture is drawn)', tools, budgets.tools],
  ['embed of the built-in world: page with story, script, styles', embed, budgets.embed],
  ['simulation, in embeds of worlds of their own (world.js)', embedFile('world.js'), budgets.worker + budgets.tools],
];
let over = false;
for (const [name, bytes, budget] of rows) {
  const bad = bytes > budget * 1000;
  over ||= bad;
  console.log(`${name.padEnd(62)} ${kilobytes(bytes).padStart(10)}  budget ${budget} kB${bad ? '  OVER' : ''}`);
}
if (process.argv.includes('--check') && over) process.exit(1);
