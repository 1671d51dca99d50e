/** Whatever a world, a link or a command's output contains is text: nothing of it runs, and nothing leaves the page. */
import { ANSWER, App } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

const payloads = [
  '<img src=x onerror=kubehopHacked()>',
  '"><script>kubehopHacked()</script>',
  "'><svg onload=kubehopHacked()>",
  '<iframe srcdoc="<script>parent.kubehopHacked()</script>">',
  '[a](javascript:kubehopHacked())',
  '<a href="javascript:kubehopHacked()">x</a>',
  '<style>*{display:none}</style>',
  '{{kubehopHacked()}}#{kubehopHacked()}',
] as const;

/** Every way to begin in every way to hide it: they are on the page together, so that many cost no more than one. */
const corpus: readonly string[] = [
  'kubehopHacked()',
  'javascript:kubehopHacked()',
  'data:text/html,<script>parent.kubehopHacked()</script>',
  '<img src=x onerror=kubehopHacked()>',
  '<svg><script>kubehopHacked()</script></svg>',
  '<svg><animate onbegin=kubehopHacked() attributeName=x dur=1s>',
  '<math><mtext><table><mglyph><style><img src=x onerror=kubehopHacked()>',
  '<details open ontoggle=kubehopHacked()>',
  '<video><source onerror=kubehopHacked()></video>',
  '<body onload=kubehopHacked()>',
  '<input autofocus onfocus=kubehopHacked()>',
  '<object data=javascript:kubehopHacked()>',
  '<base href=javascript:kubehopHacked()//>',
  '<link rel=stylesheet href=data:text/css,*{display:none}>',
].flatMap((payload) =>
  [
    '%',
    '">%',
    "'>%",
    '</text>%',
    '</style>%',
    '</script>%',
    '</title></textarea>%',
    '-->%',
    ']]>%',
    '`%`',
    '$' + '{%}',
    '![x](%)',
    '[x](<%>)',
    '<%',
    '\u001b]8;;%\u0007x\u001b]8;;\u0007',
  ].map((shell) => shell.replace('%', () => payload)),
);

const quoted = (text: string) => JSON.stringify(text);

/** Valid manifests with hostile text wherever text is free. */
const hostileWorld = [
  'apiVersion: v1',
  'kind: Pod',
  'metadata:',
  '  name: hostile',
  '  annotations:',
  ...payloads.map((text, at) => `    note-${at}: ${quoted(text)}`),
  'spec:',
  '  containers:',
  '    - name: box',
  `      image: ${quoted('nginx')}`,
  '      env:',
  ...payloads.map((text, at) => `        - {name: V${at}, value: ${quoted(text)}}`),
  '---',
  'apiVersion: v1',
  'kind: ConfigMap',
  'metadata:',
  '  name: hostile',
  'data:',
  ...[...payloads, ...corpus].map((text, at) => `  key-${at}: ${quoted(text)}`),
].join('\n');

async function expectNothingRan(app: App): Promise<void> {
  const { page } = app;
  expect(await page.evaluate(() => (globalThis as unknown as { kubehopHacks?: number }).kubehopHacks ?? 0), 'payloads that ran').toBe(0);
  await expect(
    page.locator(
      'img[src="x"], svg[onload], iframe[srcdoc], a[href^="javascript"], a[href^="data:"], body script:not([src]), object, base, mglyph, details[ontoggle]',
    ),
  ).toHaveCount(0);
  await expect(app.canvas, 'no payload hid the page').toBeVisible();
}

test.beforeEach(async ({ context, page }) => {
  await context.addInitScript(() => {
    const state = globalThis as unknown as { kubehopHacks: number; kubehopHacked(): void };
    state.kubehopHacks = 0;
    state.kubehopHacked = () => {
      state.kubehopHacks += 1;
    };
  });
  page.on('dialog', (dialog) => {
    void dialog.dismiss();
    throw new Error(`a dialog opened: ${dialog.message()}`);
  });
});

test('hostile text in objects, diagnostics and tables stays text', async ({ app, page }) => {
  await app.openPaused();
  await app.paste('client.yaml', `${articleFile('client.yaml')}---\n${hostileWorld}`);
  await expect(app.status).toHaveText('applied');
  await page.getByRole('button', { name: 'Command palette' }).click();
  await page.getByRole('combobox', { name: /^Search boxes/ }).fill('hostile');
  await page.keyboard.press('Enter');
  // At the playhead's moment there was no such pod yet.
  await app.inspector.getByRole('button', { name: 'Now' }).click();
  await expect(app.inspector.getByRole('heading', { name: 'hostile' })).toBeVisible();
  // So long that their own lines are no longer in view.
  for (const kind of ['pod', 'configmap']) {
    await app.prompt.fill(`kubectl get ${kind} hostile -o yaml`);
    await app.prompt.press('Enter');
  }
  await expect(app.output).toContainText(`key-${payloads.length + corpus.length - 1}: `);
  await app.run('kubectl describe pod hostile');
  await expect(app.output).toContainText('onerror=kubehopHacked()');
  await expectNothingRan(app);

  for (const text of payloads) {
    const bad = articleFile('client.yaml')
      .replace('app: client', `app: ${quoted(text)}`)
      .replace('name: netshoot', `name: ${quoted(text)}`);
    await app.paste('client.yaml', `${bad}\n${quoted(text)}: 1\n`);
    await expect(app.status).toHaveText(/error/);
  }
  await expectNothingRan(app);
});

test('hostile terminal output, names and searches stay text', async ({ app, page }) => {
  await app.openPaused();
  for (const text of payloads.slice(0, 4)) await app.run(`echo '${text.replace(/'/g, '')}'`);
  await app.run("kubectl get pods -l 'a=<img src=x onerror=kubehopHacked()>'");
  await app.run('kubectl run "<svg onload=kubehopHacked()>" --image=nginx');
  await app.run('curl "http://<img src=x onerror=kubehopHacked()>/"');
  await page.getByRole('searchbox', { name: 'Filter hops' }).fill(payloads[0]);
  await page.keyboard.press('ControlOrMeta+k');
  await page.getByRole('combobox', { name: /^Search boxes/ }).fill(payloads[1]);
  await page.keyboard.press('Escape');
  await page.getByTitle('Documents').click();
  await page.getByRole('textbox', { name: 'Name of this document' }).fill(payloads[0]);
  await page.getByRole('button', { name: 'Rename' }).click();
  await expect(page.getByTitle('Documents')).toContainText('<img src=x');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Share' });
  await expect(dialog.getByRole('textbox', { name: 'Markdown' })).toHaveValue(/<img src=x/);
  const link = await dialog.getByRole('textbox', { name: 'Link' }).inputValue();
  await page.keyboard.press('Escape');
  await expectNothingRan(app);

  await page.goto('about:blank');
  await page.goto(link);
  await app.ready();
  await expect(page.getByTitle('Documents')).toContainText('<img src=x');
  await page.getByRole('button', { name: 'Embed', exact: true }).click();
  await expect(
    page
      .getByRole('dialog')
      .frameLocator('iframe')
      .getByText(/^Hop \d+ of|hops\. Play/),
  ).toBeVisible();
  await page.keyboard.press('Escape');
  await expectNothingRan(app);
});

test('hostile file names are refused in words', async ({ app, page }) => {
  await app.openPaused();
  for (const name of ['<img src=x>', '../etc/passwd', '__proto__', 'a b.yaml', '..', '']) {
    await app.editor.getByRole('button', { name: 'Files' }).click();
    await page.getByRole('menuitem', { name: /^New file/ }).click();
    await page.getByRole('textbox', { name: 'File name' }).fill(name);
    await page.keyboard.press('Enter');
    await expect(app.editor.getByRole('alert'), name).toContainText('A file name has letters, digits, dots, dashes and underscores');
    await page.keyboard.press('Escape');
  }
  await expectNothingRan(app);
});

test('the whole site works from a deeper path', async ({ page, site }) => {
  const app = new App(page, site.deepUrl);
  await app.openPaused();
  await app.paste('web.yaml', articleFile('web.yaml').replace('  replicas: 3', '  replicas: 4'));
  await expect(app.status).toHaveText('applied');
  expect(await app.run('kubectl get deployment web')).toMatch(/web\s+4\/4/);
  await page.getByRole('button', { name: 'Learn' }).click();
  await expect(page.getByRole('button', { name: /A packet.s way to a Service/ })).toBeVisible();
  await page.goto(site.deepUrl.replace(/\/$/, '/index.html'));
  await app.ready();
});

test('where no worker starts the app runs on the page’s own thread', async ({ app, context }) => {
  await context.addInitScript(() => {
    Object.defineProperty(globalThis, 'Worker', {
      value: class {
        constructor() {
          throw new DOMException('no workers here', 'SecurityError');
        }
      },
    });
  });
  await app.openPaused();
  await expect(app.output).toContainText(ANSWER);
  expect(await app.run('kubectl get nodes')).toMatch(/node01\s+Ready/);
});

test('the page’s policy forbids what it says it forbids', async ({ app, page, watch }) => {
  watch.expectProblem(/Content-Security-Policy|Content Security Policy|Trusted|violates|example\.org|Refused/i);
  await app.openPaused();
  const outcome = await page.evaluate(() => {
    const tried: Record<string, string> = {};
    const attempt = (name: string, task: () => unknown) => {
      try {
        task();
        tried[name] = 'allowed';
      } catch (error) {
        tried[name] = (error as Error).name;
      }
    };
    attempt('innerHTML', () => {
      document.createElement('div').innerHTML = '<b>x</b>';
    });
    attempt('worker of another site', () => new Worker('https://example.org/x.js'));
    const script = document.createElement('script');
    attempt('inline script', () => {
      script.textContent = 'kubehopHacked()';
      document.body.append(script);
    });
    return { tried, hacks: (globalThis as unknown as { kubehopHacks: number }).kubehopHacks };
  });
  expect(outcome).toEqual({
    tried: { innerHTML: 'TypeError', 'worker of another site': expect.not.stringMatching('allowed'), 'inline script': 'TypeError' },
    hacks: 0,
  });
});
