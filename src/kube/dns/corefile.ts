/** The Corefile's syntax: server blocks of directives, as Caddy's parser reads them and with its words for what is wrong. Caddy v1: caddyfile/{lexer,parse,dispenser}.go. */

export interface Token {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** One line of a block with what stands in braces after it. */
export interface Directive {
  readonly name: string;
  readonly args: readonly Token[];
  readonly line: number;
  /** Lines inside `{ … }`, if there are any. */
  readonly block: readonly Directive[];
}

export interface ServerBlock {
  /** `.:53`, `example.org`, `dns://.:1053` */
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

/** A thrown syntax error would never leave this file: it becomes `problem`. */
export interface ParsedCorefile {
  readonly blocks: readonly ServerBlock[];
  /** What CoreDNS logs before it exits, and the line. */
  readonly problem?: { readonly message: string; readonly line: number };
}

/** CoreDNS: plugin.cfg. */
const DIRECTIVES = new Set(
  (
    'root metadata geoip cancel tls timeouts multisocket reload nsid bufsize bind debug trace ready health pprof prometheus errors log dnstap local dns64 acl any chaos ' +
    'loadbalance tsig cache rewrite header dnssec autopath minimal template transfer hosts route53 azure clouddns k8s_external kubernetes file auto secondary etcd loop ' +
    'forward grpc erratic whoami on sign view nomad'
  ).split(' '),
);
const MAX_TOKENS = 10_000;

class Refused extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Words separated by blanks; double quotes keep blanks together, `#` at a word's beginning starts a comment. */
function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length && tokens.length < MAX_TOKENS) {
    const character = text[at] as string;
    if (character === '\n') line += 1;
    if (/\s/.test(character)) {
      at += 1;
    } else if (character === '#') {
      while (at < text.length && text[at] !== '\n') at += 1;
    } else if (character === '"') {
      const start = line;
      let word = '';
      at += 1;
      while (at < text.length && text[at] !== '"') {
        if (text[at] === '\\' && text[at + 1] === '"') at += 1;
        if (text[at] === '\n') line += 1;
        word += text[at];
        at += 1;
      }
      at += 1;
      tokens.push({ text: word, line: start });
    } else {
      let word = '';
      while (at < text.length && !/\s/.test(text[at] as string)) {
        word += text[at];
        at += 1;
      }
      tokens.push({ text: word, line });
    }
  }
  return tokens;
}

class Parser {
  readonly #file: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(file: string, tokens: readonly Token[]) {
    this.#file = file;
    this.#tokens = tokens;
  }

  get #token(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #is(text: string): boolean {
    return this.#tokens[this.#at]?.text === text;
  }

  refuse(message: string, line = this.#token?.line ?? this.#tokens.at(-1)?.line ?? 1): never {
    throw new Refused(`${this.#file}:${line} - Error during parsing: ${message}`, line);
  }

  #unexpected(expected: string): never {
    const token = this.#token ?? this.#tokens.at(-1);
    throw new Refused(`${this.#file}:${token?.line ?? 1} - Syntax error: Unexpected token '${token?.text ?? ''}', expecting '${expected}'`, token?.line ?? 1);
  }

  blocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#token !== undefined) blocks.push(this.#block());
    return blocks;
  }

  #block(): ServerBlock {
    const keys = this.#keys();
    // Without braces the rest of the file is one block.
    const braced = this.#is('{');
    if (braced) this.#at += 1;
    const directives: Directive[] = [];
    while (this.#token !== undefined && !this.#is('}')) {
      const directive = this.#directive(0);
      if (!DIRECTIVES.has(directive.name)) this.refuse(`Unknown directive '${directive.name}'`, directive.line);
      directives.push(directive);
    }
    if (braced) {
      if (this.#token === undefined) this.#unexpected('}');
      this.#at += 1;
    } else if (this.#token !== undefined) {
      this.refuse("Unexpected '}' because no matching opening brace");
    }
    return { keys, directives };
  }

  #keys(): Token[] {
    const keys: Token[] = [];
    const line = this.#token?.line ?? 1;
    let another = false;
    while (this.#token !== undefined) {
      const token = this.#token;
      if (token.text === '{') {
        if (another) this.refuse(`Expected another address but had '${token.text}' - check for extra comma`);
        break;
      }
      if (token.line !== line && !another) break;
      another = token.text.endsWith(',');
      const key = another ? token.text.slice(0, -1) : token.text;
      if (key !== '') keys.push({ text: key, line: token.line });
      this.#at += 1;
    }
    if (this.#token === undefined && another) this.refuse('Unexpected EOF');
    return keys;
  }

  #directive(depth: number): Directive {
    const first = this.#token;
    if (first === undefined || depth > 8) return this.refuse('Unexpected EOF');
    this.#at += 1;
    const args: Token[] = [];
    while (this.#token !== undefined && this.#token.line === first.line && !this.#is('{') && !this.#is('}')) {
      args.push(this.#token);
      this.#at += 1;
    }
    const block: Directive[] = [];
    if (this.#is('{') && this.#token?.line === first.line) {
      this.#at += 1;
      while (this.#token !== undefined && !this.#is('}')) block.push(this.#directive(depth + 1));
      if (this.#token === undefined) this.refuse('Unexpected EOF');
      this.#at += 1;
    }
    return { name: first.text, args, line: first.line, block };
  }
}

/** `file` is the name that messages give: `/etc/coredns/Corefile`. */
export function parseCorefile(file: string, text: string): ParsedCorefile {
  const parser = new Parser(file, tokenize(text));
  try {
    return { blocks: parser.blocks() };
  } catch (error) {
    if (error instanceof Refused) return { blocks: [], problem: { message: error.message, line: error.line } };
    throw error;
  }
}
