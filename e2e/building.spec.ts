/** Working on the canvas itself: what is put on it, drawn and chosen there becomes text that can be undone; layers, focus and groups change what is seen. */
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './fixtures.ts';

test('what is built on the canvas is a previewed change of a text, with undo', async ({ app, page }) => {
  await app.openPaused();
  const bar = app.canvas.getByRole('group', { name: 'Canvas' });
  await bar.getByRole('button', { name: /Build/ }).click();
  const build = app.canvas.getByRole('region', { name: 'Build' });
  await build.getByRole('button', { name: 'With a Service' }).click();
  await build.getByRole('button', { name: 'node01' }).click();
  await expect(build.getByText('nodeName: node01')).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().include('section[aria-label="Canvas"]').analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.target)}`)).toEqual([]);
  const before = await app.podsOf('node01');
  await build.getByRole('button', { name: /^Apply: Add shop/ }).click();
  await expect(app.box(/^Service shop /)).toBeAttached();
  expect(await app.podsOf('node01')).toBe(before + 2);

  // By keys alone: the tool, then both ends in the outline.
  await build.getByRole('button', { name: 'NetworkPolicy' }).click();
  const standOn = async (name: string, letter: string) => {
    await app.canvas.locator('[role="treeitem"][tabindex="0"]').focus();
    const here = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    for (let i = 0; i < 12 && !(await here()).startsWith(name); i += 1) await page.keyboard.press(`Shift+${letter}`);
  };
  await standOn('Pod client', 'C');
  await page.keyboard.press('Enter');
  await standOn('Pod shop', 'S');
  await page.keyboard.press('Enter');
  await expect(build.getByRole('button', { name: 'Apply: Only client may reach shop', exact: true })).toBeVisible();
  await build.getByRole('button', { name: /^Apply: Only client may reach shop, at TCP 80/ }).click();
  await expect(app.editor.getByRole('tab', { name: 'policies.yaml' })).toBeVisible();
  await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
  await expect(app.editor.getByRole('tab', { name: 'policies.yaml' })).toHaveCount(0);

  // The menu of a box: a Service becomes a NodePort.
  await standOn('Service web-service', 'W');
  await page.keyboard.press('.');
  const menu = app.canvas.getByRole('region', { name: 'What can be done to web-service' });
  await menu.getByRole('button', { name: /^Apply: Make web-service a NodePort/ }).click();
  await expect.poll(async () => app.box(/^Service web-service /).textContent()).toMatch(/80:3\d{4}\/TCP/);
});

test('layers filter the canvas and the list together, and groups fold pods into one box', async ({ app, page }) => {
  await app.openPaused();
  const bar = app.canvas.getByRole('group', { name: 'Canvas' });
  const rows = async () => Number(await app.timeline.getByRole('table').first().getAttribute('aria-rowcount'));
  const all = await rows();
  await bar.getByRole('button', { name: /Layers/ }).click();
  await app.canvas.getByRole('checkbox', { name: /^L7/ }).uncheck();
  await expect.poll(rows).toBeLessThan(all);
  await app.canvas.getByRole('checkbox', { name: /^L7/ }).check();
  await expect.poll(rows).toBe(all);
  await page.keyboard.press('Escape');
  await page.keyboard.press('f');
  await expect(bar.getByRole('button', { name: 'Focus' })).toHaveAttribute('aria-pressed', 'true');

  await bar.getByRole('button', { name: /Group/ }).click();
  await app.canvas.getByRole('radio', { name: 'Namespace' }).check();
  await expect(app.box(/^Group default, /)).toBeAttached();
  await app.canvas.getByRole('checkbox', { name: /^default/ }).uncheck();
  await expect(app.box(/^Group default, .*folded/)).toBeAttached();
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().include('section[aria-label="Canvas"]').analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.target)}`)).toEqual([]);
});

test('the control plane is shown on demand: who did what after a scale, and what it is about', async ({ app, page }) => {
  await app.openPaused();
  await app.canvas.getByRole('group', { name: 'Canvas' }).getByRole('button', { name: 'Control' }).click();
  const control = app.canvas.getByRole('region', { name: 'Control plane' });
  await expect(control.getByText(/components watch it, and all have heard of everything/)).toBeVisible();
  await app.run('kubectl scale deployment web --replicas=4');
  await expect(control.getByRole('button', { name: /deployment-controller updates ReplicaSet/ })).not.toHaveCount(0);
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().include('section[aria-label="Control plane"]').analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.target)}`)).toEqual([]);
  await control.getByRole('button', { name: /kube-scheduler updates Pod .* on node01/ }).click();
  await expect(app.inspector.getByText(/web-/).first()).toBeVisible();
  await control.getByRole('button', { name: 'Close' }).click();
  await expect(control).toHaveCount(0);
});
