/** Applies redirections to a command's streams. */
import type { Io, Place, Sink, Source } from '../state.ts';
import type { Redirect } from '../syntax/ast.ts';
import type { Expander } from './expand.ts';

export interface RedirectFiles {
  resolve(path: string): string;
  read(place: Place, path: string): string | undefined;
  /** Makes the file empty (or makes it) and returns where it is kept, or an error text. */
  open(place: Place, path: string, append: boolean): { readonly key: string; readonly path: string } | { readonly error: string };
}

/** New streams, or what the shell says about the redirection that failed (without its own prefix). */
export function applyRedirects(
  io: Io,
  redirects: readonly Redirect[],
  expander: Expander,
  place: Place,
  files: RedirectFiles,
): { readonly io: Io } | { readonly error: string } {
  let { stdin, stdout, stderr } = io;
  for (const redirect of redirects) {
    const target = expander.text(redirect.target);
    switch (redirect.operator) {
      case '<<':
      case '<<<':
        stdin = { kind: 'text', text: redirect.operator === '<<<' ? `${target}\n` : target, read: false };
        break;
      case '<': {
        const path = files.resolve(target);
        const source = openSource(path, files.read(place, path));
        if (source === undefined) return { error: `${target}: No such file or directory` };
        stdin = source;
        break;
      }
      case '>&': {
        if (target === '1' || target === '2') {
          const copy = target === '1' ? stdout : stderr;
          if (redirect.descriptor === 2) stderr = copy;
          else stdout = copy;
          break;
        }
        if (target === '-') {
          if (redirect.descriptor === 2) stderr = { kind: 'null' };
          else stdout = { kind: 'null' };
          break;
        }
        const sink = openSink(target, place, files, false);
        if ('error' in sink) return sink;
        stdout = sink.sink;
        stderr = sink.sink;
        break;
      }
      case '>':
      case '>>': {
        if (target === '') return { error: ': No such file or directory' };
        const opened = openSink(target, place, files, redirect.operator === '>>');
        if ('error' in opened) return opened;
        if (redirect.descriptor !== 2) stdout = opened.sink;
        if (redirect.descriptor === 2 || redirect.descriptor === 'both') stderr = opened.sink;
        break;
      }
    }
  }
  return { io: { stdin, stdout, stderr } };
}

function openSource(path: string, text: string | undefined): Source | undefined {
  if (path === '/dev/null') return { kind: 'null' };
  if (path === '/dev/stdin') return { kind: 'terminal' };
  return text === undefined ? undefined : { kind: 'text', text, read: false };
}

function openSink(target: string, place: Place, files: RedirectFiles, append: boolean): { readonly sink: Sink } | { readonly error: string } {
  const path = files.resolve(target);
  if (path === '/dev/null') return { sink: { kind: 'null' } };
  if (path === '/dev/stdout' || path === '/dev/tty') return { sink: { kind: 'terminal', stream: 'stdout' } };
  if (path === '/dev/stderr') return { sink: { kind: 'terminal', stream: 'stderr' } };
  const opened = files.open(place, path, append);
  if ('error' in opened) return { error: `${target}: ${opened.error}` };
  return { sink: { kind: 'file', key: opened.key, path: opened.path } };
}
