/** The script of sed (POSIX XCU sed, and GNU's extensions that people type). */

export type Address =
  | { readonly kind: 'line'; readonly line: number }
  | { readonly kind: 'last' }
  /** `first~step` */
  | { readonly kind: 'step'; readonly first: number; readonly step: number }
  /** `+N`, only as the second address. */
  | { readonly kind: 'more'; readonly lines: number }
  | { readonly kind: 'pattern'; readonly pattern: string; readonly ignoreCase: boolean };

export interface SedCommand {
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly negated: boolean;
  /** `{` jumps behind its `}` (index in `target`) when it is not selected; `}` and `:` do nothing. */
  readonly name: string;
  readonly pattern: string;
  readonly replacement: string;
  readonly flags: string;
  /** Text of a, i, c; label of b, t, T; file of w, r; exit code of q, Q. */
  readonly text: string;
  target: number;
}

export function parseSed(script: string): { readonly commands: readonly SedCommand[] } | { readonly error: string } {
  const commands: SedCommand[] = [];
  const open: number[] = [];
  let at = 0;
  const fail = (what: string) => ({ error: `-e expression #1, char ${at}: ${what}` });
  const skip = (characters: string): void => {
    while (at < script.length && characters.includes(script[at] ?? '')) at += 1;
  };
  const until = (delimiter: string): string | undefined => {
    let text = '';
    let brackets = false;
    while (at < script.length) {
      const c = script[at] ?? '';
      if (c === delimiter && !brackets) {
        at += 1;
        return text;
      }
      if (c === '\\') {
        const next = script[at + 1] ?? '';
        text += next === delimiter && delimiter !== '&' ? delimiter : c + next;
        at += 2;
      } else {
        if (c === '[' && !brackets) brackets = script.indexOf(']', at + 2) > 0 && delimiter !== '[';
        else if (c === ']') brackets = false;
        text += c;
        at += 1;
      }
    }
    return undefined;
  };
  const restOfLine = (): string => {
    const end = script.indexOf('\n', at);
    const text = script.slice(at, end < 0 ? script.length : end);
    at = end < 0 ? script.length : end;
    return text;
  };
  const address = (second: boolean): Address | undefined | 'bad' => {
    const digits = /^\d+/.exec(script.slice(at, at + 20))?.[0];
    if (digits !== undefined) {
      at += digits.length;
      const step = /^~(\d+)/.exec(script.slice(at, at + 20));
      if (step === null) return { kind: 'line', line: Number(digits) };
      at += step[0].length;
      return { kind: 'step', first: Number(digits), step: Number(step[1]) };
    }
    const more = second ? /^\+(\d+)/.exec(script.slice(at, at + 20)) : null;
    if (more !== null) {
      at += more[0].length;
      return { kind: 'more', lines: Number(more[1]) };
    }
    if (script[at] === '$') {
      at += 1;
      return { kind: 'last' };
    }
    if (script[at] !== '/' && script[at] !== '\\') return undefined;
    if (script[at] === '\\') at += 1;
    const delimiter = script[at] ?? '/';
    at += 1;
    const pattern = until(delimiter);
    if (pattern === undefined) return 'bad';
    const ignoreCase = script[at] === 'I';
    if (ignoreCase) at += 1;
    return { kind: 'pattern', pattern, ignoreCase };
  };

  for (;;) {
    skip(' \t\n;');
    if (at >= script.length) break;
    if (script[at] === '#') {
      restOfLine();
      continue;
    }
    const from = address(false);
    if (from === 'bad') return fail('unterminated address regex');
    let to: Address | undefined;
    skip(' ');
    if (from !== undefined && script[at] === ',') {
      at += 1;
      skip(' ');
      const end = address(true);
      if (end === 'bad' || end === undefined) return fail("unexpected `,'");
      to = end;
    }
    skip(' ');
    const negated = script[at] === '!';
    while (script[at] === '!' || (negated && script[at] === ' ')) at += 1;
    const name = script[at] ?? '';
    at += 1;
    if (name === '') return fail('missing command');
    let [pattern, replacement, flags, text] = ['', '', '', ''];
    if (name === 's' || name === 'y') {
      const delimiter = script[at] ?? '';
      at += 1;
      const first = delimiter === '' ? undefined : until(delimiter);
      const second = first === undefined ? undefined : untilPlain(delimiter);
      if (first === undefined || second === undefined) return fail(`unterminated \`${name}' command`);
      pattern = first;
      replacement = second;
      flags = name === 's' ? (/^[gpiIemM0-9]*/.exec(script.slice(at, at + 20))?.[0] ?? '') : '';
      at += flags.length;
      if (name === 's' && script[at] === 'w') {
        at += 1;
        skip(' ');
        text = restOfLine();
        flags += 'w';
      }
      if (name === 'y' && [...unescapePlain(pattern)].length !== [...unescapePlain(replacement)].length)
        return fail("strings for `y' command are different lengths");
      if (script[at] !== undefined && !/[\s;}#]/.test(script[at] ?? '')) return fail(`unknown option to \`${name}'`);
    } else if ('aic'.includes(name)) {
      skip(' \t');
      if (script[at] === '\\') {
        at += 1;
        skip(' \t');
        if (script[at] === '\n') at += 1;
      }
      if (at >= script.length) return fail("expected \\ after `a', `c' or `i'");
      let line = restOfLine();
      while (line.endsWith('\\') && at < script.length) {
        at += 1;
        line = `${line.slice(0, -1)}\n${restOfLine()}`;
      }
      text = `${line.replace(/\\(.)/g, '$1')}\n`;
    } else if ('btT:'.includes(name)) {
      skip(' ');
      const label = /^[^;\n}]*/.exec(script.slice(at, at + 200))?.[0] ?? '';
      at += label.length;
      text = label.trim();
      if (name === ':' && text === '') return fail('":" lacks a label');
    } else if ('wr'.includes(name)) {
      skip(' ');
      text = restOfLine();
      if (text === '') return fail('missing filename in r/R/w/W commands');
    } else if ('qQl'.includes(name)) {
      skip(' ');
      text = /^\d*/.exec(script.slice(at, at + 10))?.[0] ?? '';
      at += text.length;
    } else if (name === '{') open.push(commands.length);
    else if (name === '}') {
      const start = open.pop();
      const opener = start === undefined ? undefined : commands[start];
      if (opener === undefined) return fail("unexpected `}'");
      opener.target = commands.length;
    } else if (!'dDpPnNhHgGx=zF'.includes(name)) return fail(`unknown command: \`${name}'`);
    skip(' \t');
    if (script[at] !== undefined && !'\n;}#'.includes(script[at] ?? '') && name !== '{' && name !== '}') return fail('extra characters after command');
    commands.push({ from, to, negated, name, pattern, replacement, flags, text, target: -1 });
  }
  if (open.length > 0) {
    at = 0;
    return fail("unmatched `{'");
  }
  for (const command of commands) {
    if (!'btT'.includes(command.name)) continue;
    command.target = command.text === '' ? commands.length : commands.findIndex((other) => other.name === ':' && other.text === command.text);
    if (command.target < 0) return { error: `-e expression #1, char ${script.length}: can't find label for jump to \`${command.text}'` };
  }
  return { commands };

  /** A replacement: brackets mean nothing in it. */
  function untilPlain(delimiter: string): string | undefined {
    let found = '';
    while (at < script.length) {
      const c = script[at] ?? '';
      at += 1;
      if (c === delimiter) return found;
      if (c !== '\\') {
        found += c;
        continue;
      }
      const next = script[at] ?? '';
      at += 1;
      found += next === delimiter && delimiter !== '&' ? delimiter : c + next;
    }
    return undefined;
  }
}

/** The characters of `y`. */
export function unescapePlain(text: string): string {
  return text.replace(/\\([\s\S])/g, (_, c: string) => ({ n: '\n', t: '\t' })[c] ?? c);
}
