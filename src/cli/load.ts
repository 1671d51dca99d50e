/** Reads the files a world is made of: those named on the command line, and the article's cluster that ships with the package. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DocumentFile } from '../world/document.ts';

const isManifest = (name: string) => /\.(?:ya?ml|json)$/.test(name);

/** A name that a document may hold and that is not taken yet. */
function freshName(path: string, taken: Set<string>): string {
  const clean =
    basename(path)
      .replace(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, 60) || 'stdin.yaml';
  let name = clean;
  for (let i = 2; taken.has(name); i += 1) name = `${i}-${clean}`;
  taken.add(name);
  return name;
}

/** @throws {Error} with a sentence for people when a path cannot be read. */
export function loadFiles(paths: readonly string[]): DocumentFile[] {
  const taken = new Set<string>();
  const files: DocumentFile[] = [];
  const add = (path: string, text: string) => files.push({ path: freshName(path, taken), text });
  for (const path of paths) {
    if (path === '-') {
      add('stdin.yaml', readFileSync(0, 'utf8'));
      continue;
    }
    let isFolder: boolean;
    try {
      isFolder = statSync(path).isDirectory();
    } catch {
      throw new Error(`the path "${path}" does not exist`);
    }
    if (!isFolder) {
      add(path, readFileSync(path, 'utf8'));
      continue;
    }
    const names = readdirSync(path).filter(isManifest).sort();
    if (names.length === 0) throw new Error(`the folder "${path}" holds no .yaml, .yml or .json file`);
    for (const name of names) add(name, readFileSync(join(path, name), 'utf8'));
  }
  return files;
}

/** Files of expectations beside those of the world; names that are taken get a number. */
export function withExpectations(files: readonly DocumentFile[], paths: readonly string[]): DocumentFile[] {
  const taken = new Set(files.map((file) => file.path));
  return [...files, ...loadFiles(paths).map(({ path, text }) => ({ path: freshName(path, taken), text }))];
}

/** Files of the article that are applications, not the cluster they run on. */
const applications = new Set(['web.yaml', 'client.yaml']);

/** What makes the article's cluster run: for files that name no nodes of their own. */
export function clusterFiles(packageRoot: string): DocumentFile[] {
  return articleFiles(packageRoot).filter((file) => !applications.has(file.path));
}

/** The article's cluster, in the order in which the page shows its files. `packageRoot` is the folder of package.json. */
export function articleFiles(packageRoot: string): DocumentFile[] {
  const folder = join(packageRoot, 'src', 'content', 'examples', 'article');
  return readdirSync(folder)
    .filter(isManifest)
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}
