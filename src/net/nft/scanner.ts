/** nft's words: a text of the nft language cut into tokens with their places. nft: src/scanner.l */

/** Offsets into the text; `end` is one behind the last character. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type TokenKind = 'string' | 'quoted' | 'number' | 'address' | 'time' | 'punct' | 'newline' | 'end';

export interface Token extends Span {
  readonly kind: TokenKind;
  /** Without quotes. */
  readonly text: string;
}

/** An error with the words and the place that nft would give. `context` is underlined with `~` (what the error contradicts). */
export class NftError extends Error {
  readonly span: Span;
  readonly context: Span | undefined;
  constructor(message: string, span: Span, context?: Span) {
    super(message);
    this.span = span;
    this.context = context;
  }
}

/** Longest text that is read, in characters. */
export const MAX_TEXT = 16 * 1024 * 1024;

const SPACE = /[ \t\r]+/y;
const COMMENT = /#[^\n]*/y;
const MAC = /[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}(?![0-9a-fA-F:])/y;
const IP6 = /(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4})(?![0-9a-zA-Z:])/y;
const IP4 = /\d{1,3}(?:\.\d{1,3}){3}(?![0-9a-zA-Z.])/y;
const CLASSID = /[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}(?![0-9a-zA-Z:])/y;
const TIME = /(?:\d+(?:ms|[wdhms]))+(?![0-9a-zA-Z])/y;
const NUMBER = /0x[0-9a-fA-F]+(?![0-9a-zA-Z_])|\d+(?![0-9a-zA-Z_])/y;
const STRING = /[A-Za-z_.][A-Za-z0-9_.\-/]*\\?\*?|[A-Za-z0-9_.][A-Za-z0-9_.\-/]*\\?\*?/y;
const QUOTED = /"([^"\n]*)"/y;
const PUNCT = /==|!=|<=|>=|<<|>>|[{}()[\]:;,.@$=<>&|^!/\-+*~]/y;

/** A dot alone joins concatenations; `a . b`. */
const DOT = /\.(?![A-Za-z0-9_])/y;

/** @throws {NftError} at a character that begins no word of the language. */
export function scan(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: TokenKind, word: string, value: string): void => {
    tokens.push({ kind, text: value, start: at, end: at + word.length });
    at += word.length;
  };
  while (at < text.length) {
    const skip = take(SPACE) ?? take(COMMENT);
    if (skip !== undefined) {
      at += skip.length;
      continue;
    }
    if (text.startsWith('\\\n', at)) {
      at += 2;
      continue;
    }
    if (text[at] === '\n') {
      push('newline', '\n', '\n');
      continue;
    }
    const quoted = take(QUOTED);
    if (quoted !== undefined) {
      push('quoted', quoted, quoted.slice(1, -1));
      continue;
    }
    const previous = tokens[tokens.length - 1];
    const priority = previous?.text === 'set' && tokens[tokens.length - 2]?.text === 'priority' ? take(CLASSID) : undefined;
    const address = priority ?? take(MAC) ?? take(IP6) ?? take(IP4);
    if (address !== undefined) {
      push('address', address, address);
      continue;
    }
    const time = take(TIME);
    if (time !== undefined) {
      push('time', time, time);
      continue;
    }
    const number = take(NUMBER);
    if (number !== undefined) {
      push('number', number, number);
      continue;
    }
    if (take(DOT) === undefined) {
      const word = take(STRING);
      if (word !== undefined) {
        push('string', word, word.replace('\\*', '*'));
        continue;
      }
    }
    const punct = take(PUNCT);
    if (punct === undefined) throw new NftError('syntax error, unexpected junk', { start: at, end: at + 1 });
    push('punct', punct, punct);
  }
  tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
  return tokens;
}

const WORDY = new Set(['{', '}', '(', ')', '[', ']', '.', '/', '@', '$', '=', '+', '*']);

/** How bison's messages name a token. */
export function tokenName(token: Token, keyword: boolean): string {
  if (token.kind === 'end') return 'end of file';
  if (token.kind === 'newline') return 'newline';
  if (token.kind === 'quoted') return 'quoted string';
  if (token.kind === 'number') return 'number';
  if (token.kind === 'address' || token.kind === 'time') return 'string';
  if (token.kind === 'string') return token.text.endsWith('*') ? 'string with a trailing asterisk' : keyword ? token.text : 'string';
  if (token.text === ';') return 'semicolon';
  if (token.text === ':') return 'colon';
  if (token.text === ',') return 'comma';
  if (WORDY.has(token.text)) return /^[{}()[\]]$/.test(token.text) ? `'${token.text}'` : token.text;
  return token.text;
}
