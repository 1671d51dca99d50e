/** What was typed in the last moment before a page went is there again in the next one. */
import { describe, expect, it } from 'vitest';
import { openParachute, packParachute, type SynchronousStorage } from './parachute.ts';

function fakeStorage(): SynchronousStorage & { readonly values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => {
      values.set(key, value);
    },
    removeItem: (key) => {
      values.delete(key);
    },
  };
}

const work = {
  document: { version: 1, seed: 1, files: [{ path: 'a.yaml', text: 'a: 1\n' }], inputs: [], positions: {} },
  texts: [{ path: 'a.yaml', text: 'a: 2\n' }],
} as const;

describe('the parachute', () => {
  it('gives back what was packed, once', () => {
    const storage = fakeStorage();
    packParachute(storage, 'd1', work, 7, 1_000);
    expect(openParachute(storage)).toMatchObject({ id: 'd1', revision: 7, savedAtMs: 1_000, texts: work.texts });
    expect(openParachute(storage)).toBeUndefined();
  });

  it('opens nothing that was altered, and never throws', () => {
    const storage = fakeStorage();
    packParachute(storage, 'd1', work, 7, 1_000);
    storage.values.set('kubehop-unsaved', (storage.values.get('kubehop-unsaved') ?? '').replace('a: 2', 'a: 3'));
    expect(openParachute(storage)).toBeUndefined();
    storage.values.set('kubehop-unsaved', '{');
    expect(openParachute(storage)).toBeUndefined();
    expect(openParachute(undefined)).toBeUndefined();
    packParachute(
      {
        ...fakeStorage(),
        setItem: () => {
          throw new DOMException('full', 'QuotaExceededError');
        },
      },
      'd1',
      work,
      1,
      1,
    );
  });
});
