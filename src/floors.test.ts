/** The architecture as a test: who may import whom, what the deterministic floors must not touch, and that nothing was overlooked. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const sourceRoot = dirname(fileURLToPath(import.meta.url));

/** For each floor, the floors it may import from, itself excepted. `main` stands for the two browser entries. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  net: ['base'],
  objects: ['base'],
  kube: ['net', 'objects', 'base'],
  oci: ['kube', 'net', 'objects', 'base'],
  world: ['oci', 'kube', 'net', 'objects', 'base'],
  shell: ['world', 'oci', 'kube', 'net', 'objects', 'base'],
  worker: ['shell', 'world', 'base'],
  cli: ['shell', 'world', 'base'],
  ui: ['base', 'content'],
  content: [],
  main: ['ui', 'worker', 'content', 'base'],
};

/** ui may import values from these files of other floors, and types from anywhere. */
const uiMayUse = ['worker/client.ts', 'worker/protocol.ts', 'net/wire/', 'net/addr/', 'world/align-journeys.ts', 'world/road-facts.ts'];

const deterministicFloors = ['base', 'net', 'objects', 'kube', 'oci', 'world', 'shell'];

/** Each has its reason: a wall clock or a scheduler would make two runs differ. */
const forbiddenWords: readonly (readonly [RegExp, string])[] = [
  [/\bMath\.random\b/, 'Math.random'],
  [/\bnew Date\b|\bDate\.(?:now|parse|UTC)\b/, 'Date'],
  [/\b(?:setTimeout|setInterval|queueMicrotask|requestAnimationFrame)\s*\(/, 'a timer'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\basync\s+(?:function\b|\()|\bawait\s|\bnew Promise\b/, 'asynchrony'],
];

interface SourceFile {
  readonly path: string;
  readonly floor: string;
  readonly text: string;
}

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return walk(path);
    return /\.tsx?$/.test(name) ? [path] : [];
  });
}

const files: readonly SourceFile[] = walk(sourceRoot).map((path) => {
  const short = relative(sourceRoot, path).split(sep).join('/');
  return { path: short, floor: short.includes('/') ? (short.split('/')[0] ?? '') : 'main', text: readFileSync(path, 'utf8') };
});

const isTest = (path: string) => /\.test\.tsx?$/.test(path) || path.includes('/testing/') || path === 'floors.test.ts';

interface Import {
  readonly from: SourceFile;
  readonly specifier: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/(^|[^:'"`])\/\/[^\n]*/g, '$1');

function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const pattern = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
  for (const match of withoutComments(file.text).matchAll(pattern)) {
    const specifier = match[3] ?? match[4] ?? '';
    if (!specifier.startsWith('.')) {
      found.push({ from: file, specifier, target: '', typeOnly: match[2] !== undefined });
      continue;
    }
    const target = relative(sourceRoot, resolve(sourceRoot, dirname(file.path), specifier.replace(/\?.*$/, '')))
      .split(sep)
      .join('/');
    found.push({ from: file, specifier, target, typeOnly: match[2] !== undefined });
  }
  return found;
}

const production = files.filter((file) => !isTest(file.path));

describe('the floors', () => {
  it('are all visited: an empty or moved source tree fails here instead of passing silently', () => {
    expect(production.length).toBeGreaterThan(20);
    for (const floor of ['base', 'net', 'objects', 'kube', 'world', 'shell', 'worker', 'cli', 'ui']) {
      expect(
        production.some((file) => file.floor === floor),
        `no source file on floor ${floor}`,
      ).toBe(true);
    }
  });

  it('import only downwards', () => {
    const violations: string[] = [];
    for (const file of production) {
      for (const one of importsOf(file)) {
        if (one.target === '' || one.target.startsWith('..')) continue;
        const floor = one.target.includes('/') ? (one.target.split('/')[0] ?? '') : 'main';
        if (floor === file.floor) continue;
        const may = allowed[file.floor] ?? [];
        if (may.includes(floor)) continue;
        if (file.floor === 'ui' && (one.typeOnly || uiMayUse.some((prefix) => one.target.startsWith(prefix)))) continue;
        if (file.floor === 'worker' && one.typeOnly) continue;
        if (file.floor === 'main' && one.typeOnly) continue;
        violations.push(`${file.path} imports ${one.target}`);
      }
    }
    expect(violations).toEqual([]);
  });

  it('use relative imports with their file ending, and packages only where the floor allows', () => {
    const packagesBelowWorker = new Set([
      'js-yaml',
      ...['curves/nist', 'curves/ed25519', 'hashes/sha2', 'hashes/legacy', 'hashes/hmac', 'ciphers/aes'].map((name) => `@noble/${name}.js`),
    ]);
    const violations: string[] = [];
    for (const file of production) {
      for (const one of importsOf(file)) {
        if (one.target !== '') {
          if (!/\.(tsx?|css|yaml|md|json|svg|woff2)(\?.*)?$/.test(one.specifier)) violations.push(`${file.path}: ${one.specifier} has no file ending`);
        } else if (deterministicFloors.includes(file.floor) && !packagesBelowWorker.has(one.specifier)) {
          violations.push(`${file.path} imports the package ${one.specifier}`);
        }
      }
    }
    expect(violations).toEqual([]);
  });

  it('below worker/ know no wall clock, no chance of their own and no asynchrony', () => {
    const violations: string[] = [];
    for (const file of production.filter((one) => deterministicFloors.includes(one.floor))) {
      const code = withoutComments(file.text);
      for (const [pattern, word] of forbiddenWords) if (pattern.test(code)) violations.push(`${file.path} uses ${word}`);
    }
    expect(violations).toEqual([]);
  });

  it('keep words of Kubernetes out of net/ and words of networks out of objects/', () => {
    const violations: string[] = [];
    for (const file of production) {
      const code = withoutComments(file.text);
      if (file.floor === 'net' && /from '\.\.\/(?:\.\.\/)*(?:kube|objects)\//.test(code)) violations.push(`${file.path} knows Kubernetes`);
      if (file.floor === 'objects' && /\b(?:netns|veth|iptables|conntrack|vxlan)\b/i.test(code)) violations.push(`${file.path} knows networks`);
    }
    expect(violations).toEqual([]);
  });

  it('never turn text into HTML', () => {
    const violations = production.filter((file) =>
      /dangerouslySetInnerHTML|\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/.test(withoutComments(file.text)),
    );
    expect(violations.map((file) => file.path)).toEqual([]);
  });

  it('open each file with one sentence that says what it is', () => {
    const violations = production.filter((file) => !/^(?:#![^\n]*\n)?\s*\/\*\*/.test(file.text));
    expect(violations.map((file) => file.path)).toEqual([]);
  });

  it('keep Monaco out of the embed', () => {
    const seen = new Set<string>();
    const queue = ['embed.tsx'];
    const reached: string[] = [];
    while (queue.length > 0) {
      const path = queue.pop() as string;
      if (seen.has(path)) continue;
      seen.add(path);
      const file = files.find((one) => one.path === path);
      if (file === undefined) continue;
      for (const one of importsOf(file)) {
        if (one.specifier.startsWith('monaco-editor')) reached.push(path);
        if (one.target !== '' && !one.typeOnly) queue.push(one.target);
      }
    }
    expect(seen.size).toBeGreaterThan(3);
    expect(reached).toEqual([]);
  });
});
