/** Makes a fresh clone runnable with Node and npm alone: installs packages when the lock file changed, finds or installs a browser with `--browser`. Does nothing where all is there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, 'node_modules', '.cache', 'kubehop');
const chromiumFile = join(cache, 'chromium.json');

function fail(sentence) {
  console.error(`kubehop: ${sentence}`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or later is needed; this is ${process.versions.node}.`);
}

function installPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('kubehop: installing packages (npm ci) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const done = spawnSync(npm, ['ci', '--no-fund', '--no-audit'], { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (done.status !== 0) fail('npm ci did not succeed; its message is above.');
}

/** True when this binary starts and prints a version. */
function works(path) {
  if (path === undefined || path === '' || !existsSync(path)) return false;
  return spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

function systemChromium() {
  const candidates = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/usr/bin/microsoft-edge',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ];
  return candidates.find(works);
}

function playwrightChromium() {
  try {
    const require = createRequire(join(root, 'package.json'));
    const path = require('@playwright/test').chromium.executablePath();
    return works(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function remember(path, source) {
  mkdirSync(cache, { recursive: true });
  writeFileSync(chromiumFile, JSON.stringify({ path, source }));
  console.log(`kubehop: tests use the Chromium of ${source} (${path}).`);
}

function findBrowser() {
  if (existsSync(chromiumFile) && works(JSON.parse(readFileSync(chromiumFile, 'utf8')).path)) return;
  if (process.env.KUBEHOP_CHROMIUM !== undefined) {
    if (!works(process.env.KUBEHOP_CHROMIUM)) fail(`KUBEHOP_CHROMIUM is set to ${process.env.KUBEHOP_CHROMIUM}, which does not start.`);
    return remember(process.env.KUBEHOP_CHROMIUM, 'KUBEHOP_CHROMIUM');
  }
  let found = playwrightChromium();
  if (found !== undefined) return remember(found, 'Playwright');
  found = systemChromium();
  if (found !== undefined) return remember(found, 'the system');

  console.log('kubehop: no Chromium found; asking Playwright for one …');
  spawnSync(process.execPath, [join(root, 'node_modules', '@playwright', 'test', 'cli.js'), 'install', 'chromium'], {
    cwd: root,
    stdio: 'inherit',
    timeout: 300_000,
  });
  found = playwrightChromium();
  if (found !== undefined) return remember(found, 'Playwright');

  if (process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log('kubehop: that did not work here; installing the Debian package chromium …');
    try {
      execFileSync('apt-get', ['update'], { stdio: 'inherit' });
      execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], {
        stdio: 'inherit',
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
    } catch (error) {
      console.error(String(error));
    }
    found = systemChromium();
    if (found !== undefined) return remember(found, "Debian's package chromium");
  }
  fail('the end-to-end tests need a Chromium: install Chrome or Chromium, or set KUBEHOP_CHROMIUM to its path.');
}

checkNode();
installPackages();
if (process.argv.includes('--browser')) {
  findBrowser();
  // Imported late: it needs a package, and packages may only just have come.
  const { fetchKubectl } = await import('./real-kubectl.mjs');
  await fetchKubectl(cache);
}
