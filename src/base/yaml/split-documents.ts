/** Cuts a YAML stream at its document markers, so that one broken document does not hide the others. */

export interface DocumentChunk {
  readonly startOffset: number;
  readonly endOffset: number;
}

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13 || Number.isNaN(code);

/** `---` or `...` at a line's start, followed by white space or the end (YAML 1.2.2 section 9.1). */
function markerAt(text: string, lineStart: number): 'start' | 'end' | undefined {
  const code = text.charCodeAt(lineStart);
  if (code !== 45 && code !== 46) return undefined;
  if (text.charCodeAt(lineStart + 1) !== code || text.charCodeAt(lineStart + 2) !== code) return undefined;
  if (!isSpace(text.charCodeAt(lineStart + 3))) return undefined;
  return code === 45 ? 'start' : 'end';
}

/**
 * Chunks in order; together they cover the text, byte order mark excepted. A chunk starts at its `---` (or where the last one ended)
 * and ends before the next `---` or after `...`. Directives (`%YAML`) stay with the document that follows them.
 */
export function splitDocuments(text: string): readonly DocumentChunk[] {
  const chunks: DocumentChunk[] = [];
  let chunkStart = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let lineStart = chunkStart;
  let hasContent = false;
  let hasDirective = false;
  const close = (end: number): void => {
    if (end > chunkStart) chunks.push({ startOffset: chunkStart, endOffset: end });
    chunkStart = end;
    hasContent = false;
    hasDirective = false;
  };
  while (lineStart < text.length) {
    const newline = text.indexOf('\n', lineStart);
    const lineEnd = newline === -1 ? text.length : newline + 1;
    const marker = markerAt(text, lineStart);
    if (marker === 'start') {
      if (hasContent || !hasDirective) close(lineStart);
      hasContent = true;
    } else if (marker === 'end') {
      close(lineEnd);
    } else if (!hasContent) {
      const first = text.charCodeAt(lineStart);
      if (first === 37) hasDirective = true;
      else if (first !== 35 && text.slice(lineStart, lineEnd).trim() !== '' && !text.slice(lineStart, lineEnd).trimStart().startsWith('#')) hasContent = true;
    }
    lineStart = lineEnd;
  }
  close(text.length);
  return chunks;
}
