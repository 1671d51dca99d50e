/** For everybody: no axe violation in the main states in both themes, stillness where motion is unwelcome, and a way for the keyboard alone. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

const everything = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Between the themes only colours differ, so in the dark one axe looks at colours only. */
async function expectNoViolations(page: Page, state: string, theme: 'light' | 'dark', part?: string): Promise<void> {
  const axe = new AxeBuilder({ page }).setLegacyMode();
  if (part !== undefined) axe.include(part);
  const { violations } = await (theme === 'light' ? axe.withTags(everything) : axe.withRules(['color-contrast', 'link-in-text-block'])).analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary?.replace(/\s+/g, ' ') ?? ''}`).join(' | ')}`,
  );
  // Soft: one run names the faults of every state.
  expect.soft(found, state).toEqual([]);
}

for (const theme of ['light', 'dark'] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('axe finds nothing in the app', async ({ app, page }) => {
      test.setTimeout(120_000);
      await app.openPaused();
      await expectNoViolations(page, 'at the first hop', theme);
      await app.seekRow('proto:tcp', /DNAT/);
      await expectNoViolations(page, 'at a DNAT', theme);
      await page.keyboard.press('ControlOrMeta+k');
      await expect(page.getByRole('combobox', { name: /^Search boxes/ })).toBeVisible();
      await expectNoViolations(page, 'the palette', theme);
      await page.getByRole('combobox', { name: /^Search boxes/ }).fill('controlplane');
      await page.keyboard.press('Enter');
      await app.inspector.getByRole('tab', { name: /^iptables/ }).click();
      await expectNoViolations(page, 'a node’s iptables', theme);
      await app.paste('web.yaml', articleFile('web.yaml').replace('  replicas: 3', '  replicas: many'));
      await expect(app.status).toHaveText(/error/);
      await expectNoViolations(page, 'the editor with an error', theme);
      await app.paste('web.yaml', articleFile('web.yaml').replace('  replicas: 3', '  replicas: 0'));
      await expect(app.status).toHaveText('applied');
      await app.run(CURL);
      await app.seekRow('✕', /✕/);
      await page.getByRole('button', { name: 'Policy' }).click();
      await expectNoViolations(page, 'a drop, with the Policy lens', theme);
      await app.inspector.getByRole('tab', { name: /^Why/ }).click();
      await app.inspector.getByLabel('From').fill('pod/client');
      await app.inspector.getByLabel('To', { exact: true }).fill('service/web-service');
      await app.inspector.getByLabel('To', { exact: true }).press('Enter');
      await expect(app.inspector.getByRole('heading', { name: 'What was tried' })).toBeVisible();
      await expectNoViolations(page, 'an answer of Why?', theme);
      await page.getByRole('button', { name: 'Share', exact: true }).click();
      await expect(page.getByRole('textbox', { name: 'Link' })).toHaveValue(/#w=/);
      await expectNoViolations(page, 'the Share dialog', theme);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Learn' }).click();
      await page.getByRole('button', { name: /A packet.s way to a Service/ }).click();
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('button', { name: /To a web pod/ }).click();
      await expectNoViolations(page, 'a lesson', theme);
      await page.getByRole('button', { name: 'Present' }).click();
      await expect(page.getByRole('heading', { level: 1 })).not.toBeEmpty();
      await expectNoViolations(page, 'Present', theme);
    });

    test('axe finds nothing in what the palette opens', async ({ app, page }) => {
      test.setTimeout(120_000);
      await app.openPaused();
      const open = async (words: string) => {
        await page.getByRole('button', { name: 'Command palette' }).click();
        await page.getByRole('combobox', { name: /^Search boxes/ }).fill(words);
        await page.getByRole('option', { name: words }).first().click();
      };
      const dialogs = ['Changes …', 'Compare two roads', 'Change the pod network', 'Bookmarks and other futures'];
      // The others have no colours of their own.
      if (theme === 'light') dialogs.push('Objects in the files', 'Add files', 'Documents …', 'Embed …', 'Keys …', 'Ingress to Gateway API');
      for (const words of dialogs) {
        await open(words);
        await expect(page.locator('dialog[open] h2'), words).toBeVisible();
        await expectNoViolations(page, words, theme, 'dialog[open]');
        await page.keyboard.press('Escape');
        await expect(page.locator('dialog[open]')).toHaveCount(0);
      }
      for (const [words, sheet] of [
        ['Build on the canvas', 'Build'],
        ['Layers …', 'Layers'],
        ['Group pods', 'Group'],
      ] as const) {
        await open(words);
        await expect(app.canvas.getByRole('button', { name: sheet })).toHaveAttribute('aria-expanded', 'true');
        await expectNoViolations(page, words, theme, 'section[aria-label="Canvas"]');
      }
      await page.keyboard.press('Escape');
      if (theme === 'light') {
        // What can be done to a wire, by the keys alone, and back to where one stood.
        const held = () => page.evaluate(() => document.activeElement?.textContent ?? '');
        await page.getByRole('treeitem').first().focus();
        await page.keyboard.press('Shift+N');
        await page.keyboard.press('ArrowRight');
        for (let i = 0; i < 12 && !(await held()).startsWith('ethernet eth0'); i += 1) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('.');
        const menu = page.getByRole('region', { name: /^What can be done to eth0 of node/ });
        await expect(menu.getByRole('button', { name: 'Apply: Make eth0 slow' })).toBeVisible();
        await expectNoViolations(page, 'the menu of a wire', theme, 'section[aria-label="Canvas"]');
        await menu.getByRole('button', { name: 'Apply: Make eth0 slow' }).press('Enter');
        await expect(app.box(/^ethernet eth0, .*, netem: delay 50ms$/)).toBeFocused();
        await app.run('iptables -I FORWARD -j DROP');
        await app.run('kubectl exec client -- curl -s -m 1 web-service');
        await open('First drop');
        await app.inspector.getByRole('button', { name: /^About NETFILTER_DROP/ }).click();
        await expect(page.getByRole('dialog', { name: 'NETFILTER_DROP' })).toBeVisible();
        await expectNoViolations(page, 'the page of a drop', theme, 'dialog[open]');
        await page.keyboard.press('Escape');
        await page.getByRole('heading', { level: 1 }).click();
        await page.keyboard.press('k');
        await expect(app.timeline.getByText(/^event \d+$/)).toBeVisible();
      }
      for (const view of ['Compare', 'Conversations', 'Sequence', 'Words']) {
        await app.timeline.getByRole('button', { name: view, exact: true }).click();
        await expectNoViolations(page, view, theme, 'section[aria-label="Timeline"]');
      }
    });

    test('axe finds nothing on a phone and on a page that cannot open its link', async ({ app, page }) => {
      await page.setViewportSize({ width: 390, height: 780 });
      await page.goto(app.url);
      await expect(page.getByRole('navigation', { name: 'Panes' })).toBeVisible();
      for (const pane of ['Canvas', 'Details', 'Hops', 'Terminal', 'YAML']) {
        await page.getByRole('navigation', { name: 'Panes' }).getByRole('button', { name: pane }).click();
        await expectNoViolations(page, `the pane ${pane}`, theme);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide, 'nothing sticks out to the right').toBeLessThanOrEqual(0);
      await page.goto(`${app.url}?x#w=1.AAAA`);
      await expect(page.getByRole('alert')).toBeVisible();
      await expectNoViolations(page, 'a broken link', theme);
    });

    test('axe finds nothing in the embed', async ({ page, site }) => {
      await page.goto(`${site.url}embed/v1/?step=4#x=article`);
      await expect(page.getByText(/^Hop 4 of/)).toBeVisible();
      await expectNoViolations(page, 'the embed', theme);
      await page.goto(`${site.url}embed/v1/?x=1#w=1.AAAA`);
      await expect(page.getByRole('alert')).toBeVisible();
      await expectNoViolations(page, 'a broken embed', theme);
    });
  });
}

test.describe('with reduced motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('nothing moves: hops follow each other in steps', async ({ app, page }) => {
    await app.open();
    const running = () => page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === 'running').length);
    await expect(app.button('Pause')).toBeVisible();
    const before = await app.place();
    await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(before.hop);
    expect(await running()).toBe(0);
    await page.keyboard.press('Space');
    await app.page.keyboard.press('ArrowRight');
    await app.button('Play').click();
    await page.keyboard.press('ControlOrMeta+k');
    await expect(page.getByRole('combobox', { name: /^Search boxes/ })).toBeVisible();
    expect(await running()).toBe(0);
  });

  test('an embed with autoplay stands still', async ({ page, site }) => {
    await page.goto(`${site.url}embed/v1/?autoplay=1#x=article`);
    await expect(page.getByText(/^Hop \d+ of \d+/)).toBeVisible();
    await expect(page.getByRole('button', { name: 'Play' })).toBeVisible();
    expect(await page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === 'running').length)).toBe(0);
  });
});

test('the keyboard alone plays, steps, finds a box and reads its tables', async ({ app, page }) => {
  await app.open();
  const focused = () =>
    page.evaluate(
      () => `${document.activeElement?.getAttribute('role') ?? document.activeElement?.tagName} ${document.activeElement?.textContent?.slice(0, 60)}`,
    );
  await page.keyboard.press('Space');
  await expect(app.button('Play')).toBeVisible();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await expect.poll(async () => (await app.place()).hop).toBe(2);

  let inTree = false;
  for (let i = 0; i < 60 && !inTree; i += 1) {
    await page.keyboard.press('Tab');
    inTree = (await focused()).startsWith('treeitem');
  }
  expect(inTree, 'Tab reaches the map').toBe(true);
  await page.keyboard.press('Shift+N');
  await expect.poll(focused).toContain('Node node01');
  await page.keyboard.press('Enter');
  await expect(app.inspector.getByRole('heading', { name: 'node01' })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect.poll(focused).not.toContain('Node node01');
  const inside = await focused();
  await page.keyboard.press('ArrowDown');
  await expect.poll(focused).not.toBe(inside);
  await page.keyboard.press('ArrowLeft');
  await expect.poll(focused).toContain('Node node01');

  const ring = await page.evaluate(() => {
    const steps: string[] = [];
    for (const element of document.querySelectorAll<HTMLElement>('button, input, select, [tabindex="0"]'))
      if (element.tabIndex >= 0) steps.push(element.tagName);
    return steps.length;
  });
  expect(ring, 'the page has things to reach').toBeGreaterThan(10);

  let inTimeline = false;
  for (let i = 0; i < 80 && !inTimeline; i += 1) {
    await page.keyboard.press('Tab');
    inTimeline = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') === 'Step forward');
  }
  expect(inTimeline, 'Tab passes the inspector and reaches the transport').toBe(true);
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await app.place()).hop).toBe(3);
});

test('the path is told in words, at most once a second', async ({ app, page }) => {
  await app.openPaused();
  const live = app.nowLine.locator('[aria-live="polite"]');
  await page.evaluate(() => {
    const state = globalThis as unknown as { said: number[] };
    state.said = [];
    const target = document.querySelector('[data-testid="now-line"] [aria-live]');
    if (target !== null)
      new MutationObserver(() => state.said.push(performance.now())).observe(target, { characterData: true, childList: true, subtree: true });
  });
  await page.getByRole('combobox', { name: 'Speed' }).selectOption('4');
  await app.button('Play').click();
  await expect.poll(async () => (await app.place()).hop).toBeGreaterThan(30);
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect.poll(async () => (await live.textContent()) === (await app.nowLine.locator('span').nth(1).textContent())).toBe(true);
  const said = await page.evaluate(() => (globalThis as unknown as { said: number[] }).said);
  expect(said.length).toBeGreaterThan(1);
  for (let i = 1; i < said.length; i += 1) expect((said[i] ?? 0) - (said[i - 1] ?? 0)).toBeGreaterThan(900);
});
