import { existsSync, readFileSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

/** The path that scripts/setup.mjs found; Playwright's own when it wrote none. */
function chromiumPath(): string | undefined {
  const file = 'node_modules/.cache/kubehop/chromium.json';
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { path: string }).path : undefined;
}

const executablePath = chromiumPath();

export default defineConfig({
  testDir: 'e2e',
  // Pictures are of one build of the browser, which the name says (e2e/pictures.spec.ts).
  snapshotPathTemplate: 'e2e/pictures/{arg}{ext}',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 1,
  retries: process.env.CI === undefined ? 0 : 1,
  forbidOnly: process.env.CI !== undefined,
  reporter: 'list',
  use: {
    browserName: 'chromium',
    headless: true,
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Another name of this machine, which is no secure context as its own is.
        '--host-resolver-rules=MAP plain.test 127.0.0.1',
      ],
    },
  },
});
