/** Packets leave the page as pcapng and come back from a file. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures.ts';

test('the run that is shown is saved as pcapng, and such a file is listed and replayed', async ({ app, page }) => {
  await app.openPaused();
  const waiting = page.waitForEvent('download');
  await app.button('More of this run').click();
  await page.getByRole('menuitem', { name: /^Save pcapng/ }).click();
  const download = await waiting;
  expect(download.suggestedFilename()).toBe('kubehop.pcapng');
  const path = await download.path();
  const bytes = readFileSync(path);
  expect(bytes.readUInt32LE(0)).toBe(0x0a0d0d0a);
  expect(bytes.toString('latin1')).toContain('client.default/eth0');
  expect(bytes.toString('latin1')).toContain('DNAT in PREROUTING');

  await page.getByLabel('Capture file').setInputFiles({ name: 'mine.pcapng', mimeType: 'application/octet-stream', buffer: bytes });
  await expect(app.output).toContainText('replay mine.pcapng');
  await expect(app.output).toContainText(/TCP\s+10\.244\.0\.3:\d+\s+client\s+10\.97\.253\.216:80/);
  expect(await app.run('replay mine.pcapng 1')).toMatch(/packets? from 10\.244\.0\.3:\d+ \(client\)/);

  await page.getByLabel('Capture file').setInputFiles({ name: 'cut.pcapng', mimeType: 'application/octet-stream', buffer: bytes.subarray(0, 4001) });
  await expect(app.output).toContainText(/replay: cut\.pcapng: truncated: the block has \d+ bytes, \d+ are there \(at byte \d+\)/);
});
