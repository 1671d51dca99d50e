import { describe, expect, it } from 'vitest';
import type { HopView } from '../../world/views.ts';
import { curlHops } from '../canvas/testing/article.ts';
import { dropsOf, dropWords } from './DropButton.tsx';

describe('what is said of a run that fails', () => {
  const [plain] = curlHops();
  const hop = (step: object): HopView => ({ ...plain, family: 'drop', background: false, event: { ...plain?.event, step } }) as HopView;
  const drop = hop({ kind: 'dropped', reason: 'NETFILTER_DROP' });
  const refusal = hop({ kind: 'tls', what: 'refuses the request' });

  it('tells packets that were lost from requests that were refused', () => {
    const words = (hops: readonly HopView[]) => dropWords(hops, dropsOf(hops));
    expect(words([drop])).toBe('1 drop');
    expect(words([refusal, refusal])).toBe('2 refusals');
    expect(words([drop, refusal, drop])).toBe('2 drops, 1 refusal');
  });
});
