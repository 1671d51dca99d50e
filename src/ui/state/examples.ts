/** The built-in worlds of `src/content/examples`: a folder each, its YAML files in order of name. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';

const texts = import.meta.glob<string>('../../content/examples/*/*.yaml', { query: '?raw', import: 'default', eager: true });

function readExamples(): ReadonlyMap<string, readonly DocumentFile[]> {
  const examples = new Map<string, DocumentFile[]>();
  for (const key of Object.keys(texts).sort()) {
    const [example, path] = key.split('/').slice(-2);
    if (example === undefined || path === undefined) continue;
    const files = examples.get(example) ?? [];
    files.push({ path, text: texts[key] ?? '' });
    examples.set(example, files);
  }
  return examples;
}

const examples = readExamples();

/** The files of the default world; a share link names them instead of repeating them. */
export const articleFiles: readonly DocumentFile[] = examples.get('article') ?? [];

export const exampleNames: readonly string[] = [...examples.keys()];

export function findExample(name: string): WorldDocument | undefined {
  const files = examples.get(name);
  if (files === undefined) return undefined;
  return { version: 1, seed: 1, title: name === 'article' ? 'flannel · two nodes' : name, files, inputs: [], positions: {} };
}
