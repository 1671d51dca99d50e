/** The pages about drop reasons: one Markdown file each, fetched when it is opened. */

const pages = import.meta.glob<string>('../../content/drops/*.md', { query: '?raw', import: 'default' });
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1, -3);

/** Every reason that has a page, in order. */
export const DROP_CODES: readonly string[] = Object.keys(pages).map(nameOf).sort();

export async function loadDropPage(code: string): Promise<string | undefined> {
  const found = Object.entries(pages).find(([path]) => nameOf(path) === code);
  return found === undefined ? undefined : await found[1]();
}
