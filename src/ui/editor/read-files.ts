/** Reads dropped or chosen files and folders as texts, within bounds. */
import type { DocumentFile } from '../../world/document.ts';

export const MAX_IMPORT_BYTES = 8 * 1024 * 1024;
const MAX_ENTRIES = 500;

const isManifest = (name: string) => /\.(?:ya?ml|json)$/i.test(name) && !name.startsWith('.');

export interface ReadFiles {
  readonly files: readonly DocumentFile[];
  /** Why something was not read. */
  readonly problems: readonly string[];
}

const entriesOf = (folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> => {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  return new Promise((resolve) => {
    const more = () =>
      reader.readEntries(
        (batch) => {
          all.push(...batch);
          if (batch.length === 0 || all.length >= MAX_ENTRIES) resolve(all);
          else more();
        },
        () => resolve(all),
      );
    more();
  });
};

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

/** Files of dropped entries, folders walked in breadth. */
export async function filesOfEntries(entries: readonly FileSystemEntry[]): Promise<readonly File[]> {
  const files: File[] = [];
  const queue = [...entries];
  for (let seen = 0; queue.length > 0 && seen < MAX_ENTRIES; seen += 1) {
    const entry = queue.shift();
    if (entry === undefined) break;
    if (isFile(entry)) {
      const file = await new Promise<File | undefined>((resolve) => entry.file(resolve, () => resolve(undefined)));
      if (file !== undefined) files.push(file);
    } else if (isFolder(entry) && !/^(?:\.|node_modules$)/.test(entry.name)) {
      queue.push(...[...(await entriesOf(entry))].sort((a, b) => (a.name < b.name ? -1 : 1)));
    }
  }
  return files;
}

export async function readFiles(given: readonly File[]): Promise<ReadFiles> {
  const files: DocumentFile[] = [];
  const problems: string[] = [];
  let total = 0;
  let others = 0;
  for (const file of given.slice(0, MAX_ENTRIES)) {
    if (!isManifest(file.name)) {
      others += 1;
      continue;
    }
    if (total + file.size > MAX_IMPORT_BYTES) {
      problems.push(`${file.name} was not read: together more than ${MAX_IMPORT_BYTES / 1024 / 1024} MB.`);
      continue;
    }
    total += file.size;
    try {
      files.push({ path: file.name, text: await file.text() });
    } catch {
      problems.push(`${file.name} could not be read.`);
    }
  }
  if (others > 0) problems.push(`${others} ${others === 1 ? 'file is' : 'files are'} neither YAML nor JSON.`);
  return { files, problems };
}
