/** Sends every packet of the NetworkPolicy, Cyclonus, recipe and ClusterNetworkPolicy cases of ../shared/conformance through each CNI that enforces policies, and prints what came of them. A word picks rows by file or CNI. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'node_modules', '.cache', 'kubehop');
const outfile = join(out, 'conformance.mjs');
mkdirSync(out, { recursive: true });
await build({
  entryPoints: [join(root, 'src', 'kube', 'policy', 'testing', 'conformance-table.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
  define: { 'import.meta.dirname': JSON.stringify(join(root, 'src', 'kube', 'policy', 'testing')) },
});
const { conformanceRows, haveCases } = await import(pathToFileURL(outfile).href);
if (!haveCases) {
  console.error('conformance: the cases are not here: ../shared/conformance/netpol-e2e.json');
  process.exit(2);
}

const columns = [
  ['file', 24],
  ['CNI', 23],
  ['to', 9],
  ['steps', 9],
  ['packets', 9],
  ['failed', 8],
  ['TCP', 14],
  ['UDP', 14],
  ['SCTP', 14],
  ['seconds', 7],
];
const line = (cells) =>
  console.log(
    cells
      .map((cell, index) => String(cell).padEnd(columns[index][1]))
      .join(' ')
      .trimEnd(),
  );
const count = (one) => (one === undefined ? '-' : `${one.sent - one.failed}/${one.sent}`);

line(columns.map(([name]) => name));
const notes = new Map();
let failed = 0;
let started = performance.now();
for (const row of conformanceRows(process.argv[2])) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  started = performance.now();
  if (row.way === 'pod') for (const [why, steps] of row.without) notes.set(`${row.file}, ${row.cni}: ${steps} steps are not asked of it: ${why}.`, true);
  if (row.sent === 0) continue;
  const { TCP, UDP, SCTP } = row.byProtocol;
  line([row.file, row.cni, row.way, `${row.stepsPassed}/${row.steps}`, row.sent, row.failed, count(TCP), count(UDP), count(SCTP), seconds]);
  for (const sentence of row.wrong) console.log(`    ${sentence}`);
  failed += row.failed;
}
console.log('');
for (const note of notes.keys()) console.log(note);
console.log(failed === 0 ? 'Every packet did what the case expects and what the walk through the policies says.' : `${failed} packets did not.`);
process.exit(failed === 0 ? 0 : 1);
