/** The past is whole: boxes, tables and texts are those of the playhead's moment, and another future can begin there and be left again. */
import { CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

test('rewinding takes back pods and text; a branch keeps the other future, and a bookmark its moment', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', articleFile('web.yaml').replace(/^ {2}replicas: 3$/m, '  replicas: 5'));
  await expect.poll(() => app.podsOf('node01'), 'an edit is seen at once, although old packets are looked at').toBe(6);
  await app.run(CURL);
  const runs = page.getByRole('combobox', { name: /^Run:/ });
  await expect(runs.getByRole('option')).toHaveCount(2);
  await runs.selectOption({ index: 0 });
  await app.button('First hop').click();
  await expect.poll(() => app.podsOf('node01'), 'there were fewer pods then').toBe(4);
  await expect(page.getByRole('region', { name: 'web.yaml as it was at the playhead' })).toContainText('replicas: 3');
  await expect(app.timeline.getByRole('status').filter({ hasText: 'Past' })).toBeVisible();

  await page.keyboard.press('b');
  await app.playhead.fill('300');
  await app.button('Branch').click();
  await expect(app.timeline.getByRole('status').filter({ hasText: 'Stopped' })).toBeVisible();
  await expect.poll(() => app.podsOf('node01')).toBe(4);
  expect((await app.place()).count).toBeLessThan(300);
  expect(await app.fileText('web.yaml')).toContain('replicas: 3');

  // The curl that was cut in two is still running: a rule that is written now meets its packets.
  await app.prompt.fill('iptables -I FORWARD -j DROP');
  await app.prompt.press('Enter');
  await expect(app.timeline.getByRole('row', { name: /NETFILTER_DROP/ }).first()).toBeVisible();

  await app.timeline.getByRole('button', { name: /^Moments:/ }).click();
  await page.getByRole('menuitem', { name: /other futures/ }).click();
  await expect(page.getByRole('textbox', { name: /^Name of the bookmark/ })).toHaveValue(/client: curl/);
  await page.getByRole('button', { name: 'Go back to an edit of web.yaml' }).click();
  await app.ready();
  await expect.poll(() => app.podsOf('node01'), 'the future that was left is whole').toBe(6);
  expect(await app.fileText('web.yaml')).toContain('replicas: 5');
});
