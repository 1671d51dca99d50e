/** iptables-restore: blocks of tables, each applied as a whole or not at all. Linux: iptables, iptables/xtables-restore.c */
import type { TableName } from '../../trace-event.ts';
import type { Family } from '../definition.ts';
import { splitArguments } from '../text.ts';
import { applyCommand, type Failure, type FindSet } from './apply.ts';
import { type Command, chainNameError, formatCommandError, isBuiltin, kernelError, parseCommand, TABLES, VERSION } from './parse.ts';
import { type EditChain, TableEdit } from './tables.ts';

export interface RestoreOptions {
  readonly family: Family;
  /** `iptables-restore`, as it calls itself. */
  readonly program: string;
  /** -n: chains that the text does not name keep their rules. */
  readonly noflush: boolean;
  /** -c: counters in brackets count. */
  readonly counters: boolean;
  /** -t: read, but write nothing. */
  readonly test: boolean;
  readonly verbose: boolean;
  /** -T: only this table. */
  readonly table: string | undefined;
}

export interface Restored {
  readonly out: string;
  readonly err: string;
  readonly exitCode: number;
  /** Tables whose blocks were committed, as they are now; later blocks of one table build on earlier ones. */
  readonly tables: readonly TableEdit[];
  /** Where the first mistake is: the line, and from 1 the column of the word that is wrong. */
  readonly at?: { readonly line: number; readonly column: number };
}

const MAX_LINES = 1_000_000;
/** Longest word of a line (XT_MAX_PARAM). */
const MAX_WORD = 1023;

interface Block {
  readonly edit: TableEdit;
  /** Commands that put rules, by line: what the kernel is asked about at the end. */
  readonly written: { readonly line: number; readonly command: Command }[];
}

class Stop extends Error {
  readonly err: string;
  readonly exitCode: number;
  readonly line: number;
  readonly word: string;
  constructor(err: string, exitCode: number, line: number, word: string) {
    super(err);
    this.err = err;
    this.exitCode = exitCode;
    this.line = line;
    this.word = word;
  }
}

/** Reads and applies a text. `find` gives a table as it stands; nothing of it is changed, the result has copies. */
export function restoreText(text: string, options: RestoreOptions, find: (table: TableName) => TableEdit, findSet: FindSet): Restored {
  return new Restore(options, find, findSet).run(text);
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #find: (table: TableName) => TableEdit;
  readonly #findSet: FindSet;
  readonly #committed = new Map<TableName, TableEdit>();
  #out = '';
  #err = '';
  #block: Block | undefined;
  /** Of a table that -T leaves out. */
  #skipping = false;

  constructor(options: RestoreOptions, find: (table: TableName) => TableEdit, findSet: FindSet) {
    this.#options = options;
    this.#find = find;
    this.#findSet = findSet;
  }

  run(text: string): Restored {
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    try {
      const count = Math.min(lines.length, MAX_LINES);
      for (let i = 0; i < count; i += 1) this.#line(lines[i] as string, i + 1);
      if (this.#block !== undefined) throw new Stop(`${this.#options.program}: COMMIT expected at line ${count + 1}\n`, 1, count + 1, '');
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      const raw = lines[error.line - 1] ?? '';
      const at = { line: error.line, column: Math.max(0, error.word === '' ? 0 : raw.indexOf(error.word)) + 1 };
      return { out: this.#out, err: this.#err + error.err, exitCode: error.exitCode, tables: [...this.#committed.values()], at };
    }
    return { out: this.#out, err: this.#err, exitCode: 0, tables: [...this.#committed.values()] };
  }

  /** A mistake that is said with the hint how to get help. */
  #usage(message: string, line: number, word: string, said = line): Stop {
    return new Stop(formatCommandError(this.#options.program, { kind: 'error', message, usage: true, exitCode: 2 }, said), 2, line, word);
  }

  #line(raw: string, line: number): void {
    if (raw === '' || raw.startsWith('#')) return;
    if (this.#skipping) {
      if (raw === 'COMMIT') this.#skipping = false;
      return;
    }
    const block = this.#block;
    if (block === undefined) {
      if (raw.startsWith('*')) this.#begin(raw, line);
      else throw new Stop(`${this.#options.program}: line ${line} failed\n`, 1, line, raw);
      return;
    }
    if (raw === 'COMMIT') this.#commit(block, line);
    else if (raw.startsWith(':')) this.#chain(block, raw, line);
    else this.#command(block, raw, line);
  }

  #begin(raw: string, line: number): void {
    const name = raw.slice(1).split(/[ \t\n]/)[0] ?? '';
    const table = TABLES.find((t) => t === name);
    if (table === undefined) throw this.#usage(`${this.#options.program}: line ${line} table name '${name}' invalid`, line, name);
    if (this.#options.table !== undefined && this.#options.table !== table) {
      this.#skipping = true;
      return;
    }
    const edit = (this.#committed.get(table) ?? this.#find(table)).copy();
    edit.touched = true;
    if (!this.#options.noflush) {
      for (const chain of edit.chains()) {
        if (this.#options.verbose && isBuiltin(table, chain.name)) this.#out += `Flushing chain \`${chain.name}'\n`;
        if (isBuiltin(table, chain.name)) edit.put({ ...chain, rules: [], record: undefined, policyCounted: false, policyCounters: [0, 0], policy: 'ACCEPT' });
        else edit.remove(chain.name);
      }
    }
    this.#block = { edit, written: [] };
  }

  /** `:CHAIN POLICY [packets:bytes]` */
  #chain(block: Block, raw: string, line: number): void {
    const { edit } = block;
    const { program } = this.#options;
    const [name = '', policy, counterText] = raw.slice(1).split(/[ \t]+/);
    const builtin = isBuiltin(edit.table, name);
    const nameError = builtin ? undefined : chainNameError(name, edit.family);
    if (nameError !== undefined) throw this.#usage(nameError, line, name);
    if (policy === undefined) throw this.#usage(`${program}: line ${line} policy invalid`, line, name);
    let counters: readonly [number, number] = [0, 0];
    if (this.#options.counters && policy !== '-') {
      const parts = /^\[(\d{1,15}):(\d{1,15})\]$/.exec(counterText ?? '');
      if (parts === null) throw this.#usage(`invalid policy counters for chain '${name}'`, line, counterText ?? name);
      counters = [Number(parts[1]), Number(parts[2])];
    }
    if (!builtin) {
      // Named again, a chain of one's own is empty.
      edit.put({ name, policy: undefined, policyCounted: false, policyCounters: [0, 0], rules: [], record: undefined });
      return;
    }
    if (policy === '-') return;
    if (policy !== 'ACCEPT' && policy !== 'DROP') throw new Stop(`${program}: line ${line} failed: Bad policy name.\n`, 1, line, policy);
    const chain = edit.find(name) as EditChain;
    edit.put({ ...chain, policy, policyCounted: this.#options.counters, policyCounters: this.#options.counters ? counters : chain.policyCounters });
  }

  #command(block: Block, raw: string, line: number): void {
    const { edit } = block;
    const { program, family } = this.#options;
    let rest = raw;
    let counted: string | undefined;
    if (raw.startsWith('[')) {
      const close = raw.indexOf(']');
      if (close < 0) throw this.#usage(`Bad line ${line}: need ]`, line, raw);
      counted = raw.slice(1, close);
      rest = raw.slice(close + 1);
    }
    // A quote that nobody closes goes on to the end of the line.
    const words = splitArguments(rest, false) ?? splitArguments(`${rest}"`, false) ?? [];
    const long = words.find((w) => w.length > MAX_WORD);
    if (long !== undefined) throw this.#usage('Parameter too long!', line, long.slice(0, 40));
    const extra: string[] = [];
    if (counted !== undefined && this.#options.counters) {
      const [packets = '', bytes = ''] = counted.split(':');
      if (!/^\d{1,15}$/.test(packets)) throw this.#usage('-c packet counter not numeric', line, counted);
      if (!/^\d{1,15}$/.test(bytes)) throw this.#usage('-c byte counter not numeric', line, counted);
      extra.push('-c', packets, bytes);
    }
    const parsed = parseCommand([...words, ...extra], family, edit.table);
    if (parsed.kind === 'other family') return;
    if (parsed.kind === 'version' || parsed.kind === 'help') {
      this.#out += `${program} ${VERSION}\n`;
      return;
    }
    if (parsed.kind === 'error') {
      if (!parsed.usage) {
        this.#refused.push(`line ${line}: ${parsed.message}`);
        this.#refusedLine ??= line;
        return;
      }
      throw this.#usage(parsed.message, line, wrongWord(parsed.message, words));
    }
    const command: Command = { ...parsed, counters: this.#options.counters ? parsed.counters : undefined, verbose: parsed.verbose || this.#options.verbose };
    const applied = applyCommand(edit, command, this.#findSet, true);
    this.#out += applied.out;
    this.#err += parsed.warnings.join('');
    if (applied.failure !== undefined) this.#failed(applied.failure, line);
    else if (command.action === 'append' || command.action === 'insert' || command.action === 'replace') block.written.push({ line, command });
  }

  /** What the kernel will say at the end of the block. */
  readonly #refused: string[] = [];
  #refusedLine: number | undefined;

  #failed(failure: Failure, line: number): void {
    if (failure.kind === 'kernel') {
      this.#refused.push(`line ${line}: ${failure.text}`);
      this.#refusedLine ??= line;
      return;
    }
    if (failure.kind === 'usage') throw this.#usage(failure.text, line, /[`']([^'`]+)'/.exec(failure.text)?.[1] ?? '');
    throw new Stop(`${this.#options.program}: line ${line} failed: ${failure.text}\n`, 1, line, '');
  }

  #commit(block: Block, line: number): void {
    const { edit } = block;
    this.#block = undefined;
    if (this.#options.test) return;
    // Where a rule jumps to is looked up when the block is complete.
    for (const written of block.written) {
      for (const rule of written.command.rules) {
        if ((rule.end.kind !== 'jump' && rule.end.kind !== 'goto') || edit.find(rule.end.chain) !== undefined) continue;
        throw this.#usage(`Chain '${rule.end.chain}' does not exist`, written.line, rule.end.chain, line);
      }
    }
    if (this.#refused.length === 0 && edit.validate() !== undefined) this.#findRefused(block);
    if (this.#refused.length > 0) throw new Stop(`${this.#options.program} ${VERSION}: \n${this.#refused.join('\n')}\n`, 4, this.#refusedLine ?? line, '');
    this.#committed.set(edit.table, edit);
  }

  /** The rule that made the block wrong: the first with which the kernel would have refused what stood there until then. */
  #findRefused(block: Block): void {
    const { edit, written } = block;
    let low = 1;
    let high = written.length;
    const until = (count: number): string | undefined => {
      const trial = new TableEdit(edit.family, edit.table, []);
      for (const chain of edit.chains()) trial.put({ ...chain, rules: keptRules(chain, written, count) });
      return trial.validate();
    };
    while (low < high) {
      const middle = (low + high) >> 1;
      if (until(middle) === undefined) low = middle + 1;
      else high = middle;
    }
    const found = written[low - 1];
    const error = until(low) ?? edit.validate() ?? 'Invalid argument';
    this.#refusedLine = found?.line;
    this.#refused.push(`line ${found?.line ?? 0}: ${kernelError(found?.command.action ?? 'append', error, found?.command.chain ?? '')}`);
  }
}

/** The rules of a chain that stood there after `count` commands: what was there before, and as many as those commands wrote. */
function keptRules(chain: EditChain, written: Block['written'], count: number): EditChain['rules'] {
  let later = 0;
  for (const { command } of written.slice(count)) if (command.chain === chain.name && command.action === 'append') later += command.rules.length;
  return chain.rules.slice(0, Math.max(0, chain.rules.length - later));
}

/** The word a sentence is about: the one it quotes, or the option it names. */
function wrongWord(message: string, words: readonly string[]): string {
  for (const quoted of message.matchAll(/[`"']([^`"']+)["']/g)) {
    const word = quoted[1] as string;
    if (words.includes(word)) return word;
    const part = words.find((w) => w.includes(word));
    if (part !== undefined) return word;
  }
  return '';
}

/**
 * The tables that a text of `iptables-save -c` holds, each with its rules and counters.
 * @throws {Error} with the tool's words when it is no such text.
 */
export function readSaved(text: string): readonly TableEdit[] {
  const options = { family: 'ipv4', program: 'iptables-restore', noflush: false, counters: true, test: false, verbose: false, table: undefined } as const;
  const restored = restoreText(
    text,
    options,
    (table) => new TableEdit('ipv4', table, []),
    // A set that a saved rule names is there.
    () => ({ family: 'inet', holdsAddresses: true }),
  );
  if (restored.exitCode !== 0) throw new Error(restored.err);
  return restored.tables;
}
