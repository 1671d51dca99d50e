/** Editing YAML: what is right is applied within a second, what is wrong is said at its line while the last good world runs on. */
import { ANSWER, CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

const web = articleFile('web.yaml');
const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length;

test('typing replicas: 5 grows two pods within a second', async ({ app, page }) => {
  await app.openPaused();
  const pods = await app.podsOf('node01');
  await app.edit('web.yaml');
  await page.keyboard.press('ControlOrMeta+f');
  await page.keyboard.type('  replicas: 3');
  await page.keyboard.press('Escape');
  // The find widget leaves its match selected.
  await page.evaluate((wanted) => {
    const state = globalThis as unknown as { grewAfterMs?: Promise<number> };
    const started = performance.now();
    state.grewAfterMs = new Promise((resolve) => {
      const grown = () => [...document.querySelectorAll('[role="treeitem"]')].some((item) => item.textContent?.endsWith(`, ${wanted} pods`));
      const look = () => (grown() ? resolve(performance.now() - started) : requestAnimationFrame(look));
      look();
    });
  }, pods + 2);
  await page.keyboard.insertText('  replicas: 5');
  await expect(app.box(new RegExp(`^Node node01, .*, ${pods + 2} pods$`))).toBeAttached();
  await expect(app.status).toHaveText('applied');
  const afterMs = await page.evaluate(() => (globalThis as unknown as { grewAfterMs: Promise<number> }).grewAfterMs);
  expect(afterMs, 'from the key to the new pods').toBeLessThan(1_000);
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+5\/5\s+5\s+5/);
  expect(await app.run(CURL)).toMatch(ANSWER);
});

test('broken YAML keeps the last good world running, and its mend is applied', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', web.replace('  replicas: 3', '  replicas: 3\n   broken: [1, 2'));
  await expect(app.status).toHaveText(/1 error, the last good world is running/);
  const problem = app.problems.getByRole('button').first();
  await expect(problem).toContainText('error converting YAML to JSON');
  await expect(problem).toContainText('web.yaml:');
  await page.keyboard.press('ControlOrMeta+Home');
  await expect(page.locator('.squiggly-error').first(), 'a squiggle (Monaco gives it no role)').toBeVisible();
  await expect(app.editor.getByRole('tab', { name: /web\.yaml/ }).getByRole('img', { name: 'has errors' })).toBeVisible();

  expect(await app.run(CURL)).toMatch(ANSWER);
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+3\/3/);

  await app.paste('web.yaml', web.replace('  replicas: 3', '  replicas: 2'));
  await expect(app.status).toHaveText('applied');
  await expect(page.locator('.squiggly-error')).toHaveCount(0);
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+2\/2/);
});

const mistakes = [
  {
    name: 'an unknown field',
    text: web.replace('  replicas: 3', '  replicaz: 3'),
    part: 'replicaz',
    says: 'unknown field "spec.replicaz"',
  },
  {
    name: 'an unknown kind',
    text: web.replace('kind: Deployment', 'kind: Deploymint'),
    part: 'Deploymint',
    says: 'no matches for kind "Deploymint" in version "apps/v1"',
  },
  {
    name: 'a wrong type',
    text: web.replace('  replicas: 3', '  replicas: many'),
    part: 'replicas: many',
    says: 'cannot unmarshal string into Go struct field',
  },
  {
    name: 'a missing field',
    text: web.replace('      - name: nginx\n          image: nginx', '      - name: nginx'),
    part: '      containers:',
    says: 'spec.template.spec.containers[0].image: Required value',
  },
  {
    name: 'a value that is not allowed',
    text: web.replace('port: 80 ', 'port: 80000 '),
    part: 'port: 80000',
    says: 'Invalid value: 80000: must be between 1 and 65535, inclusive',
  },
] as const;

test('mistakes are named in the API server’s words at their line', async ({ app }) => {
  await app.openPaused();
  for (const { name, text, part, says } of mistakes) {
    expect(text, name).not.toBe(web);
    await app.paste('web.yaml', text);
    const problem = app.problems.getByRole('button', { name: /^error/ }).filter({ hasText: says });
    await expect(problem, name).toHaveCount(1);
    await expect(problem, name).toContainText(`web.yaml:${lineOf(text, part)}:`);
    await expect(app.status, name).toHaveText(/error/);
  }
  expect(await app.run(CURL)).toMatch(ANSWER);
  await app.paste('web.yaml', web);
  await expect(app.status).toHaveText('applied');
});

test('a problem in the list leads to its place in the text', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', web.replace('  replicas: 3', '  replicas: many'));
  await app.editor.getByRole('tab', { name: 'client.yaml' }).click();
  await app.problems.getByRole('button', { name: /many|unmarshal/ }).click();
  await expect(app.editor.getByRole('tab', { name: /web\.yaml/ })).toHaveAttribute('aria-selected', 'true');
  await app.editor.getByRole('textbox', { name: /^YAML editor/ }).focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('ControlOrMeta+c');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('replicas: many');
});

test('a selector that fits no pod leaves the Service without endpoints', async ({ app }) => {
  await app.openPaused();
  await app.paste('web.yaml', web.replace('    app: web        # Try', '    app: nobody     # Try'));
  await expect(app.box(/^Service web-service .* 0 ready endpoints/)).toBeAttached();
});

test('files are added, renamed and removed, and their objects with them', async ({ app, page }) => {
  await app.openPaused();
  const menu = async (item: RegExp) => {
    await app.editor.getByRole('button', { name: 'Files' }).click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await menu(/^New file/);
  await page.getByRole('textbox', { name: 'File name' }).fill('extra.yaml');
  await page.keyboard.press('Enter');
  await app.paste('extra.yaml', 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: extra\nspec:\n  containers:\n    - name: box\n      image: nginx\n');
  await expect(app.status).toHaveText('applied');
  await expect.poll(() => app.run('kubectl get pod extra')).toMatch(/extra\s+1\/1\s+Running/);

  await menu(/^Rename/);
  await page.getByRole('textbox', { name: 'File name' }).fill('other.yaml');
  await page.keyboard.press('Enter');
  await expect(app.editor.getByRole('tab', { name: 'other.yaml' })).toBeVisible();
  await expect(app.status).toHaveText('applied');
  expect(await app.run('kubectl get pod extra')).toMatch(/extra\s+1\/1\s+Running\s+0/);

  await menu(/^Remove/);
  await expect(app.editor.getByRole('tab', { name: 'other.yaml' })).toBeHidden();
  await expect.poll(() => app.run('kubectl get pod extra')).toContain('Error from server (NotFound): pods "extra" not found');
});

test('completion and hover come from the world', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('client.yaml', 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: client\nspec:\n  nodeName: controlplane\n  ');
  await page.keyboard.type('conta');
  await page.keyboard.press('ControlOrMeta+Space');
  await expect(page.getByRole('option', { name: /containers/ }).first()).toBeVisible();
  await page.keyboard.press('Escape');
});

test('a paste of 10 MB is refused in words, the text stays, and the page stays awake', async ({ app, page }) => {
  await app.openPaused();
  await app.edit('web.yaml');
  await page.evaluate(() => {
    const state = globalThis as unknown as { worstStallMs: number };
    state.worstStallMs = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      state.worstStallMs = Math.max(state.worstStallMs, now - last - 10);
      last = now;
    }, 10);
  });
  // A paste event with the text; the browser's own clipboard would spend seconds on 10 MB before the page hears of it.
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', `kind: Pod\n# ${'x'.repeat(78)}\n`.repeat(112_000));
    const state = globalThis as unknown as { worstStallMs: number };
    state.worstStallMs = 0;
    document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await expect(page.getByRole('alert').filter({ hasText: /a file has at most 256 kB\. It was not pasted/ })).toBeVisible();
  await expect(app.status).toHaveText('applied');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('ControlOrMeta+c');
  expect(await page.evaluate(() => navigator.clipboard.readText()), 'the text is as it was').toBe(web);
  const stall = await page.evaluate(() => (globalThis as unknown as { worstStallMs: number }).worstStallMs);
  expect(stall, 'longest time in which no timer ran').toBeLessThan(200);
  expect(await app.run(CURL)).toMatch(ANSWER);
});

const bombs = [
  {
    name: 'aliases that multiply',
    text: [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefghij'].map((letter, at) => `${letter}: &${letter} [${Array(9).fill(`*${'abcdefghij'[at]}`).join(', ')}]`),
    ].join('\n'),
  },
  { name: 'twenty thousand brackets', text: `kind: ${'['.repeat(20_000)}` },
  { name: 'a prototype key', text: 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    __proto__: {polluted: "yes"}\n' },
  { name: 'one name twice', text: `${articleFile('client.yaml')}\n---\n${articleFile('client.yaml')}` },
] as const;

test('hostile YAML is refused within a second and harms nothing', async ({ app, page }) => {
  await app.openPaused();
  for (const { name, text } of bombs) {
    await app.paste('client.yaml', text);
    await expect(app.status, name).toHaveText(/error/, { timeout: 2_000 });
    await expect(app.problems.getByRole('button', { name: /client\.yaml:/ }).first(), name).toBeVisible();
  }
  expect(await page.evaluate(() => 'polluted' in {})).toBe(false);
  expect(await app.run(CURL)).toMatch(ANSWER);
  await app.paste('client.yaml', articleFile('client.yaml'));
  await expect(app.status).toHaveText('applied');
});
