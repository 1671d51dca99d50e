import { describe, expect, it } from 'vitest';
import { formatYaml } from './format-yaml.ts';
import { compareKeys } from './key-order.ts';

describe('formatYaml prints as kubectl get -o yaml', () => {
  it('sorts keys and keeps lists at the column of their key', () => {
    const pod = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'x', creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: { containers: [{ name: 'c', image: 'i', args: ['-c', 'a\nb\n', 'x: y'], resources: {}, env: [] }] },
      status: undefined,
    };
    expect(formatYaml(pod)).toBe(`apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: "2026-01-02T03:04:05Z"
  name: x
spec:
  containers:
  - args:
    - -c
    - |
      a
      b
    - 'x: y'
    env: []
    image: i
    name: c
    resources: {}
`);
  });

  it.each([
    ['true', '"true"'],
    ['y', '"y"'],
    ['', '""'],
    ['80', '"80"'],
    ['1e3', '"1e3"'],
    ['22:22', '"22:22"'],
    ['a:b', 'a:b'],
    ['a: b', "'a: b'"],
    ["it's: x", "'it''s: x'"],
    ['- x', "'- x'"],
    ['-x', '-x'],
    ['a #b', "'a #b'"],
    ['*', "'*'"],
    ['a\tb', '"a\\tb"'],
    [' a', "' a'"],
    ['a \nb', '"a \\nb"'],
    ['{}', "'{}'"],
    ['é', 'é'],
    ['😀', '"\\U0001F600"'],
    ['a\\b', 'a\\b'],
  ])('quotes %j as %s', (text, printed) => {
    expect(formatYaml({ v: text })).toBe(`v: ${printed}\n`);
  });

  it('folds long lines at the first space after column 80', () => {
    const message = '0/3 nodes are available: 1 node(s) had untolerated taint {a: }, 2 Insufficient cpu. preemption: none of them helps';
    expect(formatYaml({ status: { message } })).toBe(`status:
  message: '0/3 nodes are available: 1 node(s) had untolerated taint {a: }, 2 Insufficient
    cpu. preemption: none of them helps'
`);
  });

  it('writes block texts with their chomping', () => {
    expect(formatYaml({ a: 'x\ny', b: 'x\n\n', c: '  x\n' })).toBe('a: |-\n  x\n  y\nb: |+\n  x\n\nc: |2\n    x\n');
  });

  it('nests lists in lists', () => {
    expect(formatYaml({ a: [['b', 'c'], [{ d: 1, e: [] }]] })).toBe('a:\n- - b\n  - c\n- - d: 1\n    e: []\n');
    expect(formatYaml([{ a: 1 }])).toBe('- a: 1\n');
  });

  it('orders numbers in keys by their value', () => {
    expect(['b10', 'b9', 'a/b', 'a.b', 'ab', 'a', '10', '9', 'B'].sort(compareKeys)).toEqual(['9', '10', 'B', 'a', 'a.b', 'a/b', 'ab', 'b9', 'b10']);
  });
});
