import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDropPage } from './DropPage.tsx';
import { DROP_CODES, loadDropPage } from './drop-codes.ts';

describe('the pages about drops', () => {
  it('has one for every reason there is, with a meaning, commands and causes', async () => {
    const source = readFileSync(new URL('../../net/trace-event.ts', import.meta.url), 'utf8');
    const type = /export type DropReason =([\s\S]*?);/.exec(source)?.[1] ?? '';
    const reasons = [...type.matchAll(/'([A-Z0-9_]+)'/g)].map((match) => match[1] as string);
    expect(reasons.length).toBeGreaterThan(50);
    expect(
      reasons.filter((reason) => !DROP_CODES.includes(reason)),
      'write src/content/drops/REASON.md',
    ).toEqual([]);
    for (const code of DROP_CODES) {
      const page = readDropPage((await loadDropPage(code)) ?? '');
      expect(page.meaning.length, code).toBeGreaterThan(20);
      expect(page.commands.length, code).toBeGreaterThan(0);
      expect(page.causes, code).toMatch(/^- /);
    }
  });
});
