/** Hosts and browsers that are no friends: garbage from the page around it, plain http, and frames whose walls let nothing through. */
import type { Frame } from '@playwright/test';
import { ANSWER, App } from './app.ts';
import { expect, test } from './fixtures.ts';

/** Sends a thousand messages that mean nothing, or mean harm, to the frames of the page it runs in; tells how many were answered. */
const shout = async () => {
  let answers = 0;
  addEventListener('message', () => {
    answers += 1;
  });
  const deep: unknown[] = [];
  let at = deep;
  for (let i = 0; i < 500; i += 1) {
    const next: unknown[] = [];
    at.push(next);
    at = next;
  }
  const garbage: unknown[] = [
    null,
    0,
    '',
    'play',
    '{"type":"run","line":"kubectl delete pods --all"}',
    { type: 'run', session: 'main', line: 'kubectl delete pods --all' },
    { kind: 'request', id: 1, name: 'open', args: [null, null] },
    { id: 1, name: 'run', args: ['main', 'kubectl delete deployment web'] },
    { type: 'kubehop', version: 1, command: 'seek', seq: Number.NaN },
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    new Uint8Array(1_000_000),
    'x'.repeat(100_000),
    deep,
    new Error('boom'),
    new Map([[{}, new Date(Number.NaN)]]),
  ];
  for (let i = 0; i < 1_000; i += 1)
    for (const frame of document.querySelectorAll('iframe'))
      frame.contentWindow?.postMessage(garbage[i % garbage.length], '*', i % 50 === 0 ? [new MessageChannel().port2] : []);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return answers;
};

test('nothing that a host page or a frame of a third party sends has an effect', async ({ page, site, host }) => {
  const frames = `<iframe id="app" title="App" src="${site.url}" width="1300" height="700"></iframe>
    <iframe id="embed" title="Embed" src="${site.url}embed/v1/?step=4#x=article" sandbox="allow-scripts" width="600" height="400"></iframe>`;
  // The third party stands around both, in a page of somebody who knows nothing of it.
  const third = host.serve(`<!doctype html><html lang="en"><title>Third</title><body>${frames}</body></html>`).replace('localhost', 'plain.test');
  await page.goto(
    host.serve(
      `<!doctype html><html lang="en"><title>Host</title><body><iframe title="Third" src="${third}" width="1400" height="1200"></iframe></body></html>`,
    ),
  );
  const inside = page.frameLocator('iframe');
  const embed = inside.frameLocator('#embed');
  const app = inside.frameLocator('#app');
  await expect(embed.getByText(/^Hop 4 of \d+/)).toBeVisible();
  await expect(app.getByRole('log')).toContainText(ANSWER);
  await app.getByRole('button', { name: 'First hop' }).click();
  const state = async () => [
    await embed.locator('body').innerText(),
    await app.getByRole('log').innerText(),
    await app.getByRole('slider', { name: 'Playhead' }).getAttribute('aria-valuetext'),
  ];
  const before = await state();
  for (const frame of [page.mainFrame(), page.frames().find((one) => one.url() === third) as Frame]) expect(await frame.evaluate(shout), 'answers').toBe(0);
  expect(await state()).toEqual(before);
  for (const frame of page.frames()) expect(await frame.evaluate(() => 'polluted' in {}), frame.url()).toBe(false);
  // Inside of another page a click may not be meant for it: it says where it stands.
  await expect(app.getByRole('link', { name: 'Open it in a tab of its own' })).toHaveAttribute('href', new RegExp(`^${site.url}`));
  await app.getByRole('button', { name: 'Stay here' }).click();
  await expect(app.getByText('inside of another page')).toBeHidden();
});

test('over plain http, without what browsers keep for secure pages, it saves, copies and says what it cannot', async ({ page, site }) => {
  const app = new App(page, site.url.replace('127.0.0.1', 'plain.test'));
  await app.openPaused();
  expect(await page.evaluate(() => [isSecureContext, 'clipboard' in navigator, 'locks' in navigator, 'subtle' in crypto])).toEqual([
    false,
    false,
    false,
    false,
  ]);
  await app.run('echo kept-over-http');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Share' });
  await expect(dialog.getByRole('textbox', { name: 'Link' })).toHaveValue(/#w=1\./);
  await dialog.getByRole('button', { name: 'Copy' }).first().click();
  await expect(dialog.getByText('Copied')).toBeVisible();
  // A browser that allows no way at all is told of in words, and what is to be copied is selected.
  await page.evaluate(() => {
    document.execCommand = () => false;
  });
  await dialog.getByRole('button', { name: 'Copy', exact: true }).last().click();
  await expect(dialog.getByText('Press Ctrl C')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTitle('saving')).toBeHidden();
  await page.reload();
  await app.ready();
  await expect(app.output).toContainText('kept-over-http');
});

test('a pane that fails leaves the others alone, and a new version behind an open page is fetched by one reload', async ({ app, page, watch }) => {
  watch.expectProblem(/on purpose|404|dynamically imported module/);
  await app.openPaused();
  await app.run('echo still-here');
  // The timeline's parts come last; what is broken from here on breaks it alone.
  await expect(app.button('Words')).toBeVisible();
  await expect(app.timeline.getByRole('row').nth(1)).toBeVisible();
  await page.evaluate(() => {
    const state = globalThis as unknown as { ResizeObserver: typeof ResizeObserver; Whole: typeof ResizeObserver };
    state.Whole = state.ResizeObserver;
    state.ResizeObserver = class extends state.Whole {
      override observe(): void {
        throw new Error('on purpose');
      }
    };
  });
  await app.button('Words').click();
  await expect(app.timeline.getByRole('region', { name: 'What both sides said' })).toBeVisible();
  await app.button('Hops').click();
  const failed = page.getByRole('alert').filter({ hasText: 'The timeline stopped. The rest goes on, and your work is kept.' });
  await expect(failed).toContainText('on purpose');
  await expect(failed.getByRole('button', { name: 'Download my work' })).toBeVisible();
  expect(await app.run('hostname')).toBe('controlplane');
  await page.evaluate(() => {
    const state = globalThis as unknown as { ResizeObserver: typeof ResizeObserver; Whole: typeof ResizeObserver };
    state.ResizeObserver = state.Whole;
  });
  await failed.getByRole('button', { name: 'Try again' }).click();
  await expect(app.timeline.getByRole('row').nth(1)).toBeVisible();

  // The files of the version that this page began with are gone.
  let gone = true;
  await page.route(/KeysDialog-.*\.js$/, (route) => (gone ? route.fulfill({ status: 404, body: '' }) : route.continue()));
  await expect(page.getByTitle('saving')).toBeHidden();
  await page.getByRole('heading', { level: 1 }).click();
  const reloaded = page.waitForEvent('load');
  await page.keyboard.press('?');
  await reloaded;
  gone = false;
  await app.ready();
  await expect(app.output).toContainText('still-here');
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: /Keys/ })).toBeVisible();
});

test('in a frame that lets no script of its own site in, words stand instead of nothing', async ({ page, site, host, watch }) => {
  watch.expectProblem(/CORS|ERR_FAILED|Access to/);
  await page.goto(
    host.serve(`<!doctype html><html lang="en"><title>Host</title><body><iframe title="App" src="${site.url}" sandbox="allow-scripts"></iframe></body></html>`),
  );
  const words = page.frameLocator('iframe').getByText('Kubehop is not here yet.');
  await expect(words).toBeAttached();
  // They wait, so that nobody sees them on the way to the app; here time is made to pass.
  await words.evaluate((element) => element.getAnimations()[0]?.finish());
  await expect(words).toBeVisible();
});
