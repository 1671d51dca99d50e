import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileKind } from '../schema/compile.ts';
import { pod } from '../testing/kinds.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic.ts';
import { threeWayMerge } from './three-way.ts';
import { type Fields, goJson } from './values.ts';

const schema = compileKind(pod);
const live: Fields = {
  metadata: { labels: { app: 'web' }, finalizers: ['a/b', 'c/d'] },
  spec: {
    restartPolicy: 'Always',
    containers: [
      { name: 'web', image: 'nginx', ports: [{ containerPort: 80, protocol: 'TCP' }] },
      {
        name: 'log',
        image: 'fluent',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
    ],
  },
};
const containers = (fields: Fields) => (fields.spec as { containers: { name: string }[] }).containers;

describe('strategic merge patch', () => {
  it('merges containers by name and leaves the others', () => {
    const patched = strategicMerge(schema, live, {
      spec: {
        containers: [
          { name: 'log', image: 'vector' },
          { name: 'new', image: 'x' },
        ],
      },
    });
    expect(containers(patched)).toEqual([
      { name: 'web', image: 'nginx', ports: [{ containerPort: 80, protocol: 'TCP' }] },
      {
        name: 'log',
        image: 'vector',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
      { name: 'new', image: 'x' },
    ]);
  });

  it('obeys $patch: delete and replace, null, $setElementOrder and $deleteFromPrimitiveList', () => {
    expect(containers(strategicMerge(schema, live, { spec: { containers: [{ name: 'log', $patch: 'delete' }] } })).map((one) => one.name)).toEqual(['web']);
    expect(containers(strategicMerge(schema, live, { spec: { containers: [{ $patch: 'replace' }, { name: 'only', image: 'x' }] } }))).toEqual([
      { name: 'only', image: 'x' },
    ]);
    expect(strategicMerge(schema, live, { spec: { $patch: 'replace', containers: [] } }).spec).toEqual({ containers: [] });
    expect(strategicMerge(schema, live, { metadata: { labels: null } }).metadata).toEqual({ finalizers: ['a/b', 'c/d'] });
    expect(
      containers(strategicMerge(schema, live, { spec: { '$setElementOrder/containers': [{ name: 'log' }, { name: 'web' }] } })).map((one) => one.name),
    ).toEqual(['log', 'web']);
    expect(strategicMerge(schema, live, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/b'] } }).metadata).toMatchObject({ finalizers: ['c/d'] });
  });

  it('finds a port by its number alone', () => {
    const patched = strategicMerge(schema, live, { spec: { containers: [{ name: 'web', ports: [{ containerPort: 80, name: 'http' }] }] } });
    expect(containers(patched)[0]).toMatchObject({ ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }] });
  });
});

describe('three-way merge', () => {
  it('keeps items that only the server knows beside their neighbours', () => {
    const item = (name: string) => ({ name, image: 'i' });
    const fields = (names: string[]): Fields => ({ spec: { containers: names.map(item) } });
    const merged = threeWayMerge(schema, fields(['a', 'b']), fields(['b', 'c']), fields(['a', 'injected', 'b']));
    expect(containers(merged).map((one) => one.name)).toEqual(['injected', 'b', 'c']);
  });

  const value = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.array(fc.integer(), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { noNullPrototype: true }),
    ),
  })).tree;
  const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { noNullPrototype: true });

  it('gives the new text when the live object is what was applied last, and is stable', () => {
    fc.assert(
      fc.property(fields, fields, (original, modified) => {
        const merged = threeWayMerge(undefined, original, modified, original);
        expect(goJson(threeWayMerge(undefined, modified, modified, merged))).toBe(goJson(merged));
        for (const key of Object.keys(modified)) expect(goJson(merged[key])).toBe(goJson(modified[key]));
      }),
    );
  });
});

describe('merge patch', () => {
  // RFC 7386, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('%s with %s is %s', (target, patch, result) => {
    expect(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch)))).toBe(result);
  });
});

describe('JSON patch', () => {
  const run = (document: unknown, ...patch: unknown[]) => {
    const result = jsonPatch(document, patch);
    return result.ok ? result.value : result.message;
  };
  it('adds, replaces, removes, moves, copies and tests', () => {
    expect(run({ a: [1, 3] }, { op: 'add', path: '/a/1', value: 2 }, { op: 'add', path: '/a/-', value: 4 })).toEqual({ a: [1, 2, 3, 4] });
    expect(run({ 'a/b': { '~': 1 } }, { op: 'replace', path: '/a~1b/~0', value: 2 })).toEqual({ 'a/b': { '~': 2 } });
    expect(run({ a: 1, b: 2 }, { op: 'move', from: '/a', path: '/c' }, { op: 'remove', path: '/b' })).toEqual({ c: 1 });
    expect(run({ a: { x: 1 } }, { op: 'copy', from: '/a', path: '/b' }, { op: 'test', path: '/b', value: { x: 1 } })).toEqual({ a: { x: 1 }, b: { x: 1 } });
  });
  it('says why it does not apply, and changes nothing', () => {
    const document = { a: 1 };
    expect(run(document, { op: 'replace', path: '/x', value: 1 })).toBe('replace operation does not apply: doc is missing key: /x: missing value');
    expect(run(document, { op: 'add', path: '/x/y', value: 1 })).toBe('add operation does not apply: doc is missing path: /x/y: missing value');
    expect(run(document, { op: 'test', path: '/a', value: 2 })).toBe('testing value /a failed: test failed');
    expect(run({ a: [] }, { op: 'remove', path: '/a/0' })).toMatch(/invalid index/);
    expect(document).toEqual({ a: 1 });
  });
});
