/** What nginx serves from files: root, alias, index, try_files. nginx: src/http/modules/ngx_http_static_module.c, ngx_http_try_files_module.c. */
import type { Location, Settings } from './plan.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  htm: 'text/html',
  css: 'text/css',
  js: 'application/javascript',
  json: 'application/json',
  xml: 'text/xml',
  txt: 'text/plain',
  svg: 'image/svg+xml',
  ico: 'image/x-icon',
  png: 'image/png',
};

export const typeOf = (path: string, settings: Settings): string => TYPES[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? settings.defaultType;

export type Found =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'code'; readonly code: number }
  /** A directory without its slash. */
  | { readonly kind: 'slash' }
  /** try_files sends the request on to another URI. */
  | { readonly kind: 'again'; readonly uri: string };

/** `read`: a file's text by path; `expand`: variables of try_files. */
export function findFile(
  location: Location | undefined,
  settings: Settings,
  path: string,
  read: (path: string) => string | undefined,
  isDirectory: (path: string) => boolean,
  expand: (text: string) => string,
): Found {
  const rootOf = (uri: string): string =>
    settings.alias === undefined ? `${settings.root.replace(/\/$/, '')}${uri}` : `${settings.alias}${uri.slice(location?.value.length ?? 0)}`;
  if (settings.tryFiles !== undefined) {
    const wanted = settings.tryFiles.slice(0, -1);
    for (const word of wanted) {
      const uri = expand(word);
      const file = rootOf(uri);
      const text = file.endsWith('/') ? undefined : read(file);
      if (text !== undefined) return { kind: 'file', path: file, text };
      if (file.endsWith('/') && isDirectory(file)) {
        const found = indexOf(settings, file, read);
        if (found !== undefined) return found;
      }
    }
    const last = expand(settings.tryFiles.at(-1) ?? '');
    return last.startsWith('=') ? { kind: 'code', code: Number(last.slice(1)) } : { kind: 'again', uri: last };
  }
  const file = rootOf(path);
  if (file.endsWith('/')) return indexOf(settings, file, read) ?? { kind: 'code', code: isDirectory(file) ? 403 : 404 };
  const text = read(file);
  if (text !== undefined) return { kind: 'file', path: file, text };
  return isDirectory(`${file}/`) ? { kind: 'slash' } : { kind: 'code', code: 404 };
}

function indexOf(settings: Settings, directory: string, read: (path: string) => string | undefined): Found | undefined {
  for (const name of settings.index) {
    const text = read(`${directory}${name}`);
    if (text !== undefined) return { kind: 'file', path: `${directory}${name}`, text };
  }
  return undefined;
}
