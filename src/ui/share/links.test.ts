import { describe, expect, it } from 'vitest';
import type { WorldDocument } from '../../world/document.ts';
import { decodeShare } from '../state/share-link.ts';
import { embedAddress, embedSnippet, fragmentOf, pageAddress } from './links.ts';

const options = { theme: 'auto', lens: 'wires', controls: 'full', autoplay: false, loop: false, step: undefined, caption: '', heightPx: 420 } as const;

describe('the embed snippet', () => {
  it('names only what differs from the default', () => {
    expect(embedAddress('https://example.org/k/', '#x=article', options)).toBe('https://example.org/k/embed/v1/#x=article');
    expect(embedAddress('https://example.org/k/index.html', '#x=article', { ...options, theme: 'dark', autoplay: true, step: 6 })).toBe(
      'https://example.org/k/embed/v1/?theme=dark&autoplay=1&step=6#x=article',
    );
  });

  it('is one sandboxed iframe whatever the title says', () => {
    const snippet = embedSnippet('https://example.org/embed/v1/?caption=a&b#x=article', '"><script>alert(1)</script>', 420);
    expect(snippet.match(/</g)).toHaveLength(2);
    expect(snippet).toContain('sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"');
    expect(snippet).toContain('caption=a&amp;b');
  });
});

describe('a link', () => {
  it('keeps the exact history while it is short, and folds edits into files when it is long', () => {
    const words = (seed: number) => Array.from({ length: 500 }, (_, index) => ((index * 7919 + seed * 104_729) % 1_000_003).toString(36)).join(' ');
    const document = (edits: number): WorldDocument => ({
      version: 1,
      seed: 1,
      files: [{ path: 'a.yaml', text: 'a' }],
      inputs: Array.from({ length: edits }, (_, index) => ({ kind: 'edit', timeNs: index, path: 'a.yaml', text: edits === 1 ? 'b' : words(index) })),
      positions: {},
    });
    expect(fragmentOf(document(1), {}).folded).toBe(false);
    const long = fragmentOf(document(6), {});
    expect(long.folded).toBe(true);
    const target = decodeShare(long.fragment);
    expect(target.kind === 'document' && target.document.files).toEqual([{ path: 'a.yaml', text: words(5) }]);
  });

  it('begins with the page, without its query and fragment', () => {
    expect(pageAddress('https://example.org/k/?a=1#w=1.x')).toBe('https://example.org/k/');
  });
});
