/** Share links: a whole world in an address, and never something else in its place. */
import { ANSWER, App, CURL } from './app.ts';
import { articleFile, expect, test } from './fixtures.ts';

const shareLink = async (app: App): Promise<string> => {
  await app.page.getByRole('button', { name: 'Share', exact: true }).click();
  const field = app.page.getByRole('dialog', { name: 'Share' }).getByRole('textbox', { name: 'Link' });
  await expect(field).toHaveValue(/#w=1\./);
  const link = await field.inputValue();
  await app.page.keyboard.press('Escape');
  return link;
};

test('a link opens the same world at the same moment in another browser', async ({ app, browser, watch, page }) => {
  await app.openPaused();
  await app.paste('web.yaml', articleFile('web.yaml').replace('  replicas: 3', '  replicas: 5'));
  await expect(app.status).toHaveText('applied');
  await app.run('kubectl scale deployment web --replicas=4');
  await app.run(CURL);
  await app.seekRow('proto:tcp', /DNAT/);
  const columns = "kubectl get pods -A -o wide | awk '{print $1, $2, $4, $7, $8}'";
  const before = { place: await app.place(), text: await app.text(), words: await app.words() };
  const link = await shareLink(app);
  expect(link.length, 'a comfortable link').toBeLessThan(2_000);
  const pods = await app.run(columns);
  expect(pods).toContain('10.244.1.');

  const other = await browser.newContext();
  await watch.over(other);
  const copy = new App(await other.newPage(), app.url);
  await copy.page.goto(link);
  await copy.ready();
  await expect.poll(() => copy.place()).toEqual(before.place);
  expect(await copy.text()).toBe(before.text);
  expect(await copy.words()).toBe(before.words);
  await expect(copy.button('Play'), 'a shared world waits for its reader').toBeVisible();
  expect(await copy.run(columns)).toBe(pods);
  await expect(copy.editor.getByText('replicas: 5').first(), 'the editor has the edited text').toBeVisible();
  await other.close();
  expect(page.url(), 'sharing leaves the reader’s address alone').toBe(app.url);
});

test('a truncated or altered link says so, and no other world is shown in its place', async ({ app, page }) => {
  await app.openPaused();
  await app.run('hostname');
  const link = await shareLink(app);
  const middle = link.indexOf('#w=1.') + 20;
  const altered = `${link.slice(0, middle)}${link[middle] === 'A' ? 'B' : 'A'}${link.slice(middle + 1)}`;
  const bad = [link.slice(0, -12), altered, `${link}AA`, link.slice(0, link.indexOf('#w=1.') + 5), link.replace('#w=1.', '#w=7.')];
  for (const address of bad) {
    await page.goto('about:blank');
    await page.goto(address);
    const card = page.getByRole('alert');
    await expect(card.getByRole('heading', { name: 'This link does not open' })).toBeVisible();
    await expect(card).toContainText(address.includes('#w=7.') ? 'newer version' : 'damaged');
    await expect(app.canvas).toBeHidden();
  }
  await page.getByRole('button', { name: 'Open the article’s cluster' }).click();
  await app.ready();
  await expect(app.output).toContainText(ANSWER);
});

test('a shared world never replaces the reader’s own', async ({ app, page }) => {
  await app.open('#x=article');
  await app.run('echo shared-by-a-friend');
  const link = await shareLink(app);

  await page.goto('about:blank');
  await app.open();
  await page.getByTitle('Documents').click();
  await page.getByRole('button', { name: /New: the article/ }).click();
  await app.ready();
  await app.paste('web.yaml', articleFile('web.yaml').replace('  replicas: 3', '  replicas: 2'));
  await expect(app.status).toHaveText('applied');
  await app.run('echo my-own-work');
  await expect(page.getByTitle('saving')).toBeHidden();

  await page.goto('about:blank');
  await page.goto(link);
  await app.ready();
  await expect(app.output).toContainText('shared-by-a-friend');
  await expect(app.output).not.toContainText('my-own-work');

  await page.goto('about:blank');
  await app.open();
  await expect(app.output).toContainText('my-own-work');
  await expect(app.editor.getByText('replicas: 2').first()).toBeVisible();
});

test('a link to another site asks first, and asks nobody meanwhile', async ({ app, page }) => {
  await page.goto(`${app.url}#u=${encodeURIComponent('https://example.org/world.yaml')}`);
  const card = page.getByRole('alert');
  await expect(card).toContainText('https://example.org/world.yaml');
  await expect(card.getByRole('button', { name: 'Load it' })).toBeVisible();
  await page.goto(`${app.url}?b#u=${encodeURIComponent('javascript:alert(1)')}`);
  await expect(card).toContainText('only from an https address');
  await page.goto(`${app.url}?c#x=nowhere`);
  await expect(card).toContainText('There is no built-in world named “nowhere”.');
});

test('a link of a megabyte, a bomb and rubbish are refused quickly', async ({ app, page }) => {
  const rubbish = ['#w=1.', '#w=1.%00', '#w=', '#w=1.!!!!', `#w=1.${'A'.repeat(40_000)}`, '#u=', '#w=1.eyJzIjoxfQ'];
  for (const [at, fragment] of rubbish.entries()) {
    const started = Date.now();
    await page.goto(`${app.url}?${at}${fragment}`);
    await expect(page.getByRole('alert'), fragment.slice(0, 20)).toBeVisible();
    expect(Date.now() - started).toBeLessThan(3_000);
  }
});
