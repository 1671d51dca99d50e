/** Colours YAML well enough to be read before (or without) Monaco: keys, values, numbers, comments, per line. */

export type TokenKind = 'key' | 'string' | 'number' | 'comment' | 'plain';
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** Lines beyond this length are shown plain. */
const MAX_LINE = 1_000;
const keyPattern = /^(\s*(?:- )*)([^\s#'"{}[\],&*!|>%@`-][^#:'"{}[\]]*?|'[^']*'|"[^"]*")(:)(?=\s|$)/;
const numberPattern = /^[+-]?(?:\d[\d_]*(?:\.\d+)?|0x[0-9a-fA-F]+|true|false|null|~)$/;

function valueTokens(text: string): Token[] {
  const comment = /(^|\s)#.*$/.exec(text);
  const body = comment === null ? text : text.slice(0, comment.index + (comment[1]?.length ?? 0));
  const tokens: Token[] = [];
  const words = /[{}[\],]+|[^{}[\],]+/g;
  for (const match of body.matchAll(words)) {
    const word = match[0];
    const trimmed = word.trim();
    const inner = /^(\s*)([^:'"\s][^:'"]*)(:)(\s.*)$/.exec(word);
    if (inner !== null && /[{,]/.test(body.slice(0, match.index))) {
      tokens.push({ kind: 'plain', text: inner[1] ?? '' }, { kind: 'key', text: inner[2] ?? '' }, { kind: 'plain', text: ':' }, ...valueTokens(inner[4] ?? ''));
    } else if (trimmed === '' || /^[{}[\],]+$/.test(word) || trimmed === '-' || trimmed === '---') tokens.push({ kind: 'plain', text: word });
    else tokens.push({ kind: numberPattern.test(trimmed) ? 'number' : 'string', text: word });
  }
  if (comment !== null) tokens.push({ kind: 'comment', text: text.slice(body.length) });
  return tokens;
}

/** Together the tokens are the line. */
export function highlightLine(line: string): readonly Token[] {
  if (line.length > MAX_LINE) return [{ kind: 'plain', text: line }];
  const key = keyPattern.exec(line);
  const tokens: Token[] =
    key === null
      ? valueTokens(line)
      : [{ kind: 'plain', text: key[1] ?? '' }, { kind: 'key', text: key[2] ?? '' }, { kind: 'plain', text: ':' }, ...valueTokens(line.slice(key[0].length))];
  return tokens.filter((token) => token.text !== '');
}
