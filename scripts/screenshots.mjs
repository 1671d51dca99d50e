/** Photographs the built site as a designer would look at it: app and embed, three sizes, light and dark. `node scripts/screenshots.mjs [FOLDER]`; `--readme` writes the README's pictures instead. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { createStaticServer, listen } from './serve.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readme = process.argv.includes('--readme');
const folder = readme ? join(root, 'docs') : (process.argv.slice(2).find((word) => !word.startsWith('-')) ?? join(root, 'test-results', 'screenshots'));
const chromiumFile = join(root, 'node_modules', '.cache', 'kubehop', 'chromium.json');
const executablePath = existsSync(chromiumFile) ? JSON.parse(readFileSync(chromiumFile, 'utf8')).path : undefined;

mkdirSync(folder, { recursive: true });
const server = createStaticServer(join(root, 'dist'));
const port = await listen(server, 4900);
const base = `http://127.0.0.1:${port}`;
const browser = await chromium.launch({
  ...(executablePath === undefined ? {} : { executablePath }),
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

async function shot(name, path, { width, height, scheme, wait = 6_000, prepare }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: readme ? 1.5 : 1 });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(base + path);
  await page.waitForTimeout(wait);
  if (prepare !== undefined) await prepare(page);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(`${name}.png${problems.length === 0 ? '' : `  console: ${problems.slice(0, 3).join(' | ')}`}`);
  await context.close();
}

/** Pauses at a moment in which the tunnel carries a SYN. */
async function atTheTunnel(page) {
  const row = page
    .getByRole('row')
    .filter({ hasText: /encapsulated/ })
    .filter({ hasText: /SYN|VXLAN/ });
  if ((await row.count()) > 0) await row.first().click();
  await page.waitForTimeout(800);
}

for (const scheme of ['light', 'dark']) {
  if (readme) {
    await shot(`picture-${scheme}`, '/', { width: 1440, height: 900, scheme, wait: 9_000, prepare: atTheTunnel });
    continue;
  }
  await shot(`app-1440-${scheme}`, '/', { width: 1440, height: 900, scheme, wait: 9_000 });
  await shot(`app-1440-tunnel-${scheme}`, '/', { width: 1440, height: 900, scheme, wait: 9_000, prepare: atTheTunnel });
  await shot(`app-390-${scheme}`, '/', { width: 390, height: 844, scheme, wait: 9_000 });
  await shot(`embed-720-${scheme}`, `/embed/v1/?theme=${scheme}&autoplay=1#x=article`, { width: 720, height: 420, scheme });
}
await browser.close();
server.close();
