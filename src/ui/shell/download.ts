/** Hands the reader's work over as a file. */
import type { SavedWork } from '../state/document-store.ts';

const safeName = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60) || 'kubehop';

export function downloadText(name: string, text: string, type: string): void {
  downloadBlob(name, new Blob([text], { type }));
}

export function downloadBytes(name: string, bytes: Uint8Array, type: string): void {
  downloadBlob(name, new Blob([Uint8Array.from(bytes)], { type }));
}

function downloadBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** One JSON file that `Open a file …` reads again. */
export function downloadWork(work: SavedWork): void {
  downloadText(`${safeName(work.document.title ?? 'kubehop')}.kubehop.json`, JSON.stringify(work, null, 1), 'application/json');
}
