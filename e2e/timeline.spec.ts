/** The run seen in other ways: Wireshark's filters, conversations, words, a sequence diagram; and how a Service's connections are spread. */
import { CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

test('a display filter completes fields, keeps what fits and says what is wrong at its place', async ({ app, page }) => {
  await app.openPaused();
  const field = page.getByRole('searchbox', { name: 'Filter hops' });
  await field.fill('tcp.fl');
  await expect(page.getByRole('option', { name: /tcp\.flags\.syn/ })).toBeVisible();
  await field.press('Enter');
  await expect(field).toHaveValue('tcp.flags.syn ');
  await field.fill('tcp.flags.syn == 1 && ip.dst == 10.244.1.0/24 ');
  const rows = page.getByRole('region', { name: /^Hops/ }).locator('tr[data-index]');
  await expect(rows.first()).toContainText('10.244.1.');
  await field.fill('ip.dst == 10.244.1.999 ');
  await expect(page.getByText('"10.244.1.999" is not an address or a network.')).toBeVisible();
});

test('a conversation shows who really answered, what was said, and the way between the nodes', async ({ app, page }) => {
  await app.openPaused();
  await page.getByRole('button', { name: 'Conversations' }).click();
  const row = page.getByRole('row').filter({ hasText: '10.97.253.216:80' });
  await expect(row).toContainText(/web-[a-z0-9]+-[a-z0-9]{5} 10\.244\.1\.\d:80/);
  await row.getByRole('button', { name: 'words' }).click();
  await expect(page.getByRole('button', { name: /GET \/ HTTP\/1\.1/ })).toBeVisible();
  await expect(page.getByRole('button', { name: /HTTP\/1\.1 200 OK/ })).toBeVisible();
  await page.getByRole('button', { name: 'Sequence' }).click();
  await expect(page.getByRole('img', { name: /arrows between client, controlplane, node01, web-/ })).toBeVisible();
});

test('a Service shows where its connections went, down to the rule in words', async ({ app, page }) => {
  await app.openPaused();
  await app.run('for i in 1 2 3 4 5 6; do kubectl exec client -- curl -s web-service; done');
  await page.getByTestId('rf__node-grip:Service/default/web-service').click({ force: true });
  await app.inspector.getByRole('button', { name: 'Now', exact: true }).click();
  await expect(page.getByText(/[67] connections counted by its rules/)).toBeVisible();
  await page
    .getByRole('button', { name: /^KUBE-SVC-/ })
    .first()
    .click();
  await page.getByRole('listitem').filter({ hasText: '--probability 0.5' }).getByRole('button').first().click();
  await expect(page.getByText(/in 50 of 100 cases by chance/)).toBeVisible();
});

test('the list has columns of one’s own, is sorted and coloured; a frame’s bytes and fields belong together', async ({ app, page }) => {
  await app.openPaused();
  const list = page.getByRole('region', { name: /^Hops/ });
  await app.seekRow('tcp.flags.syn == 1 && hop.step == "translated"', /DNAT/);
  await expect(list.locator('tr[aria-current]')).toContainText('Address rewritten');
  await list.locator('tr[aria-current] td[data-column="len"]').click({ button: 'right' });
  await page.getByRole('menuitem', { name: /^Only this len/ }).click();
  await expect(page.getByRole('searchbox', { name: 'Filter hops' })).toHaveValue('frame.len == 74');
  await page.getByRole('searchbox', { name: 'Filter hops' }).fill('');
  const head = page.getByRole('columnheader', { name: 'len' });
  await head.getByRole('button').press('Enter');
  await head.getByRole('button').press('Enter');
  await expect(head).toHaveAttribute('aria-sort', 'descending');
  await head.getByRole('button').press('Alt+ArrowLeft');
  await expect(page.getByRole('columnheader').nth(6)).toHaveText(/^len/);
  await list.focus();
  await page.keyboard.press('Enter');
  const fields = page.getByRole('region', { name: /^Fields of the frame/ });
  await fields.getByText('time to live').first().click();
  await expect(app.timeline.getByRole('status').filter({ hasText: /^time to live \(ip\.ttl\): 6\d · byte 22 of/ })).toBeVisible();
  await page
    .getByRole('region', { name: /^Bytes of the frame/ })
    .locator('[data-at="14"]')
    .first()
    .hover();
  await expect(fields.locator('[aria-current]')).toContainText('version, header length');
});

test('before and after an edit stand side by side, the first difference marked', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', articleFile('web.yaml').replace('targetPort: 80', 'targetPort: 81'));
  await expect(app.status).toHaveText('applied');
  await app.run(CURL);
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  const pair = page.getByRole('region', { name: 'Two runs side by side' });
  const first = pair.locator('tr[data-first="true"]');
  await expect(first).toContainText('the first difference');
  await expect(first).toContainText(/10\.244\.1\.\d:80.*10\.244\.1\.\d:81/);
  await first.locator('td').last().click();
  await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(1);
});
