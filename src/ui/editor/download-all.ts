/** Hands all files over: as one YAML text or as a zip of them. */
import { downloadBytes, downloadText } from '../shell/download.ts';
import type { OpenDocument } from '../state/document.ts';
import { zipOf } from './zip.ts';

const safeName = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60) || 'kubehop';

/** All documents behind one another, each file under its name. */
export function joinFiles(files: OpenDocument['texts']): string {
  return files.map((file) => `# ${file.path}\n${file.text.replace(/^---[ \t]*\n/, '').trimEnd()}\n`).join('---\n');
}

export function downloadAll({ title, texts }: Pick<OpenDocument, 'title' | 'texts'>, form: 'yaml' | 'zip'): void {
  if (form === 'zip') downloadBytes(`${safeName(title)}.zip`, zipOf(texts), 'application/zip');
  else downloadText(`${safeName(title)}.yaml`, joinFiles(texts), 'application/yaml');
}
