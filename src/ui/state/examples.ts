/** The article's world, which comes with the page: what a reader changes first in front, and the rest in order of name. The other built-in worlds load when asked for (`scenario-worlds.ts`). */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';

const texts = import.meta.glob<string>('../../content/examples/article/*.yaml', { query: '?raw', import: 'default', eager: true });

/** What people come to change stands before what makes the cluster run. */
const front: readonly string[] = ['web.yaml', 'shop.yaml', 'client.yaml'];

export function byInterest(a: DocumentFile, b: DocumentFile): number {
  const place = (path: string) => (front.includes(path) ? front.indexOf(path) : front.length);
  return place(a.path) - place(b.path) || (a.path < b.path ? -1 : 1);
}

/** The files of the default world; a share link names them instead of repeating them. */
export const articleFiles: readonly DocumentFile[] = Object.entries(texts)
  .map(([key, text]) => ({ path: key.slice(key.lastIndexOf('/') + 1), text }))
  .sort(byInterest);

/** What makes the article's cluster run, without the applications on it: for documents that name no nodes of their own. */
export const clusterFiles: readonly DocumentFile[] = articleFiles.filter((file) => !front.includes(file.path));

/** The world that needs no loading. */
export function findExample(name: string): WorldDocument | undefined {
  return name === 'article' ? { version: 1, seed: 1, title: 'flannel · two nodes', files: articleFiles, inputs: [], positions: {} } : undefined;
}
