/** nft's errors as it prints them: the words, the line they are about, and a row of carets. nft: src/erec.c */
import type { NftError, Span } from './scanner.ts';

/** `source`: the file's name in front of line and columns; undefined for a command line. */
export function formatError(error: NftError, text: string, source: string | undefined): string {
  const at = Math.min(error.span.start, text.length);
  const lineStart = text.lastIndexOf('\n', Math.max(0, at - 1)) + 1;
  const from = text[at] === '\n' && at === lineStart - 1 ? at : lineStart;
  const nextBreak = text.indexOf('\n', at);
  const line = text.slice(from, nextBreak < 0 ? text.length : nextBreak);
  const column = (offset: number): number => offset - from;
  const start = column(at);
  const end = Math.max(start + 1, column(Math.min(error.span.end, from + line.length + 1)));
  const number = text.slice(0, from).split('\n').length;
  const where = source === undefined ? '' : `${source}:${number}:${start + 1}-${end}: `;
  return `${where}Error: ${error.message}\n${line}\n${carets(line, start, end, error.context, from)}\n`;
}

function carets(line: string, start: number, end: number, context: Span | undefined, from: number): string {
  let text = '';
  const tilde = (i: number): boolean => context !== undefined && i + from >= context.start && i + from < context.end;
  for (let i = 0; i < end; i += 1) {
    if (i >= start) text += '^';
    else if (tilde(i)) text += '~';
    else text += line[i] === '\t' ? '\t' : ' ';
  }
  return text;
}
