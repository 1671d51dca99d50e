/** The whole test run, step by step: lint, types, unit (with floors, determinism and, where the machine allows it, kernel parity), build, end-to-end, weights. Test files share their modules: no test changes a module's state, and reading them anew for each of some 240 files would take 100 s. `--quick` leaves out kernel parity (a minute of real packets) and stops before the build. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, 'node_modules', '.cache', 'kubehop');
const unitReport = join(cache, 'unit.json');
const browserReport = join(cache, 'e2e.json');
const quick = process.argv.includes('--quick');
const tool = (...path) => join(root, 'node_modules', ...path);
const counts = { passed: 0, failed: 0, skipped: 0 };

function run(title, args, env = {}) {
  const started = performance.now();
  console.log(`\n── ${title}`);
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  console.log(`── ${title}: ${done.status === 0 ? 'ok' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return done.status === 0;
}

function readReport(path, read) {
  try {
    read(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // No report: the runner died before writing one; its exit code already says that it failed.
  }
}

function steps() {
  mkdirSync(cache, { recursive: true });
  for (const path of [unitReport, browserReport]) rmSync(path, { force: true });
  if (!run('lint and format', [tool('@biomejs', 'biome', 'bin', 'biome'), 'ci', '.'])) return false;
  for (const config of ['tsconfig.core.json', 'tsconfig.web.json', 'tsconfig.node.json']) {
    if (!run(`types (${config})`, [tool('typescript', 'bin', 'tsc'), '-p', config])) return false;
  }
  const unit = run(
    quick ? 'unit, floors, determinism' : 'unit, floors, determinism, parity',
    [tool('vitest', 'vitest.mjs'), 'run', '--no-isolate', '--reporter=default', '--reporter=json', `--outputFile.json=${unitReport}`],
    quick ? { KUBEHOP_PARITY: 'off' } : {},
  );
  readReport(unitReport, (report) => {
    counts.passed += report.numPassedTests;
    counts.failed += report.numFailedTests;
    counts.skipped += report.numPendingTests + (report.numTodoTests ?? 0);
  });
  if (!unit || quick) return unit;
  if (!run('build', [join(root, 'scripts', 'build.mjs')])) return false;
  const browser = run('end-to-end in Chromium', [tool('@playwright', 'test', 'cli.js'), 'test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_NAME: browserReport,
  });
  readReport(browserReport, (report) => {
    counts.passed += report.stats.expected + report.stats.flaky;
    counts.failed += report.stats.unexpected;
    counts.skipped += report.stats.skipped;
  });
  if (!browser) return false;
  return run('weights', [join(root, 'scripts', 'weights.mjs'), '--check']);
}

const ok = steps();
if (!ok && counts.failed === 0) counts.failed = 1;
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(ok ? 0 : 1);
