/** Lessons: text beside the living cluster, in Learn and, large and led by the keyboard, in Present. */
import { expect, test } from './fixtures.ts';

test('a lesson opens, asks before it runs, and follows the packet', async ({ app, page }) => {
  await app.openPaused();
  await page.getByRole('button', { name: 'Learn' }).click();
  await page.getByRole('button', { name: /A packet.s way to a Service/ }).click();
  const lesson = page.getByRole('region', { name: /^Lesson:/ });
  await expect(lesson.getByRole('heading', { name: 'Two machines, one flat network' })).toBeVisible();
  await lesson.getByRole('button', { name: 'Next' }).click();
  await expect(lesson.getByRole('heading', { name: 'An address that is nowhere' })).toBeVisible();
  await lesson.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(app.output).toContainText(/web-service\s+ClusterIP\s+10\.97\.253\.216\s+<none>\s+80\/TCP/);
  await lesson.getByRole('button', { name: 'Back' }).click();
  await expect(lesson.getByRole('heading', { name: 'Two machines, one flat network' })).toBeVisible();
  await lesson.getByRole('button', { name: 'Next' }).click();
  await lesson.getByRole('button', { name: 'Next' }).click();

  await expect(lesson.getByText('To whom does the client’s first packet go?').or(lesson.getByText("To whom does the client's first packet go?"))).toBeVisible();
  await lesson.getByRole('button', { name: /To a web pod/ }).click();
  await expect(lesson.getByRole('status')).toContainText('Not quite.');
  await lesson.getByRole('button', { name: /10\.96\.0\.10/ }).click();
  await expect(lesson.getByRole('status')).toContainText('Right.');
  await lesson.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(lesson.getByRole('button', { name: 'Run again' })).toBeVisible();
  await expect(app.nowLine, 'the playhead stands at the first DNS packet').toContainText(/A\? ?web-service|DNS/);
});

test('a link opens a lesson at a step; its check fails before the change and passes after it', async ({ app, page }) => {
  await page.goto(`${app.url}#x=article&lesson=way-to-a-service&step=8`);
  const lesson = page.getByRole('region', { name: /^Lesson:/ });
  await expect(lesson.getByRole('heading', { name: 'Break it: nobody behind the name' })).toBeVisible();
  await expect(app.prompt).toBeEnabled();
  await lesson.getByRole('button', { name: 'Check' }).click();
  await expect(lesson.getByText('Not yet.')).toBeVisible();
  await app.run('kubectl scale deployment web --replicas=0');
  await lesson.getByRole('button', { name: 'Check' }).click();
  await expect(lesson.getByText('That is it.')).toBeVisible();
  await lesson.getByRole('button', { name: 'Next' }).click();
  await expect(lesson.getByRole('heading', { name: 'Mend it, and make it five' })).toBeVisible();
});

test('a scenario opens its broken world from a link, shows the symptom, and is mended by hand', async ({ app, page }) => {
  await page.goto(`${app.url}#x=selector-mismatch`);
  const lesson = page.getByRole('region', { name: /^Lesson: The selector matches no pod/ });
  await expect(lesson.getByRole('heading', { name: 'What you see' })).toBeVisible();
  await expect(app.prompt).toBeEnabled();
  await lesson.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(app.output).toContainText("Couldn't connect to server");
  await lesson.getByRole('button', { name: 'Next' }).click();
  await lesson.getByRole('button', { name: 'Next' }).click();
  await lesson.getByRole('button', { name: 'Check' }).click();
  await expect(lesson.getByText('Not yet.')).toBeVisible();
  await app.run('kubectl set selector service shop app=shop');
  await lesson.getByRole('button', { name: 'Check' }).click();
  await expect(lesson.getByText('That is it.')).toBeVisible();
});

test('the list of scenarios opens a world of its own', async ({ app, page }) => {
  await app.openPaused();
  await page.getByRole('button', { name: 'Learn' }).click();
  await page.getByRole('button', { name: /kube-proxy hangs on one node/ }).click();
  const lesson = page.getByRole('region', { name: /^Lesson: kube-proxy hangs/ });
  await expect(lesson.getByText('This is what happened first')).toBeVisible();
  await expect(app.prompt).toBeEnabled();
  expect(await app.run('kubectl get pods')).toContain('neighbour');
});

test('progress is kept', async ({ app, page }) => {
  await app.openPaused();
  await page.getByRole('button', { name: 'Learn' }).click();
  const card = page.getByRole('button', { name: /A packet.s way to a Service/ });
  await card.click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'An address that is nowhere' })).toBeVisible();
  await page.reload();
  await app.ready();
  await page.getByRole('button', { name: 'Learn' }).click();
  await expect(card).toContainText('you were at 2');
  await card.click();
  await expect(page.getByRole('heading', { name: 'An address that is nowhere' })).toBeVisible();
});

test('Present is led by the keyboard from the first slide to a packet', async ({ app, page }) => {
  await app.openPaused();
  await page.getByRole('button', { name: 'Present' }).click();
  const title = page.getByRole('heading', { level: 1 });
  await expect(title).toHaveText('Two machines, one flat network');
  await page.keyboard.press('ArrowRight');
  await expect(title).toHaveText('An address that is nowhere');
  await page.keyboard.press('ArrowLeft');
  await expect(title).toHaveText('Two machines, one flat network');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('button', { name: 'Run again' }), 'the first → of a step with a command runs it').toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(title).toHaveText('First the name');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('status').filter({ hasText: 'Right.' })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('button', { name: 'Run again' })).toBeVisible();
  await expect(app.nowLine).toContainText(/A\? ?web-service|DNS/);
  const before = await app.place();
  await page.keyboard.press('.');
  await expect.poll(async () => (await app.place()).hop).toBe(before.hop + 1);
  await page.keyboard.press(',');
  await expect.poll(() => app.place()).toEqual(before);

  await page.keyboard.press('b');
  await expect(page.getByRole('button', { name: 'Show again' })).toBeVisible();
  await page.keyboard.press('b');
  const popup = page.waitForEvent('popup');
  await page.keyboard.press('n');
  await expect((await popup).getByText(/^Step 3 of \d+/)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('region', { name: /^Lesson:/ })).toBeVisible();
});
