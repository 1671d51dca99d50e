/** The gallery as pictures: every box, wire and packet of the canvas, in both themes, as it was last looked at. `npx playwright test e2e/pictures.spec.ts -u` takes them anew after a change that was meant. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from './fixtures.ts';

const root = join(import.meta.dirname, '..');
const gallery = join(root, '.cache', 'gallery.html');
/** Letters and curves are drawn otherwise by another build, and nothing is wrong then. */
const madeBy = join(root, 'e2e', 'pictures', 'browser.txt');
const fonts: Readonly<Record<string, string>> = {
  'inter.woff2': '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2',
  'jetbrains-mono.woff2': '@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2',
};

/** The unit run leaves the page behind; who runs only this one gets it made. */
function galleryPage(): string {
  const written = existsSync(gallery) ? statSync(gallery).mtimeMs : 0;
  const sources = ['src/ui/canvas', 'src/ui/canvas/testing', 'src/ui/theme'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
  );
  if (sources.some((path) => statSync(path).mtimeMs > written)) {
    const made = spawnSync(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'src/ui/canvas/gallery.test.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(existsSync(gallery), made.stdout + made.stderr).toBe(true);
  }
  return readFileSync(gallery, 'utf8');
}

test('boxes, wires and packets look as they were last looked at, in both themes', async ({ page, site, browser }, info) => {
  test.setTimeout(90_000);
  const taking = info.config.updateSnapshots === 'all' || info.config.updateSnapshots === 'changed';
  const known = existsSync(madeBy) ? readFileSync(madeBy, 'utf8').trim() : '';
  test.skip(!taking && known !== browser.version(), `the pictures were taken with Chromium ${known}; this is ${browser.version()}`);
  const html = galleryPage();
  await page.route(`${site.url}gallery/**`, (route) => {
    const name = new URL(route.request().url()).pathname.split('/').at(-1) ?? '';
    const font = fonts[name];
    return font === undefined ? route.fulfill({ contentType: 'text/html', body: html }) : route.fulfill({ path: join(root, 'node_modules', font) });
  });
  await page.goto(`${site.url}gallery/index.html`);
  // The looks, not what they are called: of that the golden text tells.
  await page.addStyleTag({ content: 'figcaption { display: none; }' });
  await page.evaluate(() => document.fonts.ready);
  for (const theme of ['light', 'dark'] as const)
    await expect.soft(page.locator(`#${theme}`)).toHaveScreenshot(`${theme}.png`, { maxDiffPixels: 80, threshold: 0.12, animations: 'allow' });
  if (taking) writeFileSync(madeBy, `${browser.version()}\n`);
});
