/** The editor as a tool: what it offers, mends, renames, takes back, and takes in. */
import { articleFile, expect, test } from './fixtures.ts';

const web = articleFile('web.yaml');

test('a typo is mended by the fix that is offered, a label is renamed everywhere, and one undo takes back all of it', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', web.replace('  replicas: 3', '  replicaz: 3'));
  await app.problems.getByRole('button', { name: /unknown field/ }).click();
  await page.keyboard.press('Control+.');
  await page.getByRole('option', { name: 'Change to replicas' }).or(page.getByText('Change to replicas')).first().click();
  await expect(app.status).toHaveText('applied');
  expect(await app.fileText('web.yaml')).toBe(web);

  // The Service's own name: its object and whoever names it.
  await page.keyboard.press('ControlOrMeta+f');
  await page.keyboard.type('web-service');
  await page.keyboard.press('Escape');
  await page.keyboard.press('F2');
  const field = page.getByRole('textbox', { name: /Rename input/ });
  await expect(field).toHaveValue('web-service');
  await field.fill('shop');
  await field.press('Enter');
  await expect(app.box(/^Service shop /)).toBeAttached();
  await app.canvas.click({ position: { x: 8, y: 8 } });
  await page.keyboard.press('ControlOrMeta+z');
  await expect(app.box(/^Service web-service /)).toBeAttached();
  await expect(app.status).toHaveText('applied');
});

test('a pasted list of objects is shown before it comes in, and comes in without what the cluster makes itself', async ({ app, page }) => {
  await app.openPaused();
  const meta = (name: string) => `  metadata: {name: ${name}, namespace: default, uid: a-1, resourceVersion: "7"}\n`;
  await app.paste(
    'client.yaml',
    `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n${meta('imported')}  spec: {selector: {app: web}, ports: [{port: 8080, targetPort: 80}]}\n- apiVersion: v1\n  kind: Event\n${meta('e')}`,
  );
  const dialog = page.getByRole('dialog', { name: 'Add files' });
  await expect(dialog.getByRole('status')).toContainText('1 object in 1 file');
  await expect(dialog).toContainText('Left out: 1 of kind Event');
  await dialog.getByRole('button', { name: 'Add to this document' }).click();
  await expect(app.box(/^Service imported /)).toBeAttached();
  expect(await app.run('kubectl exec client -- curl -s imported:8080')).toMatch(/Hello from web-/);
});
