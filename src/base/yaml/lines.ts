/** Offsets of a text to lines and columns. */
import type { Span } from '../diagnostic.ts';

/** Line starts of one file; built once, then each look-up is a binary search. Line breaks are LF, CRLF and CR. */
export class LineIndex {
  readonly file: string;
  readonly #length: number;
  readonly #starts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.#length = text.length;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code === 10 || (code === 13 && text.charCodeAt(i + 1) !== 10)) this.#starts.push(i + 1);
    }
  }

  /** Line of an offset, from 1. */
  line(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  /** [startOffset, endOffset), both clamped to the text. */
  span(startOffset: number, endOffset: number): Span {
    const start = Math.max(0, Math.min(startOffset, this.#length));
    const end = Math.max(start, Math.min(endOffset, this.#length));
    const startLine = this.line(start);
    const endLine = this.line(end);
    return {
      file: this.file,
      startOffset: start,
      endOffset: end,
      startLine,
      startColumn: start - (this.#starts[startLine - 1] ?? 0) + 1,
      endLine,
      endColumn: end - (this.#starts[endLine - 1] ?? 0) + 1,
    };
  }
}
