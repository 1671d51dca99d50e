/** The built-in worlds of `src/content/examples`: a folder each, with what a reader changes first in front, and the rest in order of name. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';

const texts = import.meta.glob<string>('../../content/examples/*/*.yaml', { query: '?raw', import: 'default', eager: true });

/** What people come to change stands before what makes the cluster run. */
const front: readonly string[] = ['web.yaml', 'client.yaml'];

function byInterest(a: DocumentFile, b: DocumentFile): number {
  const place = (path: string) => (front.includes(path) ? front.indexOf(path) : front.length);
  return place(a.path) - place(b.path) || (a.path < b.path ? -1 : 1);
}

function readExamples(): ReadonlyMap<string, readonly DocumentFile[]> {
  const examples = new Map<string, DocumentFile[]>();
  for (const key of Object.keys(texts).sort()) {
    const [example, path] = key.split('/').slice(-2);
    if (example === undefined || path === undefined) continue;
    const files = examples.get(example) ?? [];
    files.push({ path, text: texts[key] ?? '' });
    examples.set(example, files);
  }
  for (const files of examples.values()) files.sort(byInterest);
  return examples;
}

const examples = readExamples();

/** The files of the default world; a share link names them instead of repeating them. */
export const articleFiles: readonly DocumentFile[] = examples.get('article') ?? [];

/** What makes the article's cluster run, without the applications on it: for documents that name no nodes of their own. */
export const clusterFiles: readonly DocumentFile[] = articleFiles.filter((file) => !front.includes(file.path));

export function findExample(name: string): WorldDocument | undefined {
  const files = examples.get(name);
  if (files === undefined) return undefined;
  return { version: 1, seed: 1, title: name === 'article' ? 'flannel · two nodes' : name, files, inputs: [], positions: {} };
}
