/** The built-in worlds with something wrong in them (`src/content/examples`, a folder each), loaded when somebody opens one. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';
import { byInterest, findExample } from './examples.ts';

const manifests = import.meta.glob<string>(['../../content/examples/*/*.yaml', '!../../content/examples/article/*.yaml'], { query: '?raw', import: 'default' });

const folderOf = (key: string) => key.split('/').at(-2) ?? '';

/** Names as they stand in links: `#x=selector-mismatch`. */
export const scenarioWorlds: readonly string[] = [...new Set(Object.keys(manifests).map(folderOf))].sort();

/** Any built-in world by its name, the article's included. */
export async function loadExample(name: string): Promise<WorldDocument | undefined> {
  if (!scenarioWorlds.includes(name)) return findExample(name);
  const files = await Promise.all(
    Object.entries(manifests)
      .filter(([key]) => folderOf(key) === name)
      .map(async ([key, load]): Promise<DocumentFile> => ({ path: key.slice(key.lastIndexOf('/') + 1), text: await load() })),
  );
  return { version: 1, seed: 1, title: name.replaceAll('-', ' '), files: files.sort(byInterest), inputs: [], positions: {} };
}
