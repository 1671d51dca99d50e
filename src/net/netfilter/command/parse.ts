/** The command line of iptables and ip6tables, and a line of iptables-restore, which is one too. Linux: iptables, iptables/xshared.c, do_parse() */
import type { TableName } from '../../trace-event.ts';
import type { Family } from '../definition.ts';
import { BUILTIN_CHAINS } from '../hook.ts';
import { type ParsedRule, parseRuleList } from '../rule.ts';
import { findTarget } from '../target/index.ts';
import { type Action, CommandReader } from './command-reader.ts';

export const VERSION = 'v1.8.9 (nf_tables)';
export const TABLES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];
const MAX_NAME = 28;

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
