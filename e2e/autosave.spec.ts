/** Nothing typed is lost: not by a reload, a crash, a second tab, or a browser that stores nothing. */
import { ANSWER, App, CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

const four = articleFile('web.yaml').replace('  replicas: 3', '  replicas: 4');

test('an edit and a command are there again after a reload', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', four);
  await expect(app.status).toHaveText('applied');
  await app.run('echo still-here');
  await expect(page.getByTitle('saving')).toBeHidden();
  await page.reload();
  await app.ready();
  expect(await app.fileText('web.yaml')).toBe(four);
  await expect(app.output).toContainText('still-here');
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+4\/4/);
});

test('text that was never right is kept as well', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', four.replace('replicas: 4', 'replicas: ['));
  await expect(app.status).toHaveText(/error/);
  await expect(page.getByTitle('saving')).toBeHidden();
  await page.reload();
  await app.ready();
  await expect(app.editor.getByText('replicas: [').first()).toBeVisible();
  await expect(app.status).toHaveText(/error/);
  expect(await app.run(CURL)).toMatch(ANSWER);
});

test('typing and leaving at once loses nothing', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', four);
  await page.goto('about:blank');
  await page.goto(app.url);
  await app.ready();
  expect(await app.fileText('web.yaml')).toBe(four);
});

test('a crash of the simulation is said, the world comes back and the text is kept', async ({ app, page, watch }) => {
  watch.expectProblem(/crash on purpose/);
  await app.openPaused();
  await app.paste('web.yaml', four);
  await expect(app.status).toHaveText('applied');
  await app.run('echo before-the-crash');
  const worker = page.workers().find((one) => one.url().includes('simulation'));
  await worker?.evaluate(() => {
    setTimeout(() => {
      throw new Error('crash on purpose');
    }, 0);
  });
  await expect(page.getByRole('alert').filter({ hasText: 'The simulation stopped and was started again from your document.' })).toBeVisible();
  await expect(app.output).toContainText('before-the-crash');
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+4\/4/);
  expect(await app.run(CURL)).toMatch(ANSWER);
  await app.paste('web.yaml', four.replace('replicas: 4', 'replicas: 1'));
  await expect(app.status).toHaveText('applied');
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+1\/1/);
});

test('a simulation that hangs is started again', async ({ app, page }) => {
  await app.openPaused();
  await app.run('echo before-the-hang');
  const worker = page.workers().find((one) => one.url().includes('simulation'));
  await worker?.evaluate(() => {
    setTimeout(() => {
      for (;;);
    }, 0);
  });
  await expect(page.getByRole('alert').filter({ hasText: /did not answer for \d+ seconds/ })).toBeVisible({ timeout: 20_000 });
  await expect(app.output).toContainText('before-the-hang');
  expect(await app.run('hostname')).toBe('controlplane');
});

test('a browser that stores nothing: a banner, a download, and a playground that works', async ({ app, page, context }) => {
  await context.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('storage is switched off', 'SecurityError');
    };
  });
  await app.openPaused();
  await app.paste('web.yaml', four);
  await expect(app.status).toHaveText('applied');
  const banner = page.getByRole('alert').filter({ hasText: 'This browser gives the page no storage' });
  await expect(banner).toBeVisible();
  expect(await app.run(CURL)).toMatch(ANSWER);

  const downloading = page.waitForEvent('download');
  await banner.getByRole('button', { name: 'Download my work' }).click();
  const file = await (await downloading).path();
  await page.getByTitle('Documents').click();
  await page
    .getByLabel('Open a file …')
    .setInputFiles({ name: 'mine.kubehop.json', mimeType: 'application/json', buffer: await import('node:fs').then((fs) => fs.readFileSync(file)) });
  await app.ready();
  expect(await app.fileText('web.yaml')).toBe(four);
});

test('full storage is said at once', async ({ app, page }) => {
  await app.openPaused();
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await app.run('echo anything');
  await expect(page.getByRole('alert').filter({ hasText: 'storage is full' })).toBeVisible();
});

test('a second tab looks on until it takes over', async ({ app, page, context }) => {
  await app.openPaused();
  await app.run('echo first-tab');
  await expect(page.getByTitle('saving')).toBeHidden();
  const second = new App(await context.newPage(), app.url);
  await second.open();
  await expect(second.page.getByText('This document is open in another tab.')).toBeVisible();
  await expect(second.output).toContainText('first-tab');
  await second.page.getByRole('button', { name: 'Take over' }).click();
  await expect(second.page.getByText('This document is open in another tab.')).toBeHidden();
  await expect(page.getByText('This document is open in another tab.')).toBeVisible();
});
