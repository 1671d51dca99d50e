/** What the editor does with texts on the page: archives, differences, and one history for all that is changed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDocument, withText } from '../state/document.ts';
import { differenceOf, UndoHistory } from '../state/undo.ts';
import { diffLines, revertHunk } from './line-diff.ts';
import { zipOf } from './zip.ts';

describe('a zip of files', () => {
  it('is read by the tools people have', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-zip-'));
    try {
      writeFileSync(
        join(folder, 'all.zip'),
        zipOf([
          { path: 'web.yaml', text: 'kind: Pod # größer\n' },
          { path: 'empty.yaml', text: '' },
        ]),
      );
      execFileSync('python3', ['-c', 'import zipfile; z = zipfile.ZipFile("all.zip"); assert z.testzip() is None; z.extractall("out")'], { cwd: folder });
      expect(readFileSync(join(folder, 'out', 'web.yaml'), 'utf8')).toBe('kind: Pod # größer\n');
      expect(readFileSync(join(folder, 'out', 'empty.yaml'), 'utf8')).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('differences', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 25 }).map((lines) => lines.map((line) => `${line}\n`).join(''));

  it('lead from one text to the other and back, with no more lines than needed', () => {
    expect(diffLines('a\nb\nc\n', 'a\nx\nc\n')[0]).toMatchObject({ oldStart: 1, oldCount: 3, newStart: 1, newCount: 3 });
    fc.assert(
      fc.property(text, text, (before, after) => {
        const back = [...diffLines(before, after)].reverse().reduce(revertHunk, after);
        expect(back).toBe(before);
      }),
      { numRuns: 200 },
    );
  });

  it('as one replaced span rebuild the text', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const { start, endBefore, endAfter } = differenceOf(before, after);
        expect(before.slice(0, start) + after.slice(start, endAfter) + before.slice(endBefore)).toBe(after);
      }),
    );
  });
});

describe('undo', () => {
  function open() {
    let nowMs = 0;
    const document = createDocument();
    document.setState({
      id: 'd',
      texts: [
        { path: 'a', text: '1' },
        { path: 'b', text: '1' },
      ],
    });
    const history = new UndoHistory(document, () => nowMs);
    const put = (content: Parameters<Parameters<UndoHistory['undo']>[0]>[0]) => document.setState(content);
    return {
      document,
      wait: (ms: number) => {
        nowMs += ms;
      },
      type: (path: string, text: string | null) => document.setState(({ texts }) => ({ texts: withText(texts, path, text) })),
      undo: () => history.undo(put),
      redo: () => history.redo(put),
      texts: () =>
        document
          .getState()
          .texts.map((file) => file.path + file.text)
          .join(' '),
    };
  }

  it('takes back files and boxes in the order in which they were changed, wherever that was', () => {
    const { document, wait, type, undo, redo, texts } = open();
    type('a', '2');
    wait(2_000);
    document.setState({ positions: { box: [1, 2] } });
    wait(2_000);
    type('b', null);
    expect(texts()).toBe('a2');
    undo();
    expect(texts()).toBe('a2 b1');
    undo();
    expect(document.getState().positions).toEqual({});
    undo();
    expect(texts()).toBe('a1 b1');
    expect(undo()).toBe(false);
    redo();
    redo();
    redo();
    expect(texts()).toBe('a2');
    expect(redo()).toBe(false);
  });

  it('joins what is typed without a pause, and all files that one act changes', () => {
    const { wait, type, undo, texts } = open();
    type('a', '12');
    wait(100);
    type('a', '123');
    wait(1_000);
    type('a', 'x');
    type('b', 'x');
    undo();
    expect(texts()).toBe('a123 b1');
    undo();
    expect(texts()).toBe('a1 b1');
  });

  it('forgets when another document is opened', () => {
    const { document, type, undo } = open();
    type('a', '2');
    document.setState({ id: 'e', texts: [] });
    expect(undo()).toBe(false);
  });
});
