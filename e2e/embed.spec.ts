/** The embed in somebody else's page: sandboxed, stored nowhere, and never in the way. */
import type { FrameLocator, Page } from '@playwright/test';
import { App } from './app.ts';
import { expect, type HostSite, type Site, test } from './fixtures.ts';

const hostPage = (src: string, sandbox: string | null = 'allow-scripts') => `<!doctype html><html lang="en"><title>A blog</title>
<body style="margin:0"><h1>A post</h1><p style="height:120px">Words.</p>
<iframe id="embed" title="Kubehop" src="${src.replace(/&/g, '&amp;')}" ${sandbox === null ? '' : `sandbox="${sandbox}"`} width="900" height="520" style="border:0"></iframe>
<p style="height:3000px">More words.</p></body></html>`;

async function openHost(page: Page, host: HostSite, src: string, sandbox: string | null = 'allow-scripts'): Promise<FrameLocator> {
  await page.goto(host.serve(hostPage(src, sandbox)));
  return page.frameLocator('#embed');
}

const embedUrl = (site: Site, query = '', fragment = '#x=article') => `${site.url}embed/v1/${query}${fragment}`;
const hopOf = async (frame: FrameLocator): Promise<number> =>
  Number(/Hop (\d+) of/.exec((await frame.getByText(/^Hop \d+ of \d+/).textContent()) ?? '')?.[1] ?? 0);

test('it draws, steps and plays in a frame that may only run scripts, and touches no storage', async ({ page, context, site, host }) => {
  const touched: string[] = [];
  await context.exposeBinding('kubehopTouched', (_, name: string) => {
    touched.push(name);
  });
  await context.addInitScript(() => {
    const tell = (name: string) => (globalThis as unknown as { kubehopTouched(name: string): void }).kubehopTouched(name);
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore'])
      Object.defineProperty(globalThis, name, {
        get: () => {
          tell(name);
          return undefined;
        },
      });
    Object.defineProperty(Document.prototype, 'cookie', {
      get: () => {
        tell('cookie');
        return '';
      },
      set: () => tell('cookie'),
    });
  });
  const frame = await openHost(page, host, embedUrl(site, '?step=4&theme=dark'));
  await expect(frame.getByRole('img', { name: 'Map of the cluster' })).toBeVisible();
  await expect(frame.getByText(/^Hop 4 of \d+/)).toBeVisible();
  await expect(frame.getByRole('img', { name: 'Map of the cluster' }).getByText('client').first()).toBeVisible();

  await frame.getByRole('button', { name: 'Step forward' }).click();
  await expect(frame.getByText(/^Hop 5 of \d+/)).toBeVisible();
  await frame.getByRole('button', { name: 'Step back' }).click();
  await expect(frame.getByText(/^Hop 4 of \d+/)).toBeVisible();
  await frame.getByRole('button', { name: 'Play' }).click();
  await expect.poll(() => hopOf(frame), { message: 'it plays' }).toBeGreaterThan(6);
  await frame.getByRole('button', { name: 'Pause' }).click();
  await expect(frame.getByRole('button', { name: 'Play' })).toBeVisible();

  const open = frame.getByRole('link', { name: /Open in Kubehop/ });
  await expect(open).toHaveAttribute('href', `${site.url}#x=article`);
  await expect(open).toHaveAttribute('target', '_blank');
  expect(touched, 'storage is never touched').toEqual([]);
  const background = await frame.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor.match(/\d+/g)?.map(Number) ?? []);
  expect(Math.max(...background.slice(0, 3)), 'theme=dark is dark').toBeLessThan(80);
});

test('the wheel over it scrolls the article', async ({ page, site, host }) => {
  const frame = await openHost(page, host, embedUrl(site, '?step=4'));
  const map = frame.getByRole('img', { name: 'Map of the cluster' });
  await expect(map).toBeVisible();
  const box = await map.boundingBox();
  if (box === null) throw new Error('the map has no place');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.wheel(0, 300);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(150);
});

test('autoplay starts in view, pauses out of view, and goes on when seen again', async ({ page, site, host }) => {
  const frame = await openHost(page, host, embedUrl(site, '?autoplay=1&speed=2'));
  await expect(frame.getByRole('button', { name: 'Pause' })).toBeVisible();
  await page.evaluate(() => scrollTo(0, 2_000));
  await expect(frame.getByRole('button', { name: 'Play' })).toBeAttached();
  const stopped = await hopOf(frame);
  await page.evaluate(() => scrollTo(0, 0));
  await expect(frame.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect.poll(() => hopOf(frame)).toBeGreaterThan(stopped);
});

test('without autoplay it waits, and says what it would show', async ({ page, site, host }) => {
  const frame = await openHost(page, host, embedUrl(site));
  await expect(frame.getByText(/curl -s web-service: \d+ hops\. Play shows them\./)).toBeVisible();
  await expect(frame.getByRole('button', { name: 'Play' })).toBeEnabled();
});

test('lens, theme, focus, caption and controls are as the address says', async ({ page, site, host }) => {
  const policy = await openHost(page, host, embedUrl(site, '?LENS=Policy&theme=light'));
  await expect(policy.getByText(/NetworkPolic|may (?:talk|connect|open)/).first()).toBeVisible();
  expect(await policy.locator('html').getAttribute('data-theme')).toBe('light');

  const bare = await openHost(page, host, embedUrl(site, '?controls=none&caption=A%20%3Cb%3Epacket%3C%2Fb%3E&step=2&focus=client'));
  await expect(bare.getByText('A <b>packet</b>')).toBeVisible();
  await expect(bare.getByRole('button')).toHaveCount(0);

  const few = await openHost(page, host, embedUrl(site, '?controls=min&lens=services&step=999999&nonsense=1'));
  await expect(few.getByRole('button', { name: 'Play' })).toBeVisible();
  await expect(few.getByRole('button', { name: 'Step forward' })).toHaveCount(0);
  await expect(few.getByText(/^Hop (\d+) of \1 /), 'a step beyond the end is the end').toBeVisible();
});

test('a damaged link is told in words, not replaced by a default', async ({ page, site, host }) => {
  for (const fragment of ['#w=1.AAAA', '#x=nowhere', '#u=https://example.org/x.yaml']) {
    const frame = await openHost(page, host, embedUrl(site, '', fragment));
    await expect(frame.getByRole('alert'), fragment).toContainText(/damaged|no built-in world|loads nothing from elsewhere/);
    await expect(frame.getByRole('img', { name: 'Map of the cluster' })).toHaveCount(0);
  }
});

test('it also works on a deeper path, without a sandbox, and, with a world of its own, where no worker starts', async ({ app, page, context, site, host }) => {
  await app.openPaused();
  await app.run('kubectl exec client -- ping -c 1 10.244.1.4');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  const link = page.getByRole('dialog').getByRole('textbox', { name: 'Link' });
  await expect(link).toHaveValue(/#w=1\./);
  const world = new URL(await link.inputValue()).hash;
  const plain = await openHost(page, host, `${site.deepUrl}embed/v1/?step=3#x=article`, null);
  await expect(plain.getByText(/^Hop 3 of \d+/)).toBeVisible();

  await context.addInitScript(() => {
    Object.defineProperty(globalThis, 'Worker', {
      value: class {
        constructor() {
          throw new DOMException('no workers here', 'SecurityError');
        }
      },
    });
  });
  const alone = await openHost(page, host, embedUrl(site, '?step=3', world));
  await expect(alone.getByText(/^Hop 3 of \d+/)).toBeVisible();
  await alone.getByRole('button', { name: 'Step forward' }).click();
  await expect(alone.getByText(/^Hop 4 of \d+/)).toBeVisible();
});

test('it is led by the keyboard', async ({ page, site }) => {
  await page.goto(embedUrl(site, '?step=4'));
  await expect(page.getByText(/^Hop 4 of \d+/)).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByText(/^Hop 5 of \d+/)).toBeVisible();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByText(/^Hop 3 of \d+/)).toBeVisible();
  await page.keyboard.press('Space');
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
});

test('the Embed dialog gives the HTML that shows the reader’s world', async ({ app, page, host }) => {
  await app.openPaused();
  await app.run('kubectl exec client -- ping -c 1 10.244.1.4');
  await app.button('Last hop').click();
  await page.getByRole('button', { name: 'Embed', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Embed' });
  await dialog.getByRole('checkbox', { name: /Stands at this hop/ }).check();
  await dialog.getByRole('button', { name: 'Dark' }).click();
  const html = dialog.getByRole('textbox', { name: 'HTML' });
  await expect(html).toHaveValue(/step=\d+#w=1\./);
  await expect(dialog.frameLocator('iframe').getByText(/^Hop \d+ of \d+/)).toBeVisible();

  await page.goto(host.serve(`<!doctype html><html lang="en"><title>A blog</title><body>${await html.inputValue()}</body></html>`));
  await expect(page.frameLocator('iframe').getByText(/^Hop (\d+) of \1 /)).toBeVisible();
  await page
    .frameLocator('iframe')
    .getByRole('link', { name: /Open in Kubehop/ })
    .click({ trial: true });
  const href = await page
    .frameLocator('iframe')
    .getByRole('link', { name: /Open in Kubehop/ })
    .getAttribute('href');
  await page.goto(href ?? '');
  const opened = new App(page, app.url);
  await opened.ready();
  await expect(opened.output).toContainText('ping -c 1 10.244.1.4');
});
