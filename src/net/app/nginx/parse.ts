/** The text of nginx' configuration files as directives, in its own words where it is wrong. nginx: src/core/ngx_conf_file.c. */

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly file: string;
  readonly line: number;
  /** Of directives that open a block. */
  readonly block?: readonly Directive[];
}

/** What nginx says at level emerg, without `nginx: [emerg] `; it does not start then. */
export class NginxConfigError extends Error {}

interface Token {
  readonly text: string;
  readonly line: number;
  /** Quoted: never a brace or a semicolon. */
  readonly quoted: boolean;
}

const MAX_DIRECTIVES = 20_000;
const MAX_DEPTH = 32;

const ESCAPED: Readonly<Record<string, string>> = { '"': '"', "'": "'", '\\': '\\', t: '\t', r: '\r', n: '\n' };

/** A character, and how many of the text it takes: a backslash stays before what it does not escape. */
function characterAt(text: string, at: number): readonly [character: string, length: number] {
  const c = text[at] as string;
  if (c !== '\\' || at + 1 >= text.length) return [c, 1];
  const next = text[at + 1] as string;
  return [ESCAPED[next] ?? c + next, 2];
}

function tokensOf(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (let i = 0; i < text.length; ) {
    const c = text[i] as string;
    if (c === '\n') line += 1;
    if (/\s/.test(c)) {
      i += 1;
    } else if (c === '#') {
      while (i < text.length && text[i] !== '\n') i += 1;
    } else if (c === '{' || c === '}' || c === ';') {
      tokens.push({ text: c, line, quoted: false });
      i += 1;
    } else if (c === '"' || c === "'") {
      const begin = line;
      let value = '';
      i += 1;
      while (i < text.length && text[i] !== c) {
        if (text[i] === '\n') line += 1;
        const [added, length] = characterAt(text, i);
        value += added;
        i += length;
      }
      if (i >= text.length) throw new NginxConfigError(`unexpected end of file, expecting ";" or "}" in ${file}:${line}`);
      i += 1;
      tokens.push({ text: value, line: begin, quoted: true });
    } else {
      let value = '';
      while (i < text.length && !/[\s;{]/.test(text[i] as string)) {
        // `${name}` is a variable, not a block.
        if (text[i] === '$' && text[i + 1] === '{') {
          const end = text.slice(i).search(/[\s;}]/) + i;
          if (text[end] !== '}')
            throw new NginxConfigError(`the closing bracket in "${text.slice(i + 2, Math.max(i, end))}" variable is missing in ${file}:${line}`);
          value += text.slice(i, end + 1);
          i = end + 1;
          continue;
        }
        const [added, length] = characterAt(text, i);
        value += added;
        i += length;
      }
      tokens.push({ text: value, line, quoted: false });
    }
    if (tokens.length > 4 * MAX_DIRECTIVES) throw new NginxConfigError(`too many directives in ${file}:${line}`);
  }
  return tokens;
}

/** @throws {NginxConfigError} */
export function parseNginx(text: string, file: string): readonly Directive[] {
  const tokens = tokensOf(text, file);
  const lastLine = tokens.at(-1)?.line ?? 1;
  let at = 0;
  const block = (depth: number): Directive[] => {
    if (depth > MAX_DEPTH) throw new NginxConfigError(`blocks are nested too deeply in ${file}:${tokens[at]?.line ?? lastLine}`);
    const directives: Directive[] = [];
    for (;;) {
      const first = tokens[at];
      if (first === undefined) {
        if (depth === 0) return directives;
        throw new NginxConfigError(`unexpected end of file, expecting "}" in ${file}:${text.split('\n').length}`);
      }
      if (!first.quoted && first.text === '}') {
        if (depth === 0) throw new NginxConfigError(`unexpected "}" in ${file}:${first.line}`);
        at += 1;
        return directives;
      }
      if (!first.quoted && (first.text === ';' || first.text === '{')) throw new NginxConfigError(`unexpected "${first.text}" in ${file}:${first.line}`);
      directives.push(directive(depth));
    }
  };
  const directive = (depth: number): Directive => {
    const words: string[] = [];
    const { line } = tokens[at] as Token;
    for (;;) {
      const token = tokens[at];
      if (token === undefined) throw new NginxConfigError(`unexpected end of file, expecting ";" or "}" in ${file}:${text.split('\n').length}`);
      at += 1;
      if (!token.quoted && token.text === ';') break;
      if (!token.quoted && token.text === '{') {
        const [name = '', ...args] = words;
        return { name, args, file, line, block: block(depth + 1) };
      }
      if (!token.quoted && token.text === '}') throw new NginxConfigError(`unexpected "}" in ${file}:${token.line}`);
      words.push(token.text);
    }
    const [name = '', ...args] = words;
    return { name, args, file, line };
  };
  return block(0);
}
