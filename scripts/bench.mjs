/** Runs every benchmark (bench/*.ts in Node, bench/*.page.ts and, when asked for, *.soak.ts in Chromium) and prints its figures as ratios to a baseline of the same run. `--record` appends them to bench/results.md; a word picks the benchmarks whose name contains it. */
import { execSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'node_modules', '.cache', 'kubehop', 'bench');
const record = process.argv.includes('--record');
const filter = process.argv.slice(2).find((word) => !word.startsWith('-'));

mkdirSync(out, { recursive: true });
const names = readdirSync(join(root, 'bench'))
  .filter((name) => name.endsWith('.ts') && name !== 'harness.ts')
  // What takes many minutes runs only when it is asked for.
  .filter((name) => !name.endsWith('.soak.ts') || (filter !== undefined && name.includes(filter)))
  .filter((name) => filter === undefined || name.includes(filter))
  .sort();
if (names.some((name) => name.endsWith('.page.ts') || name.endsWith('.soak.ts'))) {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

const rows = [];
let failed = false;
for (const name of names) {
  const outfile = join(out, name.replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [join(root, 'bench', name)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  console.log(`\n── ${name}`);
  const done = spawnSync(process.execPath, ['--expose-gc', outfile], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 << 20,
  });
  if (done.status !== 0) failed = true;
  for (const line of done.stdout.split('\n')) {
    if (!line.startsWith('figure ')) {
      if (line.trim() !== '') console.log(line);
      continue;
    }
    const figure = JSON.parse(line.slice('figure '.length));
    rows.push(figure);
    console.log(format(figure));
  }
}

function ratio(figure) {
  if (figure.unit === 'ms') return (figure.value / figure.baselineMs).toFixed(3);
  if (figure.unit === 'ns') return (figure.value / 1e6 / figure.baselineMs).toExponential(2);
  // Work done per second against the baseline's ten million lookups per (its) time.
  if (figure.unit === 'per second') return (figure.value / (1e7 / (figure.baselineMs / 1000))).toPrecision(3);
  return '–';
}

function number(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 1 : 2);
}

function format(figure) {
  const goal = figure.goal === undefined ? '' : `  goal ${number(figure.goal)}${meets(figure) ? ' ✓' : ' ✗'}`;
  return `${figure.name.padEnd(64)} ${number(figure.value).padStart(12)} ${figure.unit.padEnd(11)} ratio ${ratio(figure).padStart(9)}${goal}`;
}

function meets(figure) {
  return figure.unit === 'per second' ? figure.value >= figure.goal : figure.value <= figure.goal;
}

if (record && rows.length > 0) {
  const commit = execSync('git rev-parse --short HEAD', { cwd: root, encoding: 'utf8' }).trim();
  const day = new Date().toISOString().slice(0, 10);
  const lines = [
    `\n## ${day} · ${commit} · ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'} · Node ${process.versions.node}\n`,
    `Baseline: ten million Map lookups in ${number(rows[0].baselineMs)} ms of CPU.\n`,
    '| figure | value | unit | ratio to baseline | goal |',
    '|---|---:|---|---:|---:|',
    ...rows.map(
      (figure) =>
        `| ${figure.name} | ${number(figure.value)} | ${figure.unit} | ${ratio(figure)} | ${figure.goal === undefined ? '' : `${number(figure.goal)} ${meets(figure) ? '✓' : '✗'}`} |`,
    ),
    '',
  ];
  appendFileSync(join(root, 'bench', 'results.md'), lines.join('\n'));
}
process.exit(failed ? 1 : 0);
