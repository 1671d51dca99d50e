/** What the author of a YAML text should know about it: a place, a severity and a sentence. Never thrown, always returned. */

/** A place in a file. Offsets count UTF-16 code units from 0, `endOffset` is exclusive; lines and columns count from 1. */
export interface Span {
  readonly file: string;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export type Severity = 'error' | 'warning' | 'info';

export interface Diagnostic {
  readonly severity: Severity;
  /** A stable word for tests and quick fixes, e.g. `yaml-syntax`, `unknown-field`, `invalid-value`, `not-simulated`. */
  readonly code: string;
  /** The sentence, in the API server's or the tool's own words. */
  readonly message: string;
  readonly span?: Span;
  readonly hint?: string;
}
