/** Turns a session's entries into lines: pieces with a stream and a log position, so that the past can be told from what is still to come. */
import type { TerminalEntry } from '../../world/views.ts';

export interface Piece {
  readonly kind: TerminalEntry['kind'];
  readonly text: string;
  readonly seq: number;
}
export interface Line {
  /** Grows by one a line and never changes for a line that stays: a React key. */
  readonly number: number;
  readonly pieces: readonly Piece[];
}

export const MAX_LINES = 5_000;
/** Longer lines are cut, with a word that says so. */
const MAX_LINE_LENGTH = 4_000;
const CLEAR = '\u001b[2J';

/** SGR colours and cursor moves are taken out: what we simulate is line-oriented. */
export const withoutEscapes = (text: string): string => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r/g, '');

/** Lines of one session built up entry by entry; a new entry costs its own length only. */
export class Screen {
  readonly session: string;
  #lines: Line[] = [];
  #open: Piece[] = [];
  #openLength = 0;
  #next = 0;
  #seen = 0;
  #epoch = 0;
  /** What `lines` gave last; undefined once it has changed. */
  #given: readonly Line[] | undefined;

  constructor(session: string) {
    this.session = session;
  }

  /** Finished lines, and the one that has no end yet; the same list until there is something new. */
  lines(): readonly Line[] {
    this.#given ??= this.#open.length === 0 ? [...this.#lines] : [...this.#lines, { number: this.#next, pieces: this.#open }];
    return this.#given;
  }

  /** Reads what is new in the list; `dropped` entries came before its first, and another `epoch` means that all of it is new. */
  read(entries: readonly TerminalEntry[], dropped = 0, epoch = 0): void {
    if (epoch !== this.#epoch) {
      this.clear();
      this.#seen = 0;
      this.#epoch = epoch;
    }
    for (let i = Math.max(0, this.#seen - dropped); i < entries.length; i += 1) {
      const entry = entries[i] as TerminalEntry;
      if (entry.session === this.session) this.#add(entry);
    }
    this.#seen = dropped + entries.length;
    if (this.#lines.length <= MAX_LINES) return;
    this.#lines = this.#lines.slice(this.#lines.length - MAX_LINES);
    this.#given = undefined;
  }

  clear(): void {
    this.#given = undefined;
    this.#lines = [];
    this.#open = [];
    this.#openLength = 0;
  }

  #add(entry: TerminalEntry): void {
    this.#given = undefined;
    if (entry.text.includes(CLEAR)) this.clear();
    const text = withoutEscapes(entry.text);
    const parts = text.split('\n');
    parts.forEach((part, index) => {
      if (part !== '') this.#append({ kind: entry.kind, text: part, seq: entry.seq });
      if (index < parts.length - 1) this.#end();
    });
    if (entry.kind === 'command') this.#end();
  }

  #append(piece: Piece): void {
    const room = MAX_LINE_LENGTH - this.#openLength;
    if (room <= 0) return;
    const cut = piece.text.length > room ? { ...piece, text: `${piece.text.slice(0, room)} … (cut)` } : piece;
    this.#openLength += cut.text.length;
    // A copy: what was handed out is never changed.
    this.#open = [...this.#open, cut];
  }

  #end(): void {
    this.#lines.push({ number: this.#next, pieces: this.#open });
    this.#next += 1;
    this.#open = [];
    this.#openLength = 0;
  }
}
