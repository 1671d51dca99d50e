/** The common shape of text tools: options, then files or standard input, read line by line. */
import type { Command, Filter, FilterIo, Invocation, Outcome } from '../command.ts';
import { defineCommand } from '../command.ts';
import { getProfile } from '../images.ts';
import { resolvePath } from '../paths.ts';

export interface TextTool<S> {
  readonly name: string;
  readonly summary: string;
  /** Reads the arguments. `files` empty: standard input. An error has the tool's own words. */
  readonly parse: (argv: readonly string[], context: { readonly outTty: boolean }) => { readonly state: S; readonly files: readonly string[] } | ToolError;
  /** The files that are meant, when names of directories stand for what is in them. */
  readonly expand?: (state: S, files: readonly string[], invocation: Invocation) => readonly string[];
  /** Called before each named file. */
  readonly file?: (state: S, name: string, io: FilterIo) => void;
  /** Takes text; an exit code stops reading. */
  readonly data: (state: S, text: string, io: FilterIo) => number | undefined;
  /** Input has ended (once for standard input; after all files otherwise). */
  readonly end: (state: S, io: FilterIo) => Outcome;
  /** Exit code when a file is missing. */
  readonly missingStatus?: number;
}

export interface ToolError {
  readonly error: string;
  readonly exitCode: number;
}

export function defineTextTool<S>(tool: TextTool<S>): { readonly command: Command; readonly filter: Filter } {
  const filter: Filter = { data: tool.data, end: tool.end };
  const command = defineCommand({
    name: tool.name,
    summary: tool.summary,
    group: 'text',
    run: (invocation) => {
      const parsed = tool.parse(invocation.argv, invocation);
      if ('error' in parsed) {
        invocation.err(parsed.error);
        return parsed.exitCode;
      }
      const files = tool.expand?.(parsed.state, parsed.files, invocation) ?? parsed.files;
      if (files.length === 0 || (files.length === 1 && files[0] === '-')) return { kind: 'filter', filter: tool.name, state: parsed.state };
      const io: FilterIo = { out: invocation.out, err: invocation.err, invocation: () => invocation };
      let status = 0;
      for (const name of files) {
        const path = resolvePath(invocation.cwd, name);
        const text = invocation.shell.readFile(invocation.place, path);
        if (text === undefined) {
          const isDirectory = path === '/' || invocation.shell.filePaths(invocation.place).some((other) => other.startsWith(`${path}/`));
          invocation.err(
            isDirectory
              ? `${tool.name}: ${tool.name === 'cat' || tool.name === 'grep' ? '' : 'error reading '}${tool.name === 'cat' || tool.name === 'grep' ? name : `'${name}'`}: Is a directory\n`
              : `${tool.name}: ${notFound(tool.name, name, getProfile(invocation.place.profile).busybox)}: No such file or directory\n`,
          );
          status = tool.missingStatus ?? 1;
          continue;
        }
        tool.file?.(parsed.state, name, io);
        const stopped = tool.data(parsed.state, text, io);
        if (stopped !== undefined) return stopped;
      }
      const outcome = tool.end(parsed.state, io);
      return typeof outcome === 'number' ? Math.max(outcome, status) : outcome;
    },
  });
  return { command, filter };
}

function notFound(tool: string, name: string, busybox: boolean): string {
  if (busybox) return tool === 'cat' || tool === 'tail' || tool === 'uniq' ? `can't open '${name}'` : name;
  return tool === 'head' || tool === 'tail'
    ? `cannot open '${name}' for reading`
    : tool === 'sort'
      ? `cannot read: ${name}`
      : tool === 'sed'
        ? `can't read ${name}`
        : name;
}

/** Whole lines of what came so far, without their newlines; the rest waits in `partial`. */
export function takeLines(state: { partial: string }, text: string): string[] {
  const lines = (state.partial + text).split('\n');
  state.partial = lines.pop() ?? '';
  return lines;
}

/** The last line, when it had no newline. */
export function takeRest(state: { partial: string }): string[] {
  const rest = state.partial;
  state.partial = '';
  return rest === '' ? [] : [rest];
}

/** Splits `-abc` and `-n 3` into options; unknown letters are an error in the style of GNU tools. */
export function parseShort(
  tool: string,
  argv: readonly string[],
  flags: string,
  valued: string,
): { readonly options: ReadonlyMap<string, string>; readonly rest: readonly string[] } | ToolError {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    if (word === '--') {
      rest.push(...argv.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    for (let j = 1; j < word.length; j += 1) {
      const letter = word[j] ?? '';
      if (valued.includes(letter)) {
        const attached = word.slice(j + 1);
        const value = attached !== '' ? attached : argv[i + 1];
        if (value === undefined)
          return {
            error: `${tool}: option requires an argument -- '${letter}'\nTry '${tool} --help' for more information.\n`,
            exitCode: tool === 'grep' ? 2 : 1,
          };
        if (attached === '') i += 1;
        options.set(letter, value);
        break;
      }
      if (!flags.includes(letter)) {
        const bad = word.startsWith('--') ? `unrecognized option '${word}'` : `invalid option -- '${letter}'`;
        return { error: `${tool}: ${bad}\nTry '${tool} --help' for more information.\n`, exitCode: tool === 'grep' ? 2 : 1 };
      }
      options.set(letter, '');
    }
  }
  return { options, rest };
}
