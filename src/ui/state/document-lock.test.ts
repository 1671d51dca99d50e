import { afterEach, describe, expect, it, vi } from 'vitest';
import { claimDocument } from './document-lock.ts';

const refusing = (error: unknown) => vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(error) } });
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the lock on a document', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is nobody else’s where the frame has no storage and so no locks', async () => {
    refusing(new DOMException('Access to the Locks API is denied in this context.', 'SecurityError'));
    const told: boolean[] = [];
    claimDocument('d', (writable) => told.push(writable));
    await settle();
    expect(told).toEqual([true]);
  });

  it('is lost when another tab takes it', async () => {
    refusing(new DOMException("Lock broken by another request with the 'steal' option.", 'AbortError'));
    const told: boolean[] = [];
    claimDocument('d', (writable) => told.push(writable));
    await settle();
    expect(told).toEqual([false]);
  });
});
