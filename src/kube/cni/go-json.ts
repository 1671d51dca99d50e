/** JSON as Go's encoding/json reads it: the same texts are refused, with the same words. Go: encoding/json/scanner.go. */

export type GoJson = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** Deeper nesting is refused here; Go allows 10,000. */
const MAX_DEPTH = 100;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class Refused extends Error {}

/** Finds what Go's scanner would say; the values are JSON.parse's. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): void {
    this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #fail(context: string): never {
    if (this.#at >= this.#text.length) throw new Refused('unexpected end of JSON input');
    const character = this.#text[this.#at] as string;
    const shown = character === "'" ? "'\\''" : character === '"' ? `'"'` : `'${JSON.stringify(character).slice(1, -1)}'`;
    throw new Refused(`invalid character ${shown} ${context}`);
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #value(depth: number): void {
    if (depth > MAX_DEPTH) throw new Refused('exceeded max depth');
    this.#space();
    const character = this.#text[this.#at];
    if (character === '{') this.#object(depth);
    else if (character === '[') this.#array(depth);
    else if (character === '"') this.#string();
    else if (character === 't') this.#literal('true');
    else if (character === 'f') this.#literal('false');
    else if (character === 'n') this.#literal('null');
    else this.#number();
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) {
      const negative = this.#text[this.#at] === '-';
      if (negative) this.#at += 1;
      this.#fail(negative ? 'in numeric literal' : 'looking for beginning of value');
    }
    this.#at += match[0].length;
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i += 1) {
      if (this.#text[this.#at] !== word[i]) this.#fail(`in literal ${word} (expecting '${word[i]}')`);
      this.#at += 1;
    }
  }

  #string(): void {
    this.#at += 1;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < ' ') this.#fail('in string literal');
      this.#at += 1;
      if (character === '"') return;
      if (character !== '\\') continue;
      if (!/["\\/bfnrtu]/.test(this.#text[this.#at] ?? '')) this.#fail('in string escape code');
      const digits = this.#text[this.#at] === 'u' ? 4 : 0;
      this.#at += 1;
      for (let i = 0; i < digits; i += 1) {
        if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape');
        this.#at += 1;
      }
    }
  }

  #object(depth: number): void {
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
      this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') this.#fail('after object key');
      this.#at += 1;
      this.#value(depth + 1);
      this.#space();
      const character = this.#text[this.#at];
      if (character !== ',' && character !== '}') this.#fail('after object key:value pair');
      this.#at += 1;
      if (character === '}') return;
    }
  }

  #array(depth: number): void {
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#value(depth + 1);
      this.#space();
      const character = this.#text[this.#at];
      if (character !== ',' && character !== ']') this.#fail('after array element');
      this.#at += 1;
      if (character === ']') return;
    }
  }
}

export function parseGoJson(text: string): GoJson {
  try {
    new Scanner(text).whole();
  } catch (error) {
    if (error instanceof Refused) return { ok: false, message: error.message };
    throw error;
  }
  return { ok: true, value: JSON.parse(text) as unknown };
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Go matches keys without regard to case, the exact one first. */
export function fieldOf(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const key = Object.keys(object).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}

/** Go's name for the type of a JSON value, in "cannot unmarshal number into Go value of type …". */
export function goTypeName(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
}
