/** The first minute: a packet is on its way before anybody has read a manual. */
import { ANSWER, CURL } from './app.ts';
import { expect, test } from './fixtures.ts';

test('the page opens on a running cluster, plays its first curl by itself and says what happens', async ({ app, page }) => {
  await page.goto(app.url);
  await expect(app.box(/^Node controlplane, 172\.30\.1\.2, ready, \d+ pods$/)).toBeAttached();
  await expect(app.box(/^Node node01, 172\.30\.2\.2, ready, \d+ pods$/)).toBeAttached();
  await expect(app.box(/^Service web-service .*10\.97\.253\.216, 80\/TCP, 3 ready endpoints/)).toBeAttached();

  await expect(app.output).toContainText(CURL);
  await expect(app.output).toContainText(ANSWER);
  await expect(app.nowLine).toContainText(/client|controlplane/);

  await expect.poll(async () => (await app.place()).count, { message: 'a whole story of hops' }).toBeGreaterThan(40);
  const before = await app.place();
  await expect.poll(async () => (await app.place()).hop, { message: 'the playhead moves by itself' }).toBeGreaterThan(before.hop + 2);
  await expect(app.button('Pause')).toBeVisible();
});

test('space pauses and plays', async ({ app, page }) => {
  await app.open();
  await expect(app.button('Pause')).toBeVisible();
  await page.keyboard.press('Space');
  await expect(app.button('Play')).toBeVisible();
  const stopped = await app.place();
  // Two frames would be enough for a playhead that still moved.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 400)))));
  expect(await app.place()).toEqual(stopped);
  await page.keyboard.press('Space');
  await expect(app.button('Pause')).toBeVisible();
  await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(stopped.hop);
});

test('→ and ← go one hop forward and back, Home and End to the ends', async ({ app, page }) => {
  await app.openPaused();
  const first = await app.place();
  await page.keyboard.press('ArrowRight');
  await expect.poll(async () => (await app.place()).hop).toBe(2);
  const second = await app.place();
  const words = await app.nowLine.textContent();
  await page.keyboard.press('ArrowRight');
  await expect.poll(async () => (await app.place()).hop).toBe(3);
  await expect(app.nowLine).not.toHaveText(words ?? '');
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => app.place()).toEqual(second);
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => app.place()).toEqual(first);

  await page.keyboard.press('End');
  await expect.poll(async () => (await app.place()).hop).toBe(first.count);
  await expect(app.button('Step forward')).toBeDisabled();
  await page.keyboard.press('Home');
  await expect.poll(() => app.place()).toEqual(first);
  await page.keyboard.press('Shift+ArrowRight');
  await expect.poll(async () => (await app.place()).hop, { message: 'Shift → goes to the next packet' }).toBeGreaterThan(2);
});

test('the buttons do what the keys do, and the speed can be chosen', async ({ app, page }) => {
  await app.openPaused();
  await app.button('Step forward').click();
  await expect.poll(async () => (await app.place()).hop).toBe(2);
  await app.button('Step back').click();
  await expect.poll(async () => (await app.place()).hop).toBe(1);
  await app.button('Last hop').click();
  await expect.poll(async () => (await app.place()).hop).toBe((await app.place()).count);

  const speed = page.getByRole('combobox', { name: 'Speed' });
  await expect(speed).toHaveValue('1');
  await app.canvas.click({ position: { x: 4, y: 4 } });
  await page.keyboard.press('.');
  await expect(speed).toHaveValue('2');
  await page.keyboard.press(',');
  await page.keyboard.press(',');
  await expect(speed).toHaveValue('0.5');
  await speed.selectOption('4');
  await app.button('First hop').click();
  await app.button('Play').click();
  await expect.poll(async () => (await app.place()).hop, { message: 'four times as fast' }).toBeGreaterThan(20);
});

test('the keys are listed, and single letters can be switched off', async ({ app, page }) => {
  await app.openPaused();
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog', { name: 'Keys' });
  await expect(dialog.getByRole('row', { name: /→ One hop forward/ })).toBeVisible();
  await dialog.getByRole('checkbox', { name: /Single keys/ }).uncheck();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowRight');
  await app.canvas.click({ position: { x: 4, y: 4 } });
  await page.keyboard.press('ArrowRight');
  expect((await app.place()).hop, 'keys are off').toBe(1);
  await page.keyboard.press('ControlOrMeta+k');
  await expect(page.getByRole('combobox', { name: /^Search boxes/ }), 'the palette still opens').toBeVisible();
});

test('the palette finds a pod and runs a command', async ({ app, page }) => {
  await app.openPaused();
  await page.keyboard.press('ControlOrMeta+k');
  const field = page.getByRole('combobox', { name: /^Search boxes/ });
  await field.fill('client');
  await expect(page.getByRole('listbox', { name: 'Found' }).getByRole('option', { selected: true })).toContainText('client');
  await page.keyboard.press('Enter');
  await expect(app.inspector.getByRole('heading', { name: 'client' })).toBeVisible();

  await page.keyboard.press('ControlOrMeta+k');
  await field.fill('kubectl get nodes');
  await page.keyboard.press('Enter');
  await expect(app.output).toContainText(/controlplane\s+Ready\s+control-plane/);

  await app.edit('web.yaml');
  await page.keyboard.press('ControlOrMeta+k');
  await expect(field, 'from within the editor too').toBeVisible();
  await page.keyboard.press('Escape');
  await app.prompt.focus();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(field, 'and from the terminal').toBeVisible();
});

test('the light and the dark theme are chosen by a button and kept', async ({ app, page }) => {
  await app.open();
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? 'system');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole('button', { name: 'Theme: system' }).click();
  expect(await theme()).toBe('light');
  const light = await ground();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  expect(await theme()).toBe('dark');
  expect(await ground()).not.toBe(light);
  await page.reload();
  await app.ready();
  expect(await theme()).toBe('dark');
});
