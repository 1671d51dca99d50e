/** Time travel: tables, terminal and canvas all show the moment at the playhead. */
import { ANSWER, CURL } from './app.ts';
import { expect, test } from './fixtures.ts';

test('the connection table is empty before the curl and full after it', async ({ app, page }) => {
  await app.openPaused();
  await page.keyboard.press('ControlOrMeta+k');
  await page.getByRole('combobox', { name: /^Search boxes/ }).fill('controlplane');
  await page.keyboard.press('Enter');
  const table = app.inspector.getByRole('tab', { name: /^Conntrack/ });
  await table.click();
  await expect(table).toHaveText('Conntrack 0');
  await expect(app.inspector.getByRole('button', { name: 'At the playhead' })).toHaveAttribute('aria-pressed', 'true');

  await app.button('Last hop').click();
  await expect(table).not.toHaveText('Conntrack 0');
  await expect(app.inspector.getByRole('cell', { name: /10\.244\.0\.3:\d+ → 10\.97\.253\.216:80/ })).toBeVisible();

  await app.playhead.fill('0');
  await expect(table, 'the scrubber leads back').toHaveText('Conntrack 0');
});

test('the scrubber moves everything, the terminal too', async ({ app }) => {
  await app.openPaused();
  const answer = app.output.getByText(ANSWER).first();
  const colour = () =>
    answer.evaluate(
      (element) => `${getComputedStyle(element).color} ${getComputedStyle(element).opacity} ${getComputedStyle(element.parentElement as Element).opacity}`,
    );
  const future = await colour();
  await app.playhead.fill('500');
  const middle = await app.place();
  expect(middle.hop).toBeGreaterThan(3);
  expect(middle.hop).toBeLessThan(middle.count);
  await app.button('Last hop').click();
  await expect.poll(async () => (await app.place()).hop).toBe(middle.count);
  await expect.poll(colour, { message: 'what is printed later is muted until then' }).not.toBe(future);
});

test('the hop table is a way to any moment, by mouse and by keys, and can be filtered', async ({ app, page }) => {
  await app.openPaused();
  await app.seekRow('proto:dns', /A\?|web-service/);
  const dns = await app.place();
  expect(dns.hop).toBeGreaterThan(0);
  const table = page.getByRole('region', { name: /^Hops/ });
  await table.focus();
  await page.keyboard.press('ArrowDown');
  await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(dns.hop);
  await page.keyboard.press('ArrowUp');
  await expect.poll(() => app.place()).toEqual(dns);
  // By events: line, drawer and row go along, and back.
  const said = app.timeline.getByText(/^event \d+$/);
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('k');
  await expect(said).toBeVisible();
  const event = Number((await said.textContent())?.split(' ')[1]);
  await expect(app.inspector.getByText(new RegExp(`^EVENT ${event} · PACKET`))).toBeVisible();
  await page.keyboard.press('k');
  await expect(app.inspector.getByText(new RegExp(`^EVENT ${event + 1} · `))).toBeVisible();
  await page.keyboard.press('j');
  await expect(app.inspector.getByText(new RegExp(`^EVENT ${event} · PACKET`))).toBeVisible();
  expect(await app.playhead.getAttribute('aria-valuetext')).toMatch(`event ${event}, hop`);
  await page.keyboard.press('ArrowLeft');
  await expect(said).toHaveCount(0);
  await page.getByRole('searchbox', { name: 'Filter hops' }).fill('no-such-word');
  await expect(table).toContainText('No hop fits this filter.');
});

test('each command is a run that can be looked at again', async ({ app, page }) => {
  await app.openPaused();
  const first = await app.place();
  await app.run('kubectl exec client -- ping -c 1 10.244.1.3');
  const runs = page.getByRole('combobox', { name: /^Run:/ });
  await expect(runs.getByRole('option')).toHaveCount(2);
  await expect.poll(async () => (await app.place()).count).not.toBe(first.count);
  await expect(app.timeline.getByRole('row', { name: /ICMP/ }).first()).toBeVisible();
  await runs.selectOption({ label: CURL });
  await app.button('First hop').click();
  await expect.poll(() => app.place()).toEqual(first);
});

test('the same world gives the same log, however often it is loaded', async ({ app, page }) => {
  await app.openPaused();
  const read = async () => {
    await app.button('Last hop').click();
    await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(1);
    return { place: await app.place(), text: await app.text(), words: await app.words() };
  };
  const once = await read();
  await page.goto(`${app.url}?again#x=article`);
  await app.ready();
  expect(await read()).toEqual(once);
});
