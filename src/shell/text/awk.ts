/** awk as a command: -F, -v, -f, programs that only have BEGIN, output to files and commands. */
import { defineCommand, type FilterIo, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { freezeTree } from '../syntax/ast.ts';
import { parseScript } from '../syntax/parser.ts';
import { AwkError } from './awk/ast.ts';
import { parseAwk } from './awk/parse.ts';
import { AwkRun, type AwkState } from './awk/run.ts';
import { unescapeAwk } from './awk/scan.ts';
import { fromInput } from './awk/values.ts';
import { defineTextTool, takeLines, takeRest } from './tool.ts';

/** Runs a part of the program; what goes wrong ends it with exit code 2. */
function guarded(state: AwkState, io: FilterIo, run: (awk: AwkRun) => void): boolean {
  try {
    run(new AwkRun(state, io));
    return true;
  } catch (error) {
    if (!(error instanceof AwkError)) throw error;
    io.err(`awk: ${error.message}\n`);
    state.exit = 2;
    state.status = 2;
    return false;
  }
}

/** Lines, or records of another separator, of which only whole ones are taken before the end. */
function takeRecords(state: AwkState, text: string): string[] {
  const separator = String(state.variables.get('RS') ?? '\n');
  if (separator === '\n') return takeLines(state, text);
  state.partial += text;
  return [];
}

function restOfRecords(state: AwkState): string[] {
  const separator = String(state.variables.get('RS') ?? '\n');
  if (separator === '\n') return takeRest(state);
  const text = state.partial.replace(/\n+$/, '');
  state.partial = '';
  if (text === '') return [];
  return separator === '' ? text.replace(/^\n+/, '').split(/\n\n+/) : text.split(separator);
}

function finish(state: AwkState, io: FilterIo): Outcome {
  if (!state.begun) guarded(state, io, (awk) => awk.begin());
  for (const record of restOfRecords(state)) if (state.exit === undefined) guarded(state, io, (awk) => awk.record(record));
  if (state.status !== 2) guarded(state, io, (awk) => awk.finish());
  return runCommands(state, state.exit ?? 0);
}

/** `print | "sort"`: the commands run when the program has ended. */
function runCommands(state: AwkState, status: number): Outcome {
  if (state.commands.size === 0) return status;
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const script = [...state.commands].map(([command, text]) => `printf %s ${quote(text)} | { ${command}\n}`).join('\n');
  const parsed = parseScript(`${script}\n(exit ${status})`);
  return parsed.ok ? { kind: 'script', script: parsed.script, subshell: true } : 2;
}

const tool = defineTextTool<AwkState>({
  name: 'awk',
  summary: "a language for lines and fields: awk '/pattern/ {print $1, $3}' (-F, -v, -f)",
  missingStatus: 2,
  parse: (argv) => {
    const variables = new Map<string, ReturnType<typeof fromInput>>([
      ['FS', ' '],
      ['OFS', ' '],
      ['ORS', '\n'],
      ['RS', '\n'],
      ['SUBSEP', '\u001c'],
      ['CONVFMT', '%.6g'],
      ['OFMT', '%.6g'],
      ['NR', 0],
      ['FNR', 0],
      ['RSTART', 0],
      ['RLENGTH', -1],
      ['FILENAME', ''],
    ]);
    const rest: string[] = [];
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (rest.length > 0 || !word.startsWith('-') || word === '-') rest.push(word);
      else if (word === '--') rest.push(...queue.splice(0));
      else if (word.startsWith('-F')) {
        const separator = word.length > 2 ? word.slice(2) : (queue.shift() ?? ' ');
        variables.set('FS', separator === 't' ? '\t' : unescapeAwk(separator));
      } else if (word.startsWith('-v')) {
        const [name = '', ...value] = (word.length > 2 ? word.slice(2) : (queue.shift() ?? '')).split('=');
        variables.set(name, fromInput(unescapeAwk(value.join('='))));
      } else return { error: `awk: not an option: ${word}\n`, exitCode: 2 };
    }
    const text = rest.shift();
    if (text === undefined) return { error: "Usage: awk [-F value] [-v var=value] [--] 'program text' [file ...]\n", exitCode: 2 };
    try {
      const program = freezeTree(parseAwk(text));
      const state: AwkState = {
        program,
        variables,
        arrays: new Map(),
        open: new Map(),
        files: new Map(),
        commands: new Map(),
        line: '',
        fields: [],
        begun: false,
        partial: '',
        steps: 0,
        exit: undefined,
        status: 0,
      };
      return { state, files: rest };
    } catch (error) {
      if (error instanceof AwkError) return { error: `awk: ${error.message}\n`, exitCode: 2 };
      throw error;
    }
  },
  file: (state, name, io) => {
    if (!state.begun) guarded(state, io, (awk) => awk.begin());
    for (const record of restOfRecords(state)) if (state.exit === undefined) guarded(state, io, (awk) => awk.record(record));
    state.variables.set('FILENAME', name);
    state.variables.set('FNR', 0);
  },
  data: (state, text, io) => {
    if (!state.begun) guarded(state, io, (awk) => awk.begin());
    for (const record of takeRecords(state, text)) if (state.exit === undefined) guarded(state, io, (awk) => awk.record(record));
    // Without END there is nothing left to do after `exit`.
    if (state.exit === undefined || state.commands.size > 0 || state.program.rules.some((rule) => rule.when === 'END')) return undefined;
    return state.exit;
  },
  end: finish,
});

export const awk = {
  filter: tool.filter,
  command: defineCommand({
    ...tool.command,
    run: (invocation) => {
      const argv = [...invocation.argv];
      const at = argv.indexOf('-f');
      if (at >= 0 && !argv.slice(0, at).some((word, index) => !word.startsWith('-') && !['-v', '-F'].includes(argv[index - 1] ?? ''))) {
        const path = argv[at + 1] ?? '';
        const text = invocation.shell.readFile(invocation.place, resolvePath(invocation.cwd, path));
        if (text === undefined) {
          invocation.err(`awk: cannot open ${path} (No such file or directory)\n`);
          return 2;
        }
        argv.splice(at, 2, '--', text);
      }
      const outcome = tool.command.run({ ...invocation, argv });
      if (typeof outcome === 'number' || outcome.kind !== 'filter') return outcome;
      // A program of BEGIN alone does not wait for input.
      const state = outcome.state as AwkState;
      if (state.program.rules.some((rule) => rule.when !== 'BEGIN') || state.program.rules.length === 0) return outcome;
      guarded(state, { out: invocation.out, err: invocation.err, invocation: () => invocation }, (awkRun) => awkRun.begin());
      return runCommands(state, state.exit ?? 0);
    },
  }),
};
