/** The run seen in other ways: Wireshark's filters, conversations, words, a sequence diagram; and how a Service's connections are spread. */
import { expect, test } from './fixtures.ts';

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
  await page.getByRole('button', { name: 'Now', exact: true }).click();
  await expect(page.getByText(/[67] connections counted by its rules/)).toBeVisible();
  await page
    .getByRole('button', { name: /^KUBE-SVC-/ })
    .first()
    .click();
  await page.getByRole('listitem').filter({ hasText: '--probability 0.5' }).getByRole('button').first().click();
  await expect(page.getByText(/in 50 of 100 cases by chance/)).toBeVisible();
});
