import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testKinds } from './testing/kinds.ts';
import { completeYaml, hoverYaml } from './yaml-help.ts';

/** `|` marks the cursor. */
const complete = (marked: string, live = {}) => {
  const offset = marked.indexOf('|');
  return completeYaml(testKinds, marked.replace('|', ''), offset, live);
};
const labels = (marked: string, live = {}) => complete(marked, live).map((item) => item.label);
/** The text after choosing an item. */
const choose = (marked: string, label: string) => {
  const text = marked.replace('|', '');
  const item = complete(marked).find((one) => one.label === label);
  return item === undefined ? undefined : text.slice(0, item.startOffset) + item.insertText + text.slice(item.endOffset);
};
const hover = (marked: string) => hoverYaml(testKinds, marked.replace('|', ''), marked.indexOf('|'));

const head = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n';

describe('completion', () => {
  it('offers whole objects in an empty document, and the fields of a kind at the top', () => {
    expect(labels('|')).toEqual(['apiVersion', 'kind', 'metadata', 'Namespace', 'Pod', 'ReplicaSet', 'ConfigMap']);
    expect(choose('a: 1\n---\nRep|', 'ReplicaSet')).toBe('a: 1\n---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  name: ');
    expect(labels(`${head}|`)).toEqual(['spec']);
  });

  it('offers kinds that go with the apiVersion, and the other way round', () => {
    expect(labels('apiVersion: apps/v1\nkind: |')).toEqual(['ReplicaSet']);
    expect(labels('kind: ReplicaSet\napiVersion: |')).toEqual(['apps/v1']);
    expect(choose('kind:|', 'Pod')).toBe('kind: Pod');
  });

  it('offers the keys that a mapping does not have yet, above and below the cursor', () => {
    expect(labels(`${head}spec:\n  nodeName: x\n  |\n  priority: 1\n`)).toEqual(['restartPolicy', 'containers']);
    expect(labels(`${head}spec:\n  re|`)).toEqual(['restartPolicy']);
  });

  it("knows lists at their key's column and deeper, and items half written", () => {
    for (const list of ['containers:\n  - name: x\n    |', 'containers:\n    - name: x\n      |', 'containers:\n  -\n    name: x\n    |']) {
      expect(labels(`${head}spec:\n  ${list}\n`)).toEqual(['image', 'env', 'ports', 'resources']);
    }
    expect(labels(`${head}spec:\n  containers:\n  - |`)).toEqual(['name', 'image', 'env', 'ports', 'resources']);
    expect(labels(`${head}spec:\n  containers:\n  - name: a\n  - na|`)).toEqual(['name']);
    expect(labels(`${head}spec:\n  containers:\n  - name: a\n    ports:\n    - containerPort: 80\n      p|`)).toEqual(['protocol']);
  });

  it('offers words, booleans, defaults and names of the running cluster', () => {
    expect(labels(`${head}spec:\n  restartPolicy: |`)).toEqual(['Always', 'Never', 'OnFailure']);
    expect(labels(`${head}spec:\n  restartPolicy: N|`)).toEqual(['Never']);
    expect(labels(`${head}spec:\n  nodeName: |`, { Node: ['node01', 'node02'] })).toEqual(['node01', 'node02']);
    expect(labels('apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: |', { Namespace: ['default'] })).toEqual(['default']);
  });

  it('inserts at the right column', () => {
    expect(choose(`${head}spec:\n  con|`, 'containers')).toBe(`${head}spec:\n  containers:\n  - `);
    expect(choose(`${head}spec:\n  containers:\n  - name: a\n    res|`, 'resources')).toBe(`${head}spec:\n  containers:\n  - name: a\n    resources:\n      `);
    expect(choose(`${head}spec:\n  restartPolicy: Al|ways`, 'Always')).toBe(`${head}spec:\n  restartPolicy: Always`);
  });

  it('works in text that is broken elsewhere, and stays silent in comments and block texts', () => {
    expect(labels(`${head}spec:\n  containers:\n  - name: "x\n    im|`)).toEqual(['image']);
    expect(labels(`${head}# spec|`)).toEqual([]);
    const block = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  conf: |\n    na';
    expect(completeYaml(testKinds, block, block.length)).toEqual([]);
    expect(labels(`${head}spec: {nodeName: |`)).toEqual([]);
  });

  it('never throws and always stays in the text', () => {
    const piece = fc.constantFrom(
      'kind: Pod\n',
      'apiVersion: v1\n',
      'spec:\n',
      '  containers:\n',
      '  - name: x\n',
      '    ',
      '- ',
      'a',
      ':',
      '"',
      '{',
      '|',
      '\n',
      '---\n',
      '#',
      '  ports:\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(), (pieces, at) => {
        const text = pieces.join('');
        const offset = text.length === 0 ? 0 : at % (text.length + 1);
        for (const item of completeYaml(testKinds, text, offset)) {
          expect(item.startOffset).toBeLessThanOrEqual(offset);
          expect(item.endOffset).toBeLessThanOrEqual(text.length);
        }
        hoverYaml(testKinds, text, offset);
      }),
      { numRuns: 300 },
    );
  });
});

describe('hover', () => {
  it('says what a field is, on its key and its value', () => {
    expect(hover(`${head}spec:\n  restart|Policy: Always\n  containers: []\n`)?.paragraphs).toEqual([
      'spec.restartPolicy <string>',
      'One of: Always, Never, OnFailure',
      'Default: Always',
    ]);
    expect(hover(`${head}spec:\n  containers:\n  - name: a\n    ports:\n    - containerPort: 8|0\n`)?.paragraphs).toEqual([
      'spec.containers[].ports[].containerPort <integer>',
      'From 1 to 65535',
    ]);
  });

  it('works in flow style and in broken text', () => {
    expect(hover('{apiVersion: v1, kind: Pod, metadata: {na|me: a}}')?.paragraphs[0]).toBe('metadata.name <string>');
    expect(hover(`${head}spec:\n  prio|rity: 1\n  x: "\n`)?.paragraphs).toEqual([
      'spec.priority <integer>',
      'Importance.',
      'Accepted and stored; the simulation does not act on it.',
    ]);
  });

  it('marks exactly the word it speaks of', () => {
    const text = `${head}spec:\n  nodeName: node01\n`;
    const view = hoverYaml(testKinds, text, text.indexOf('node01') + 2);
    expect(text.slice(view?.startOffset, view?.endOffset)).toBe('node01');
  });

  it('is silent where nothing is known', () => {
    expect(hover('kind: Foo\nspec:\n  a|: 1\n')).toBeUndefined();
    expect(hover('|')).toBeUndefined();
  });
});
