/** Small questions about words: their literal text, their parts joined. */
import type { Word, WordPart } from './ast.ts';

/** Neighbouring texts of the same quoting as one. */
export function joinTexts(parts: readonly WordPart[]): WordPart[] {
  const joined: WordPart[] = [];
  let run: string[] = [];
  let quoted = false;
  const flush = (): void => {
    if (run.length > 0) joined.push({ kind: 'text', text: run.join(''), quoted });
    run = [];
  };
  for (const part of parts) {
    if (part.kind !== 'text' || part.quoted !== quoted) flush();
    if (part.kind === 'text') {
      quoted = part.quoted;
      run.push(part.text);
    } else joined.push(part);
  }
  flush();
  return joined;
}

/** The word's text when it has no expansions, else undefined. */
export function literalText(word: Word): string | undefined {
  let text = '';
  for (const part of word.parts) {
    if (part.kind !== 'text') return undefined;
    text += part.text;
  }
  return text;
}

/** The unquoted literal a reserved word must be. */
export function reservedText(word: Word): string | undefined {
  if (word.parts.length !== 1) return undefined;
  const part = word.parts[0];
  return part?.kind === 'text' && !part.quoted ? part.text : undefined;
}
