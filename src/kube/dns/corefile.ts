/** The Corefile's syntax: server blocks of directives, snippets and imports, as Caddy's parser reads them and with its words for what is wrong. Caddy v1: caddyfile/{lexer,parse,dispenser}.go. */

export interface Token {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly file: string;
}

/** One line of a block with what stands in braces after it. */
export interface Directive {
  readonly name: string;
  readonly args: readonly Token[];
  readonly line: number;
  readonly file: string;
  /** Lines inside `{ … }`, if there are any. */
  readonly block: readonly Directive[];
  /** All of its words, braces too. */
  readonly tokens: readonly Token[];
}

export interface ServerBlock {
  /** `.:53`, `example.org`, `dns://.:1053` */
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

export interface CorefileProblem {
  readonly message: string;
  readonly line: number;
  /** The file cannot be read at all; otherwise it can, and is wrong. */
  readonly syntax: boolean;
}

/** A thrown syntax error would never leave this file: it becomes `problem`. */
export interface ParsedCorefile {
  readonly blocks: readonly ServerBlock[];
  /** What CoreDNS logs before it exits, and the line. */
  readonly problem?: CorefileProblem;
  /** What it logs and goes on. */
  readonly warnings: readonly string[];
}

export interface CorefileSurroundings {
  /** Text of the files that `import` may name, by path. */
  readonly files?: ReadonlyMap<string, string>;
  /** For `{$NAME}`. */
  readonly environment?: ReadonlyMap<string, string>;
}

/** CoreDNS: plugin.cfg, in the order in which plugins see a question. */
export const DIRECTIVES: readonly string[] = (
  'root metadata geoip cancel tls quic timeouts multisocket reload nsid bufsize bind debug trace ready health pprof prometheus errors log dnstap local dns64 acl any chaos ' +
  'loadbalance tsig cache rewrite header dnssec autopath minimal template transfer hosts route53 azure clouddns k8s_external kubernetes file auto secondary etcd loop ' +
  'forward grpc erratic whoami on sign view nomad'
).split(' ');
const KNOWN = new Set(DIRECTIVES);
const MAX_TOKENS = 10_000;
const MAX_IMPORTS = 100;

class Refused extends Error {
  readonly line: number;
  readonly syntax: boolean;
  constructor(message: string, line: number, syntax: boolean) {
    super(message);
    this.line = line;
    this.syntax = syntax;
  }
}

/** Words separated by blanks; double quotes keep blanks together, `#` at a word's beginning starts a comment. */
function tokenize(file: string, text: string, environment: ReadonlyMap<string, string>): Token[] {
  const tokens: Token[] = [];
  const put = (word: string, line: number) => {
    const filled = word.replace(/\{\$([^{}\s]{1,100})\}|\{%([^{}\s%]{1,100})%\}/g, (_whole, a?: string, b?: string) => environment.get(a ?? b ?? '') ?? '');
    tokens.push({ text: filled, line, file });
  };
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
      put(word, start);
    } else {
      let word = '';
      while (at < text.length && !/\s/.test(text[at] as string)) {
        word += text[at];
        at += 1;
      }
      put(word, line);
    }
  }
  return tokens;
}

/** `/etc/coredns/custom/*.override` against a path; stars stay inside a part of it. */
function fitsGlob(pattern: string, path: string): boolean {
  const parts = pattern.split('*');
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const found = i === 0 ? (path.startsWith(part) ? 0 : -1) : i === parts.length - 1 ? path.lastIndexOf(part) : path.indexOf(part, at);
    if (found < at || (i > 0 && path.slice(at, found).includes('/'))) return false;
    at = found + part.length;
  }
  return at === path.length;
}

class Parser {
  readonly #file: string;
  readonly #tokens: Token[];
  readonly #lenient: boolean;
  readonly #surroundings: CorefileSurroundings;
  readonly #snippets = new Map<string, readonly Token[]>();
  readonly warnings: string[] = [];
  #imports = 0;
  #at = 0;

  constructor(file: string, tokens: Token[], surroundings: CorefileSurroundings, lenient: boolean) {
    this.#file = file;
    this.#tokens = tokens;
    this.#surroundings = surroundings;
    this.#lenient = lenient;
  }

  get #token(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #is(text: string): boolean {
    return this.#tokens[this.#at]?.text === text;
  }

  #refuse(message: string, syntax: boolean, near = this.#token ?? this.#tokens.at(-1)): never {
    const line = near?.line ?? 1;
    throw new Refused(`${near?.file ?? this.#file}:${line} - Error during parsing: ${message}`, line, syntax);
  }

  #unexpected(expected: string): never {
    const token = this.#token ?? this.#tokens.at(-1);
    const line = token?.line ?? 1;
    throw new Refused(`${token?.file ?? this.#file}:${line} - Syntax error: Unexpected token '${token?.text ?? ''}', expecting '${expected}'`, line, true);
  }

  blocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#token !== undefined) {
      if (this.#import()) continue;
      const block = this.#block();
      if (block !== undefined) blocks.push(block);
    }
    return blocks;
  }

  /** Puts what an `import` names in its place. */
  #import(): boolean {
    const token = this.#token;
    const argument = this.#tokens[this.#at + 1];
    if (token?.text !== 'import') return false;
    if (argument === undefined || argument.line !== token.line) this.#refuse("Wrong argument count or unexpected line ending after 'import'", true);
    this.#imports += 1;
    if (this.#imports > MAX_IMPORTS) this.#refuse(`Too many imports: ${argument.text}`, true);
    const snippet = this.#snippets.get(argument.text);
    this.#tokens.splice(this.#at, 2, ...(snippet ?? this.#fileTokens(argument)));
    return true;
  }

  #fileTokens(argument: Token): readonly Token[] {
    const files = this.#surroundings.files ?? new Map<string, string>();
    const pattern = argument.text.startsWith('/') ? argument.text : `/etc/coredns/${argument.text}`;
    const paths = [...files.keys()].filter((path) => fitsGlob(pattern, path)).sort();
    if (paths.length === 0) {
      if (!/[*?[]/.test(argument.text)) this.#refuse(`File to import not found: ${argument.text}`, true, argument);
      this.warnings.push(`[WARNING] No files matching import glob pattern: ${argument.text}`);
    }
    return paths.flatMap((path) => tokenize(path, files.get(path) ?? '', this.#surroundings.environment ?? new Map()));
  }

  #block(): ServerBlock | undefined {
    const keys = this.#keys();
    const name = keys.length === 1 ? /^\((.{1,100})\)$/.exec(keys[0]?.text ?? '')?.[1] : undefined;
    if (name !== undefined) {
      this.#snippet(name);
      return undefined;
    }
    // Without braces the rest of the file is one block.
    const braced = this.#is('{');
    if (braced) this.#at += 1;
    const directives: Directive[] = [];
    while (this.#token !== undefined && !this.#is('}')) {
      if (this.#import()) continue;
      const directive = this.#directive(0);
      if (!KNOWN.has(directive.name)) {
        if (this.#lenient) continue;
        this.#refuse(`Unknown directive '${directive.name}'`, false, directive.tokens[0]);
      }
      directives.push(directive);
    }
    if (braced) {
      if (this.#token === undefined) this.#unexpected('}');
      this.#at += 1;
    } else if (this.#token !== undefined) {
      this.#refuse("Unexpected '}' because no matching opening brace", true);
    }
    return { keys, directives };
  }

  #snippet(name: string): void {
    if (!this.#is('{')) this.#unexpected('{');
    if (this.#snippets.has(name)) this.#refuse(`redeclaration of previously declared snippet ${name}`, true);
    this.#at += 1;
    const from = this.#at;
    for (let depth = 1; depth > 0; this.#at += 1) {
      if (this.#token === undefined) this.#unexpected('}');
      if (this.#is('{')) depth += 1;
      else if (this.#is('}')) depth -= 1;
    }
    this.#snippets.set(name, this.#tokens.slice(from, this.#at - 1));
  }

  #keys(): Token[] {
    const keys: Token[] = [];
    const line = this.#token?.line ?? 1;
    let another = false;
    while (this.#token !== undefined) {
      const token = this.#token;
      if (token.text === '{') {
        if (another) this.#refuse(`Expected another address but had '${token.text}' - check for extra comma`, true);
        break;
      }
      if (token.line !== line && !another) break;
      another = token.text.endsWith(',');
      const key = another ? token.text.slice(0, -1) : token.text;
      if (key !== '') keys.push({ text: key, line: token.line, file: token.file });
      this.#at += 1;
    }
    if (this.#token === undefined && another) this.#refuse('Unexpected EOF', true);
    return keys;
  }

  #directive(depth: number): Directive {
    const first = this.#token;
    if (first === undefined || depth > 8) return this.#refuse('Unexpected EOF', true);
    const from = this.#at;
    this.#at += 1;
    const args: Token[] = [];
    while (this.#token !== undefined && this.#token.line === first.line && this.#token.file === first.file && !this.#is('{') && !this.#is('}')) {
      args.push(this.#token);
      this.#at += 1;
    }
    const block: Directive[] = [];
    if (this.#is('{') && this.#token?.line === first.line) {
      this.#at += 1;
      while (this.#token !== undefined && !this.#is('}')) {
        if (this.#import()) continue;
        block.push(this.#directive(depth + 1));
      }
      if (this.#token === undefined) this.#refuse('Unexpected EOF', true);
      this.#at += 1;
    }
    return { name: first.text, args, line: first.line, file: first.file, block, tokens: this.#tokens.slice(from, this.#at) };
  }
}

/** `file` is the name that messages give: `/etc/coredns/Corefile`. `lenient` passes over directives that do not exist. */
export function parseCorefile(file: string, text: string, surroundings: CorefileSurroundings = {}, lenient = false): ParsedCorefile {
  const parser = new Parser(file, tokenize(file, text, surroundings.environment ?? new Map()), surroundings, lenient);
  try {
    return { blocks: parser.blocks(), warnings: parser.warnings };
  } catch (error) {
    if (error instanceof Refused) return { blocks: [], problem: { message: error.message, line: error.line, syntax: error.syntax }, warnings: parser.warnings };
    throw error;
  }
}

/** What the `reload` plugin takes the sum of. CoreDNS: plugin/reload/reload.go, parse; Go: encoding/json. */
export function corefileJson(blocks: readonly ServerBlock[]): string {
  const text = (value: string) =>
    JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  // Only what was imported knows where it came from.
  const main = blocks[0]?.keys[0]?.file;
  const fileOf = (one: Token) => (one.file === main ? '' : one.file.slice(one.file.lastIndexOf('/') + 1));
  const token = (one: Token) => `{"File":${text(fileOf(one))},"Line":${one.line},"Text":${text(one.text)}}`;
  const block = ({ keys, directives }: ServerBlock): string => {
    const byName = new Map<string, string[]>();
    for (const directive of directives) byName.set(directive.name, [...(byName.get(directive.name) ?? []), ...directive.tokens.map(token)]);
    const tokens = [...byName.keys()].sort().map((name) => `${text(name)}:[${(byName.get(name) ?? []).join()}]`);
    return `{"Keys":[${keys.map((key) => text(key.text)).join()}],"Tokens":{${tokens.join()}}}`;
  };
  return `[${blocks.map(block).join()}]`;
}
