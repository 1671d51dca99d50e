/** jq: takes JSON apart and puts it together. */
import type { Invocation, Outcome } from '../command.ts';
import { type Ast, JqError, JqSyntaxError, type Json } from './jq/ast.ts';
import { type Budget, Limit } from './jq/budget.ts';
import { reviveJson } from './jq/builtins.ts';
import { evaluate, type Scope } from './jq/evaluate.ts';
import { parseJq } from './jq/parse.ts';
import { emptyObject, type PrintOptions, toJson } from './jq/values.ts';
import { defineTextTool, type TextTool } from './tool.ts';

interface JqState {
  readonly program: string;
  readonly print: PrintOptions;
  readonly raw: boolean;
  readonly join: boolean;
  readonly slurp: boolean;
  readonly noInput: boolean;
  readonly rawInput: boolean;
  readonly exitStatus: boolean;
  readonly named: readonly (readonly [string, Json])[];
  readonly positional: readonly string[];
  text: string;
}

const USAGE =
  'Usage:\tjq [OPTIONS] FILTER [FILES...]\n\tjq [OPTIONS] --args FILTER [ARGUMENTS...]\n\nOptions: -c -r -j -a -S -s -n -e -R --tab --indent N --arg NAME VALUE --argjson NAME JSON\n';

const flags: Readonly<Record<string, string>> = {
  '--compact-output': 'c',
  '--raw-output': 'r',
  '--join-output': 'j',
  '--ascii-output': 'a',
  '--sort-keys': 'S',
  '--slurp': 's',
  '--null-input': 'n',
  '--exit-status': 'e',
  '--raw-input': 'R',
  '--monochrome-output': 'M',
  '--color-output': 'C',
};

/** Values one after the other, as jq reads its input. The error is jq's, with what was read before it. */
function readAll(text: string): { readonly values: Json[]; readonly error: string | undefined } {
  const values: Json[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at] as string)) at += 1;
    if (at >= text.length) return { values, error: undefined };
    const end = endOfValue(text, at);
    const part = text.slice(at, end ?? text.length);
    try {
      values.push(reviveJson(part));
    } catch {
      const before = text.slice(0, end ?? text.length);
      const line = before.split('\n').length;
      const column = before.length - before.lastIndexOf('\n') - 1;
      return {
        values,
        error: end === undefined ? `Unfinished JSON term at EOF at line ${line}, column ${column}` : `Invalid literal at line ${line}, column ${column}`,
      };
    }
    at = end ?? text.length;
  }
}

/** Where the value that begins here ends; undefined when the text ends first. */
function endOfValue(text: string, start: number): number | undefined {
  const first = text[start] as string;
  if (first !== '{' && first !== '[' && first !== '"') {
    const word = /^[^\s,[\]{}":]+/.exec(text.slice(start, start + 4096));
    return start + (word?.[0].length ?? 1);
  }
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i += 1) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    if (!inString && depth === 0) return i + 1;
  }
  return undefined;
}

function compileError(program: string, error: JqSyntaxError | JqError): string {
  const hint = error instanceof JqSyntaxError ? ' (Unix shell quoting issues?)' : '';
  return `jq: error: ${error.message}${hint} at <top-level>, line 1:\n${program}\njq: 1 compile error\n`;
}

/** Names that the program calls and nobody defines are an error before anything runs: a run over nothing finds them in most programs. */
function isUndefined(error: JqError): boolean {
  return typeof error.value === 'string' && / is not defined$/.test(error.value);
}

const tool: TextTool<JqState> = {
  name: 'jq',
  summary: "takes JSON apart: kubectl get pods -o json | jq -r '.items[].metadata.name'",
  parse: (argv) => {
    const set = new Set<string>();
    const named: (readonly [string, Json])[] = [];
    const words: string[] = [];
    let indent = 2;
    let positional: string[] | undefined;
    for (let i = 0; i < argv.length; i += 1) {
      const word = argv[i] as string;
      const long = flags[word];
      if (long !== undefined) set.add(long);
      else if (word === '--tab') set.add('tab');
      else if (word === '--indent') {
        i += 1;
        indent = Math.min(Math.max(Number(argv[i] ?? 2) || 0, 0), 7);
      } else if (word === '--arg' || word === '--argjson') {
        const [name, value] = [argv[i + 1], argv[i + 2]];
        if (name === undefined || value === undefined)
          return {
            error: `jq: ${word} takes two parameters (e.g. ${word} varname ${word === '--arg' ? 'value' : 'text'})\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://stedolan.github.io/jq\n`,
            exitCode: 2,
          };
        try {
          named.push([name, word === '--arg' ? value : reviveJson(value)]);
        } catch {
          return {
            error: `jq: Invalid JSON text passed to --argjson\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://stedolan.github.io/jq\n`,
            exitCode: 2,
          };
        }
        i += 2;
      } else if (word === '--args') positional = [];
      else if (/^-[a-zA-Z]+$/.test(word)) {
        for (const letter of word.slice(1)) {
          if (!'crjaSsneRMC'.includes(letter)) return { error: `jq: Unknown arguments\n${USAGE}`, exitCode: 2 };
          set.add(letter);
        }
      } else if (word.startsWith('--')) return { error: `jq: Unknown arguments\n${USAGE}`, exitCode: 2 };
      else if (positional !== undefined && words.length > 0) positional.push(word);
      else words.push(word);
    }
    const [program, ...files] = words;
    if (program === undefined) return { error: `jq - commandline JSON processor [version 1.6]\n\n${USAGE}`, exitCode: 2 };
    try {
      parseJq(program);
    } catch (error) {
      if (error instanceof JqSyntaxError) return { error: compileError(program, error), exitCode: 3 };
      throw error;
    }
    return {
      state: {
        program,
        print: { indent: set.has('c') ? 0 : indent, tab: set.has('tab') && !set.has('c'), sortKeys: set.has('S'), ascii: set.has('a') },
        raw: set.has('r') || set.has('j'),
        join: set.has('j'),
        slurp: set.has('s'),
        noInput: set.has('n'),
        rawInput: set.has('R'),
        exitStatus: set.has('e'),
        named,
        positional: positional ?? [],
        text: '',
      },
      files: set.has('n') && files.length === 0 ? [] : files,
    };
  },
  data: (state, text) => {
    state.text += text;
    return undefined;
  },
  end: (state, io) => {
    const program = parseJq(state.program);
    const read = state.rawInput
      ? {
          values: state.slurp
            ? [state.text]
            : state.text
                .replace(/\n$/, '')
                .split('\n')
                .filter((line, _i, all) => all.length > 1 || line !== ''),
          error: undefined,
        }
      : readAll(state.text);
    const inputs: Json[] = state.slurp && !state.rawInput ? [read.values] : [...read.values];
    let scope: Scope | undefined;
    const bind = (name: string, value: Json): void => {
      scope = { kind: 'variable', name, value, parent: scope };
    };
    for (const [name, value] of state.named) bind(name, value);
    bind('__prog_args', [...state.positional]);
    bind(
      'ARGS',
      Object.assign(emptyObject(), { positional: [...state.positional], named: Object.assign(emptyObject(), Object.fromEntries(state.named)) }) as Json,
    );
    bind('ENV', Object.assign(emptyObject(), Object.fromEntries(io.invocation().environment)) as Json);
    const budget: Budget = { steps: 0, depth: 0, inputs };
    let status = 0;
    let lastValue: Json | undefined;
    const runOn = (input: Json): boolean => {
      try {
        budget.depth = 0;
        for (const { value } of evaluate(program as Ast, scope, { value: input, path: undefined }, budget)) {
          lastValue = value;
          const text = state.raw && typeof value === 'string' ? value : toJson(value, state.print);
          io.out(state.join ? text : `${text}\n`);
        }
      } catch (error) {
        if (error instanceof Limit) {
          io.err(`jq: error: ${error.message}\n`);
          status = 5;
          return false;
        }
        if (!(error instanceof JqError)) throw error;
        if (isUndefined(error)) {
          io.err(compileError(state.program, error));
          status = 3;
          return false;
        }
        const value = error.value;
        io.err(
          typeof value === 'string'
            ? `jq: error (at <stdin>:${state.noInput ? 0 : state.text.split('\n').length - 1}): ${value}\n`
            : `jq: error (at <stdin>:0) (not a string): ${toJson(value)}\n`,
        );
        status = 5;
      }
      return true;
    };
    if (state.noInput) runOn(null);
    else for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) if (!runOn(next)) break;
    if (read.error !== undefined && !state.noInput && status !== 3) {
      io.err(`parse error: ${read.error}\n`);
      status = 2;
    }
    if (status === 0 && state.exitStatus) return lastValue === undefined ? 4 : lastValue === null || lastValue === false ? 1 : 0;
    return status;
  },
};

const jqTool = defineTextTool(tool);

/** With -n and nothing that asks for input, jq does not wait for its standard input. */
function runJq(invocation: Invocation): Outcome {
  const parsed = tool.parse(invocation.argv, invocation);
  if ('error' in parsed || !parsed.state.noInput || parsed.files.length > 0 || /\binputs?\b/.test(parsed.state.program)) return jqTool.command.run(invocation);
  return tool.end(parsed.state, { out: invocation.out, err: invocation.err, invocation: () => invocation });
}

export const jq = { command: { ...jqTool.command, run: runJq }, filter: jqTool.filter };
