/** A display filter's text as words. Wireshark: epan/dfilter/scanner.l. */

/** `at` and `length` in UTF-16 code units of the text. */
export interface FilterError {
  readonly message: string;
  readonly at: number;
  readonly length: number;
}

export class FilterFailure extends Error {
  readonly error: FilterError;
  constructor(message: string, at: number, length: number) {
    super(message);
    this.error = { message, at, length };
  }
}

export interface Token {
  readonly text: string;
  readonly at: number;
  /** In code units, quotation marks included. */
  readonly length: number;
  readonly quoted: boolean;
}

const MAX_TOKENS = 400;
/** Words may hold `:`, `.`, `/` and `-` (addresses, prefixes, MACs, field names), and `*` and `%` only by themselves. */
const TOKEN =
  /\s+|r"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*"|&&|\|\||\^\^|[!=]==|==|!=|>=|<=|\$\{[^}]*\}|[()!<>{},~&+*%[\]#]|-(?=[\s(])|[^\s()!=<>{}&|^,"~+*%[\]#]+/gy;

/** Another escape stays as it is: in an expression for `matches` it is that expression's. */
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' };

export function scan(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new FilterFailure(text[at] === '"' ? 'A string is not closed by a quotation mark.' : `"${text[at]}" was unexpected.`, at, 1);
    const word = match[0];
    if (word.trim() === '') continue;
    const raw = word.startsWith('r"');
    const quoted = raw || word.startsWith('"');
    const inside = raw ? word.slice(2, -1) : quoted ? word.slice(1, -1).replace(/\\(.)/g, (whole, letter: string) => ESCAPES[letter] ?? whole) : word;
    tokens.push({ text: inside, at, length: word.length, quoted });
    if (tokens.length > MAX_TOKENS) throw new FilterFailure(`A filter may have ${MAX_TOKENS} words.`, at, 1);
  }
  return tokens;
}
