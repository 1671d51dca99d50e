/** Policies in the page: what they allow between groups of pods, what an edit changes of that, and policies that are written from what was seen. */
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './fixtures.ts';

test('the Policy lens draws what is allowed, a cell opens its question, an edit is told, and what was seen becomes policies', async ({ app, page }) => {
  await page.goto(`${app.url}#x=three-tiers`);
  await expect(app.box(/^Node node01, .*, 6 pods$/)).toBeAttached();
  await page.getByRole('button', { name: 'Policy', exact: true }).click();
  const lens = app.canvas.getByRole('region', { name: 'Who may talk to whom' });
  await lens.getByRole('button', { name: 'Matrix' }).click();
  const cell = lens.getByRole('button', { name: /^web to api, 8080\/TCP: denied/ });
  await expect(cell).toBeVisible();
  await expect(lens.getByRole('button', { name: 'api to database, 5432/TCP: allowed' })).toBeVisible();
  await cell.click();
  await expect(app.inspector.getByRole('heading', { name: 'What the policies say' })).toBeVisible();
  await expect(app.inspector.getByText('no answer').first()).toBeVisible();
  // Calico's own policy, which only writes a line, isolates whom it selects as well: without it goes what the others left out.
  await app.run('kubectl delete networkpolicies.projectcalico.org -n shop log-what-is-denied');
  await expect(lens.getByRole('status')).toContainText('5 policies');
  await app.run('kubectl delete networkpolicy -n shop default-deny api');
  await expect(lens.getByRole('button', { name: 'web to api, 8080/TCP: allowed, opened by the last change' })).toBeVisible();
  // Its own egress policy went with it, and it is isolated by the one that lets it ask DNS: the database is out of its reach.
  await expect(lens.getByRole('status')).toContainText('The last change opened 3 and closed 1.');

  await lens.getByRole('button', { name: 'Suggest …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Policies from what was seen' });
  await dialog.getByLabel('Namespace').selectOption('shop');
  await expect(dialog.getByRole('button', { name: /^Only what was seen in shop: 3 policies/ })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().include('dialog').include('section[aria-label="Canvas"]').analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.target)}`)).toEqual([]);
});
