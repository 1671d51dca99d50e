import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../testing/cpu.ts';
import { formatYaml } from './format-yaml.ts';
import type { YamlValue } from './node.ts';
import { defaultYamlLimits, parseYaml } from './parse-yaml.ts';
import { resolvePlainScalar } from './scalar.ts';

const values = (text: string) => parseYaml('a.yaml', text).documents.map((one) => one.value);
const messages = (text: string) => parseYaml('a.yaml', text).diagnostics.map((one) => one.message);
const places = (text: string) => parseYaml('a.yaml', text).diagnostics.map((one) => `${one.span?.startLine}:${one.span?.startColumn}`);

describe('a plain scalar means what it means to kubectl', () => {
  it.each([
    ['y', true],
    ['Yes', true],
    ['on', true],
    ['n', false],
    ['NO', false],
    ['off', false],
    ['nO', 'nO'],
    ['~', null],
    ['Null', null],
    ['nULL', 'nULL'],
    ['010', 8],
    ['08', 8],
    ['0o10', 8],
    ['0x1F', 31],
    ['-0x10', -16],
    ['0b11', 3],
    ['1_000', 1000],
    ['12e03', 12000],
    ['.5', 0.5],
    ['1.', 1],
    ['+1', 1],
    ['22:22', '22:22'],
    ['2026-01-02', '2026-01-02'],
    ['1.5.2', '1.5.2'],
    ['1e400', '1e400'],
    ['-', '-'],
    ['0x', '0x'],
    ['e3', 'e3'],
  ])('%s', (text, value) => {
    expect(resolvePlainScalar(text)).toBe(value);
  });

  it('and quotes or a tag make it a string', () => {
    expect(values('a: "yes"\nb: \'1\'\nc: !!str 1\nd: |\n  on\ne: !!int "7"\n')).toEqual([{ a: 'yes', b: '1', c: '1', d: 'on\n', e: 7 }]);
  });
});

describe('parseYaml', () => {
  it('merges with <<, and a key that is written out wins', () => {
    const text = 'base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nx:\n  <<: [*b, *m]\n  b: 9\nz:\n  b: 9\n  <<: *b\n';
    expect(values(text)).toEqual([{ base: { a: 1, b: 2 }, more: { b: 3, c: 4 }, x: { a: 1, c: 4, b: 9 }, z: { b: 9, a: 1 } }]);
  });

  it('reads KYAML: flow style, unquoted keys, trailing commas, comments and a closing "..."', () => {
    const text = '---\n{\n  apiVersion: "v1", # one\n  kind: "Service",\n  spec: {\n    ports: [{ port: 80, },],\n  },\n}\n...\n';
    expect(values(text)).toEqual([{ apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] } }]);
    const document = parseYaml('a.yaml', text).documents[0]!;
    expect(document.spanOf('spec.ports[0].port')).toMatchObject({ startLine: 6, startColumn: 21, endColumn: 23 });
    expect(document.spanOf('spec.ports')).toMatchObject({ startLine: 6, startColumn: 12, endLine: 6, endColumn: 28 });
  });

  it('takes brackets and quotes that stand at the column of their key, as kubectl does', () => {
    const text = 'x:\n  command: [\n    "sh", # a [comment\n  ]\n  text: "one\ntwo"\n  block: |\n    [ not flow\n  last: {\na: 1\n  }\n';
    expect(values(text)).toEqual([{ x: { command: ['sh'], text: 'one two', block: '[ not flow\n', last: { a: 1 } } }]);
    const document = parseYaml('a.yaml', text).documents[0]!;
    const span = document.spanOf('x.last.a');
    expect([text.slice(span.startOffset, span.endOffset), span.startLine, span.startColumn]).toEqual(['1', 10, 4]);
    expect(document.pathAt(text.indexOf('a: 1'))).toEqual({ path: 'x.last.a', onKey: true });
  });

  it('does not let one broken document hide the others', () => {
    const text = 'a: 1\n---\nb: [1\nc: 2\n---\n# only a comment\n---\nd: 4\n';
    expect(values(text)).toEqual([{ a: 1 }, { d: 4 }]);
    expect(messages(text)).toEqual(["error converting YAML to JSON: yaml: line 4: did not find expected ',' or ']'"]);
    expect(places(text)).toEqual(['4:1']);
  });

  it('keeps a %YAML directive with its document', () => {
    expect(values('%YAML 1.2\n---\na: 1\n')).toEqual([{ a: 1 }]);
  });

  it.each([
    ['a: b: c\n', 'mapping values are not allowed in this context', '1:5'],
    ['a:\n  b: 1\n c: 2\n', 'did not find expected key', '3:2'],
    ['a:\n\tb: 1\n', 'found character that cannot start any token', '2:1'],
    ['foo\nbar: x\n', "could not find expected ':'", '2:4'],
    ['a: "x\nb: 1\n', 'found unexpected end of stream', '2:1'],
    ['a: {b: 1\nc: 2\n', "did not find expected ',' or '}'", '2:1'],
    ['a: @x\n', 'found character that cannot start any token', '1:4'],
    ['a: "\\q"\n', 'found unknown escape character', '1:6'],
    ['- a\nb: 1\n', 'did not find expected key', '2:1'],
    ['a:\n  - b: 1\n   c: 2\n', "did not find expected '-' indicator", '3:4'],
    ['a:\n- b: 1\n c: 2\n', 'did not find expected key', '3:2'],
    ['a: }\n', 'did not find expected node content', '1:4'],
  ])('tells a syntax error in the words of goyaml at its place: %j', (text, words, place) => {
    const broken = parseYaml('a.yaml', text);
    if (words === "could not find expected ':'") expect(broken.diagnostics[0]?.message).toMatch(/could not find expected ':'|did not find expected key/);
    else expect(broken.diagnostics[0]?.message).toBe(`error converting YAML to JSON: yaml: line ${place.split(':')[0]}: ${words}`);
    expect(places(text)[0]).toBe(place);
  });

  it('refuses duplicate keys, naming each', () => {
    const text = 'metadata:\n  name: a\n  labels: {}\n  name: b\n';
    expect(messages(text)).toEqual(['error converting YAML to JSON: yaml: unmarshal errors:\n  line 4: key "name" already set in map']);
    expect(places(text)).toEqual(['4:3']);
  });

  it('says what a template is', () => {
    expect(parseYaml('a.yaml', 'a: {{ .Values.x }}\n').diagnostics[0]).toMatchObject({
      code: 'yaml-syntax',
      message: 'error converting YAML to JSON: yaml: invalid map key: map[interface {}]interface {}{".Values.x":interface {}(nil)}',
      hint: expect.stringContaining('helm template'),
    });
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses the key %s with its place', (key) => {
    const text = `metadata:\n  labels:\n    ${key}: {polluted: true}\n`;
    expect(parseYaml('a.yaml', text).documents).toEqual([]);
    expect(places(text)).toEqual(['3:5']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('knows unknown anchors and anchors inside themselves', () => {
    expect(messages('a: *x\n')).toEqual(["error converting YAML to JSON: yaml: unknown anchor 'x' referenced"]);
    expect(messages('a: &x\n  b: *x\n')).toEqual(["error converting YAML to JSON: yaml: anchor 'x' value contains itself"]);
  });

  it('finds the place of values, of empty values, of keys with dots and of what is missing', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app.kubernetes.io/name: x\n    app: y\nspec:\n  nodeName:\n  containers:\n  - name: a\n  - name: b\n';
    const document = parseYaml('a.yaml', text).documents[0]!;
    const at = (path: string) => {
      const span = document.spanOf(path);
      return text.slice(span.startOffset, span.endOffset);
    };
    expect(at('metadata.labels[app.kubernetes.io/name]')).toBe('x');
    expect(at('metadata.labels.app.kubernetes.io/name')).toBe('x');
    expect(at('metadata.labels.app')).toBe('y');
    expect(at('spec.nodeName')).toBe('nodeName');
    expect(at('spec.containers[1].name')).toBe('b');
    expect(at('spec.containers[1].image')).toBe('containers');
    expect(at('spec.replicas')).toBe('spec');
    expect(at('data.x')).toBe('kind: Pod');
    expect(document.keySpanOf('spec.containers')).toMatchObject({ startLine: 9, startColumn: 3, endColumn: 13 });
    expect(document.has('spec.containers[2]')).toBe(false);
  });

  it('names the path at an offset, on the key or in the value', () => {
    const text = 'metadata:\n  labels:\n    a.b/c: x\nspec:\n  ports:\n  - port: 80\n    name: web\n';
    const document = parseYaml('a.yaml', text).documents[0]!;
    expect(document.pathAt(text.indexOf('web'))).toEqual({ path: 'spec.ports[0].name', onKey: false });
    expect(document.pathAt(text.indexOf('port:') + 1)).toEqual({ path: 'spec.ports[0].port', onKey: true });
    expect(document.pathAt(text.indexOf('a.b/c'))).toEqual({ path: 'metadata.labels[a.b/c]', onKey: true });
  });
});

describe('hostile input ends in one diagnostic and in time', () => {
  const within = (milliseconds: number, work: () => void) => {
    expect(cpuMs(work)).toBeLessThan(milliseconds);
  };

  it('a laugh bomb', () => {
    let text = 'a: &a [x,x,x,x,x,x,x,x,x]\n';
    let previous = 'a';
    for (const name of 'bcdefghij') {
      text += `${name}: &${name} [${Array(9).fill(`*${previous}`).join(',')}]\n`;
      previous = name;
    }
    within(1000, () => expect(messages(text)).toEqual(['error converting YAML to JSON: yaml: document contains excessive aliasing']));
  });

  it('20,000 levels of nesting', () => {
    within(1000, () => expect(parseYaml('a.yaml', '['.repeat(20_000)).diagnostics[0]).toMatchObject({ code: 'yaml-limit' }));
    const aliases = 'a: &a {x: {x: {x: {x: {x: {x: {x: {x: {x: 1}}}}}}}}}\n';
    const chain = Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} {x: {x: {x: {x: {x: *${i === 0 ? 'a' : `b${i - 1}`}}}}}}\n`).join('');
    expect(parseYaml('a.yaml', aliases + chain).diagnostics[0]).toMatchObject({ code: 'yaml-limit' });
  });

  it('40,000 keys, 30,000 anchors, merges of merges', () => {
    const keys = Array.from({ length: 40_000 }, (_, i) => `k${i.toString(36)}:\n`).join('');
    within(1000, () => expect(Object.keys(values(keys)[0] as object)).toHaveLength(40_000));
    const anchors = Array.from({ length: 20_000 }, (_, i) => `- &a${i} x\n`).join('');
    within(1000, () => expect(values(anchors)[0]).toHaveLength(20_000));
    const many = `a: &a {${Array.from({ length: 900 }, (_, i) => `k${i}: 1`).join(', ')}}\n${Array.from({ length: 99 }, (_, i) => `b${i}: {<<: *a}\n`).join('')}`;
    within(1000, () => expect(parseYaml('a.yaml', many).diagnostics.length + Object.keys((values(many)[0] ?? {}) as object).length).toBeGreaterThan(0));
  });

  it('a paste of 5 MB is not even looked at', () => {
    const text = 'apiVersion: v1\n'.repeat(350_000);
    within(20, () => expect(messages(text)).toEqual(['file is too large: 5127 kB, at most 256 kB are read']));
  });

  it('more than 500 documents', () => {
    const parsed = parseYaml('a.yaml', 'a: 1\n---\n'.repeat(600));
    expect(parsed.documents).toHaveLength(500);
    expect(parsed.diagnostics.map((one) => one.message)).toEqual(['too many documents: only the first 500 are read']);
  });

  it('any text at all: no exception, no change of Object.prototype', () => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort().join();
    const piece = fc.constantFrom(
      'a',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&x ',
      '*x',
      '<<',
      '__proto__',
      '|',
      '>',
      '#',
      '---\n',
      '...\n',
      '? ',
      '!!int ',
      '\t',
      '1',
      'yes',
      ',',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        const parsed = parseYaml('a.yaml', text);
        for (const one of parsed.documents) {
          expect(one.span.endOffset).toBeLessThanOrEqual(text.length);
          JSON.stringify(one.value);
        }
        for (const one of parsed.diagnostics) expect(one.span?.startLine).toBeGreaterThan(0);
      }),
      { numRuns: 400 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).sort().join()).toBe(before);
  });
});

describe('formatYaml and parseYaml', () => {
  const key = fc.oneof(fc.stringMatching(/^[a-z][a-zA-Z0-9./-]{0,12}$/), fc.constantFrom('yes', '1', 'a b', 'x: y', '#'));
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('yes', 'null', '1', '1e3', '', ' a', 'a\nb\n', 'a\n\n', '\n', 'a: b', '- x', '"', "it's", '2026-01-02', 'x\ty', 'long words '.repeat(12)),
  );
  const { value } = fc.letrec<{ value: YamlValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    ),
  }));

  it('are inverse', () => {
    fc.assert(
      fc.property(fc.dictionary(key, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }), (object) => {
        const printed = formatYaml(object as YamlValue);
        const parsed = parseYaml('a.yaml', printed, defaultYamlLimits);
        expect(parsed.diagnostics).toEqual([]);
        expect(parsed.documents[0]?.value).toEqual(object);
      }),
      { numRuns: 300 },
    );
  });
});
