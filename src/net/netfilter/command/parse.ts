/** The command line of iptables and ip6tables, and a line of iptables-restore, which is one too. Linux: iptables, iptables/xshared.c, do_parse() */
import type { TableName } from '../../trace-event.ts';
import type { Family } from '../definition.ts';
import { BUILTIN_CHAINS } from '../hook.ts';
import { type ParsedRule, parseRuleList } from '../rule.ts';
import type { CommandOptions } from '../rule-reader.ts';
import { findTarget } from '../target/index.ts';

export const VERSION = 'v1.8.9 (nf_tables)';
export const TABLES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];
const MAX_NAME = 28;

export type Action =
  | 'append'
  | 'insert'
  | 'delete'
  | 'replace'
  | 'check'
  | 'list'
  | 'list-rules'
  | 'flush'
  | 'zero'
  | 'new'
  | 'delete-chain'
  | 'rename'
  | 'policy';

export interface Command {
  readonly kind: 'command';
  readonly table: TableName;
  readonly action: Action;
  readonly chain: string | undefined;
  /** From 1: -I, -D, -R, -L, -S and -Z with a rule's number. */
  readonly number: number | undefined;
  /** The new name of -E, the policy of -P. */
  readonly argument: string | undefined;
  readonly rules: readonly ParsedRule[];
  readonly counters: readonly [number, number] | undefined;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** -L -Z, -S -Z: counters are zeroed behind the list. */
  readonly zeroAfter: boolean;
  /** On stderr, although the command goes on. */
  readonly warnings: readonly string[];
}

/** What the tool prints on stderr, and its exit code. `usage`: with the hint how to get help. */
export interface CommandError {
  readonly kind: 'error';
  readonly message: string;
  readonly usage: boolean;
  readonly exitCode: number;
  /** Said before it, without who says it. */
  readonly warning?: string;
}

export type Parsed = Command | CommandError | { readonly kind: 'version' } | { readonly kind: 'help' } | { readonly kind: 'other family' };

/** `line`: of iptables-restore. The whole text for stderr. */
export function formatCommandError(program: string, error: CommandError, line?: number): string {
  if (!error.usage) return error.message;
  const bare = error.message.startsWith('Bad argument `');
  const where = line === undefined ? '' : `Error occurred at line: ${line}\n`;
  return `${error.warning ?? ''}${bare ? '' : `${program} ${VERSION}: `}${error.message}\n${where}Try \`${program} -h' or '${program} --help' for more information.\n`;
}

const DEPRECATED_INTERVAL = 'Ignoring deprecated --wait-interval option.\n';
const usage = (message: string): CommandError => ({ kind: 'error', message, usage: true, exitCode: 2 });

interface ActionOption {
  readonly action: Action;
  readonly letter: string;
  readonly long: readonly string[];
  /** The chain's name: needed, possible. */
  readonly chain: 'needed' | 'optional';
}

const ACTIONS: readonly ActionOption[] = [
  { action: 'append', letter: 'A', long: ['append'], chain: 'needed' },
  { action: 'check', letter: 'C', long: ['check'], chain: 'needed' },
  { action: 'delete', letter: 'D', long: ['delete'], chain: 'needed' },
  { action: 'replace', letter: 'R', long: ['replace'], chain: 'needed' },
  { action: 'insert', letter: 'I', long: ['insert'], chain: 'needed' },
  { action: 'list', letter: 'L', long: ['list'], chain: 'optional' },
  { action: 'list-rules', letter: 'S', long: ['list-rules'], chain: 'optional' },
  { action: 'flush', letter: 'F', long: ['flush'], chain: 'optional' },
  { action: 'zero', letter: 'Z', long: ['zero'], chain: 'optional' },
  { action: 'new', letter: 'N', long: ['new-chain', 'new'], chain: 'needed' },
  { action: 'delete-chain', letter: 'X', long: ['delete-chain'], chain: 'optional' },
  { action: 'rename', letter: 'E', long: ['rename-chain'], chain: 'needed' },
  { action: 'policy', letter: 'P', long: ['policy'], chain: 'needed' },
];
const FLAGS: Readonly<Record<string, string>> = { n: 'numeric', v: 'verbose', x: 'exact' };
const LONG_FLAGS: readonly (readonly [string, string])[] = [
  ['numeric', 'n'],
  ['verbose', 'v'],
  ['exact', 'x'],
  ['line-numbers', '0'],
];
/** Which of the general options each action refuses, by the letter it names them with, in the order in which it looks. */
const REFUSED: Readonly<Record<Action, string>> = {
  append: 'nx0',
  insert: 'nx0',
  replace: 'nx0',
  delete: 'nx0c',
  check: 'nx0c',
  list: 'sdpjiocf',
  'list-rules': 'nsdpjxio0cf',
  flush: 'nsdpjxio0cf',
  zero: 'nsdpjxio0cf',
  new: 'nsdpjxio0cf',
  'delete-chain': 'nsdpjxio0cf',
  rename: 'nsdpjxio0cf',
  policy: 'nsdpjxio0f',
};

/** Takes the options around the rule out of the words while the reader goes through them. */
class CommandReader implements CommandOptions {
  table: string | undefined;
  action: ActionOption | undefined;
  chain: string | undefined;
  numberText: string | undefined;
  argument: string | undefined;
  zeroAfter = false;
  zeroChain: string | undefined;
  special: 'version' | 'help' | undefined;
  waits = false;
  interval = false;
  readonly flags = new Set<string>();
  readonly #restoring: boolean;

  constructor(restoring: boolean) {
    this.#restoring = restoring;
  }

  take(word: string, negated: boolean, next: () => string | undefined, peek: () => string | undefined): boolean | string {
    if (word.startsWith('--')) {
      const name = word.slice(2);
      const action = ACTIONS.find((a) => a.long.includes(name));
      if (action !== undefined) return this.#act(action, word, negated, next, peek, undefined);
      const flag = LONG_FLAGS.find(([long]) => name.length > 2 && long.startsWith(name) && (name === long || long === 'line-numbers'));
      if (flag !== undefined) {
        this.flags.add(flag[1]);
        return true;
      }
      return this.#other(
        name === 'table'
          ? 't'
          : name === 'wait'
            ? 'w'
            : name === 'wait-interval'
              ? 'W'
              : name === 'modprobe'
                ? 'M'
                : name === 'version'
                  ? 'V'
                  : name === 'help'
                    ? 'h'
                    : '',
        word,
        next,
        peek,
        undefined,
      );
    }
    if (!/^-[A-Za-z]/.test(word)) return false;
    return this.#cluster(word, negated, next, peek);
  }

  /** `-nvL` is three options; what follows one that takes a value is its value. */
  #cluster(word: string, negated: boolean, next: () => string | undefined, peek: () => string | undefined): boolean | string {
    let taken = false;
    for (let i = 1; i < word.length; i += 1) {
      const letter = word[i] as string;
      const rest = word.slice(i + 1);
      if (FLAGS[letter] !== undefined) {
        this.flags.add(letter);
        taken = true;
        continue;
      }
      const action = ACTIONS.find((a) => a.letter === letter);
      if (action !== undefined) return this.#act(action, `-${letter}`, negated, next, peek, rest === '' ? undefined : rest);
      const other = this.#other(letter, `-${letter}`, next, peek, rest === '' ? undefined : rest);
      if (other !== false) return other;
      return taken ? `unknown option "-${letter}"` : false;
    }
    return taken;
  }

  #other(letter: string, word: string, next: () => string | undefined, peek: () => string | undefined, stuck: string | undefined): boolean | string {
    const number = (): boolean => /^\d+$/.test(stuck ?? peek() ?? '');
    switch (letter) {
      case 't': {
        if (this.#restoring) return 'The -t option cannot be used in iptables-restore.\n';
        const value = stuck ?? next();
        if (value === undefined) return `option "${word}" requires an argument`;
        this.table = value;
        return true;
      }
      case 'w':
        this.waits = true;
        if (number() && stuck === undefined) next();
        return true;
      case 'W':
        this.interval = true;
        if (stuck === undefined) next();
        return true;
      case 'M':
        return stuck !== undefined || next() !== undefined ? true : `option "${word}" requires an argument`;
      case 'V':
        this.special ??= 'version';
        return true;
      case 'h':
        this.special ??= 'help';
        return true;
      default:
        return false;
    }
  }

  #act(
    action: ActionOption,
    word: string,
    negated: boolean,
    next: () => string | undefined,
    peek: () => string | undefined,
    stuck: string | undefined,
  ): boolean | string {
    if (negated) return `unexpected ! flag before --${action.long[0]}`;
    const isValue = (text: string | undefined): text is string => text !== undefined && !text.startsWith('-') && text !== '!';
    const optional = (): string | undefined => (isValue(peek()) ? next() : undefined);
    const needed = action.chain === 'needed' && stuck === undefined && !isValue(peek());
    if (needed) return `option "${word}" requires an argument`;
    if (this.action !== undefined) {
      const listing = this.action.action === 'list' || this.action.action === 'list-rules';
      if (action.action === 'zero' && listing) {
        this.zeroAfter = true;
        this.chain ??= stuck ?? optional();
        return true;
      }
      if ((action.action === 'list' || action.action === 'list-rules') && this.action.action === 'zero') {
        this.zeroAfter = true;
        this.action = action;
        this.chain ??= stuck ?? optional();
        return true;
      }
      return `Cannot use -${action.letter} with -${this.action.letter}`;
    }
    this.action = action;
    this.chain = stuck ?? optional();
    switch (action.action) {
      case 'rename':
        this.argument = optional();
        return this.argument === undefined ? '-E requires old-chain-name and new-chain-name' : true;
      case 'policy':
        this.argument = optional();
        return this.argument === undefined ? '-P requires a chain and a policy' : true;
      case 'replace':
        this.numberText = optional();
        return this.numberText === undefined ? '-R requires a rule number' : true;
      case 'insert':
      case 'delete': {
        const candidate = peek();
        // Any word that begins with a digit is meant as a number.
        if (candidate !== undefined && /^\d/.test(candidate)) this.numberText = next();
        return true;
      }
      case 'list':
      case 'list-rules':
      case 'zero':
        if (this.chain !== undefined) this.numberText = optional();
        return true;
      default:
        return true;
    }
  }
}

/** The name of a new chain is as the tool wants it. */
export function chainNameError(name: string, family: Family): string | undefined {
  if (name.startsWith('-') || name.startsWith('!')) return `chain name not allowed to start with \`${name[0]}'`;
  if (name === '' || findTarget(name, family) !== undefined) return 'chain name may not clash with target name';
  if (name.length > MAX_NAME) return `chain name \`${name}' too long (must be under ${MAX_NAME + 1} chars)`;
  return /\s/.test(name) ? `Invalid chain name \`${name}'` : undefined;
}

/** Which general options were given, by their letters. */
function givenLetters(reader: CommandReader, rule: ParsedRule | undefined, counters: unknown): Set<string> {
  const letters = new Set(reader.flags);
  if (rule?.source !== undefined) letters.add('s');
  if (rule?.destination !== undefined) letters.add('d');
  if (rule !== undefined && rule.protocol !== 0) letters.add('p');
  if (rule !== undefined && rule.end.kind !== 'none') letters.add('j');
  if (rule?.inDevice !== undefined) letters.add('i');
  if (rule?.outDevice !== undefined) letters.add('o');
  if (rule !== undefined && rule.fragment !== 0) letters.add('f');
  if (counters !== undefined) letters.add('c');
  return letters;
}

/** What the tool itself knows to be wrong with a rule in this chain, before the kernel is asked. */
function placeError(table: TableName, chain: string | undefined, rule: ParsedRule): string | undefined {
  if ((chain === 'PREROUTING' || chain === 'INPUT') && rule.outDevice !== undefined) return `Can't use -o with ${chain}\n`;
  if ((chain === 'POSTROUTING' || chain === 'OUTPUT') && rule.inDevice !== undefined) return `Can't use -i with ${chain}\n`;
  if (table === 'nat' && rule.end.kind === 'target' && rule.end.target.name === 'DROP')
    return '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n';
  return undefined;
}

const hasRule = (action: Action, number: number | undefined): boolean =>
  action === 'append' || action === 'insert' || action === 'replace' || action === 'check' || (action === 'delete' && number === undefined);

/** `words` without the program's name; `restoreTable`: the table of the block this line stands in. */
export function parseCommand(words: readonly string[], family: Family, restoreTable?: TableName): Parsed {
  const reader = new CommandReader(restoreTable !== undefined);
  const parsed = parseRuleList(words, family, reader);
  if (parsed !== undefined && 'error' in parsed) {
    if (parsed.kernel !== true || reader.action === undefined) return usage(parsed.error);
    // The tool takes the rule; the kernel refuses it.
    return { kind: 'error', message: kernelError(reader.action.action, parsed.error, reader.chain ?? ''), usage: false, exitCode: 4 };
  }
  if (reader.special !== undefined) return reader.special === 'version' ? { kind: 'version' } : { kind: 'help' };
  if (parsed === undefined) return { kind: 'other family' };
  if (reader.interval && !reader.waits) return { ...usage('--wait-interval only makes sense with --wait\n'), warning: DEPRECATED_INTERVAL };
  const tableName = restoreTable ?? reader.table ?? 'filter';
  const table = TABLES.find((t) => t === tableName);
  if (reader.action === undefined) return usage('no command specified');
  if (table === undefined) {
    return {
      kind: 'error',
      message: `${family === 'ipv6' ? 'ip6tables' : 'iptables'} ${VERSION}: table '${tableName}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.\n`,
      usage: false,
      exitCode: 3,
    };
  }
  const { action } = reader.action;
  const number = reader.numberText === undefined ? undefined : Number(reader.numberText);
  if (reader.numberText !== undefined && (!/^\d{1,9}$/.test(reader.numberText) || number === 0)) return usage(`Invalid rule number \`${reader.numberText}'`);
  const [first] = parsed.rules;
  const letters = givenLetters(reader, first, parsed.counters);
  const illegal = [...REFUSED[action]].find((letter) => letters.has(letter));
  if (illegal !== undefined) return usage(`Illegal option \`-${illegal}' with this command`);
  if (action === 'new') {
    const error = chainNameError(reader.chain ?? '', family);
    if (error !== undefined) return usage(error);
  }
  if (action === 'rename') {
    const error = chainNameError(reader.argument ?? '', family);
    if (error !== undefined) return usage(error);
  }
  if (hasRule(action, number) || action === 'replace') {
    const error = first === undefined ? undefined : placeError(table, reader.chain, first);
    if (error !== undefined) return usage(error);
    if (action === 'replace' && parsed.rules.length > 1) return usage('Replacement rule does not specify a unique address');
  }
  return {
    kind: 'command',
    table,
    action,
    chain: reader.chain,
    number,
    argument: reader.argument,
    rules: parsed.rules,
    counters: parsed.counters,
    numeric: reader.flags.has('n'),
    verbose: reader.flags.has('v'),
    exact: reader.flags.has('x'),
    lineNumbers: reader.flags.has('0'),
    zeroAfter: reader.zeroAfter,
    warnings: [...parsed.warnings, ...(reader.interval ? [DEPRECATED_INTERVAL] : [])],
  };
}

const KERNEL_VERBS: Readonly<Partial<Record<Action, string>>> = {
  append: 'RULE_APPEND',
  insert: 'RULE_INSERT',
  replace: 'RULE_REPLACE',
  delete: 'RULE_DELETE',
};

/** ` RULE_APPEND failed (Invalid argument): rule in chain INPUT`, without who says it. */
export const kernelError = (action: Action, errno: string, chain: string): string =>
  `${KERNEL_VERBS[action] ?? 'RULE_APPEND'} failed (${errno}): rule in chain ${chain}`;

export const isBuiltin = (table: TableName, chain: string): boolean => (BUILTIN_CHAINS[table] as readonly string[]).includes(chain);
