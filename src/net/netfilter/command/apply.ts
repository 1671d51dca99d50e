/** What a command of iptables does to the tables, and what it prints. Linux: iptables, iptables/nft.c, nft-cmd.c */
import type { Family } from '../definition.ts';
import { HOOK_NAMES, type Hook } from '../hook.ts';
import { formatRule, type ParsedRule } from '../rule.ts';
import { listTable, printTable, verboseRule } from './list.ts';
import { type Command, isBuiltin, kernelError } from './parse.ts';
import { canonicalText, type EditChain, type EditRule, mayStand, parsedRule, type TableEdit } from './tables.ts';

export type Failure =
  /** `iptables: sentence.` */
  | { readonly kind: 'sentence'; readonly text: string }
  /** Found by the tool while it puts the command together: with the hint how to get help. */
  | { readonly kind: 'usage'; readonly text: string }
  /** The kernel refused. */
  | { readonly kind: 'kernel'; readonly text: string };

export interface Applied {
  readonly out: string;
  readonly failure?: Failure;
}

/** What a set is, for `-m set`; undefined where there is none of that name. */
export type FindSet = (name: string) => { readonly family: 'inet' | 'inet6'; readonly holdsAddresses: boolean } | undefined;

const NO_CHAIN = 'No chain/target/match by that name.';
const NO_RULE = 'Bad rule (does a matching rule exist in that chain?).';
const sentence = (text: string): Failure => ({ kind: 'sentence', text });
const kernel = (text: string): Failure => ({ kind: 'kernel', text });
const fails = (failure: Failure): Applied => ({ out: '', failure });

/** As rules are compared by -C and -D: what the text says, without who wrote it. */
const sameAs =
  (text: string, family: Family) =>
  (other: EditRule): boolean =>
    canonicalText(other.rule, family) === text;

/** Sets a rule names must exist and hold the rule's family. */
export function setError(rule: ParsedRule, findSet: FindSet): string | undefined {
  const names = [...rule.matches.flatMap((m) => m.sets ?? []), ...(rule.end.kind === 'target' ? (rule.end.target.sets ?? []) : [])];
  for (const name of names) {
    const set = findSet(name);
    if (set === undefined) return `Set ${name} doesn't exist.\n`;
    if (set.holdsAddresses && (set.family === 'inet6') !== (rule.family === 'ipv6'))
      return `The protocol family of set ${name} is ${set.family === 'inet6' ? 'IPv6' : 'IPv4'}, which is not applicable.\n`;
  }
  return undefined;
}

/** What is wrong with a rule in this chain alone. `jumps`: a chain it names must exist already. */
export function ruleFailure(edit: TableEdit, command: Command, rule: ParsedRule, findSet: FindSet, jumps: boolean): Failure | undefined {
  const chain = command.chain ?? '';
  const wrongSet = setError(rule, findSet);
  if (wrongSet !== undefined) return { kind: 'usage', text: wrongSet };
  const hook = isBuiltin(edit.table, chain) ? (HOOK_NAMES.indexOf(chain as (typeof HOOK_NAMES)[number]) as Hook) : undefined;
  if (!mayStand(rule, edit.table, hook)) return kernel(kernelError(command.action, 'Invalid argument', chain));
  if (rule.end.kind !== 'jump' && rule.end.kind !== 'goto') return undefined;
  if (jumps && edit.find(rule.end.chain) === undefined) return { kind: 'usage', text: `Chain '${rule.end.chain}' does not exist` };
  // A base chain is no place to jump to.
  return isBuiltin(edit.table, rule.end.chain) ? kernel(kernelError(command.action, 'Operation not supported', chain)) : undefined;
}

export const USER_ORIGIN = { component: 'user', objects: [] } as const;

/** Some names the tool takes cannot be written so that they are read again (an interface with a blank in it): here the kernel refuses them. */
const isReadable = (one: EditRule, family: Family): boolean => parsedRule(one.rule, family) !== undefined;

const asRules = (command: Command, counted: boolean): EditRule[] =>
  command.rules.map((rule) => ({ rule: { text: formatRule(rule), origin: USER_ORIGIN }, counters: counted ? (command.counters ?? [0, 0]) : [0, 0] }));

const verboseText = (command: Command): string => (command.verbose ? command.rules.map(verboseRule).join('') : '');

/** Applies one command. `restoring`: whole blocks are checked at their end, and single sentences differ. */
export function applyCommand(edit: TableEdit, command: Command, findSet: FindSet, restoring: boolean): Applied {
  switch (command.action) {
    case 'append':
    case 'insert':
    case 'replace':
    case 'delete':
    case 'check':
      return ruleCommand(edit, command, findSet, restoring);
    case 'list':
    case 'list-rules':
      return list(edit, command);
    case 'flush':
      return eachChain(edit, command, 'Flushing', (chain) => edit.put({ ...chain, rules: [], record: undefined }));
    case 'zero':
      return zero(edit, command);
    case 'new':
      return newChain(edit, command);
    case 'delete-chain':
      return deleteChain(edit, command);
    case 'rename':
      return rename(edit, command);
    case 'policy':
      return policy(edit, command, restoring);
  }
}

function ruleCommand(edit: TableEdit, command: Command, findSet: FindSet, restoring: boolean): Applied {
  const chain = edit.find(command.chain ?? '');
  const lookup = command.action === 'check' || command.action === 'delete';
  if (chain === undefined) return fails(sentence(command.action === 'check' ? NO_RULE : NO_CHAIN));
  const { rules } = chain;
  if (command.action === 'delete' && command.number !== undefined) {
    if (command.number > rules.length) return fails(sentence(restoring ? NO_CHAIN : 'Index of deletion too big.'));
    edit.put(withRules(chain, [...rules.slice(0, command.number - 1), ...rules.slice(command.number)]));
    return { out: '' };
  }
  for (const rule of command.rules) {
    const failure = ruleFailure(edit, command, rule, findSet, !restoring || lookup);
    if (failure !== undefined) return fails(lookup && failure.kind === 'kernel' ? sentence(NO_RULE) : failure);
  }
  if (lookup) return lookupRules(edit, chain, command);
  const added = asRules(command, true);
  if (!added.every((one) => isReadable(one, edit.family))) return fails(kernel(kernelError(command.action, 'Invalid argument', chain.name)));
  if (command.action === 'append' && restoring) {
    edit.append(chain, added);
    return { out: verboseText(command) };
  }
  const at = command.action === 'append' ? rules.length : (command.number ?? 1) - 1;
  const replaced = command.action === 'replace' ? 1 : 0;
  if (at > rules.length - replaced) return fails(sentence(`Index of ${replaced === 1 ? 'replacement' : 'insertion'} too big.`));
  const before = edit.find(chain.name) as EditChain;
  // Several addresses are inserted one before the other.
  if (command.action === 'insert') added.reverse();
  edit.put(withRules(chain, [...rules.slice(0, at), ...added, ...rules.slice(at + replaced)]));
  if (!restoring) {
    const error = edit.validate();
    if (error !== undefined) {
      edit.put(before);
      return fails(kernel(kernelError(command.action, error, chain.name)));
    }
  }
  return { out: verboseText(command) };
}

function lookupRules(edit: TableEdit, chain: EditChain, command: Command): Applied {
  let { rules } = chain;
  for (const rule of command.rules) {
    const at = rules.findIndex(sameAs(formatRule(rule), edit.family));
    if (at < 0) return fails(sentence(NO_RULE));
    if (command.action === 'delete') rules = [...rules.slice(0, at), ...rules.slice(at + 1)];
  }
  if (command.action === 'delete') edit.put(withRules(chain, rules));
  return { out: verboseText(command) };
}

const withRules = (chain: EditChain, rules: readonly EditRule[]): EditChain => ({ ...chain, rules, record: undefined });

function eachChain(edit: TableEdit, command: Command, verb: string, act: (chain: EditChain) => void): Applied {
  if (command.chain !== undefined) {
    const chain = edit.find(command.chain);
    if (chain === undefined) return fails(sentence(NO_CHAIN));
    act(chain);
    return { out: command.verbose ? `${verb} chain \`${chain.name}'\n` : '' };
  }
  let out = '';
  for (const chain of edit.chains()) {
    if (command.verbose) out += `${verb} chain \`${chain.name}'\n`;
    if (chain.rules.length > 0 || verb !== 'Flushing') act(chain);
  }
  return { out };
}

function zeroed(chain: EditChain, number: number | undefined): EditChain {
  const rules = chain.rules.map((one, i): EditRule => (number === undefined || number === i + 1 ? { ...one, counters: [0, 0] } : one));
  return { ...chain, policyCounters: number === undefined ? [0, 0] : chain.policyCounters, rules };
}

function zero(edit: TableEdit, command: Command): Applied {
  if (command.number !== undefined) {
    const chain = edit.find(command.chain ?? '');
    if (chain === undefined) return fails(sentence(NO_CHAIN));
    if (command.number > chain.rules.length) return fails(sentence('Index of replacement too big.'));
    edit.put(zeroed(chain, command.number));
    return { out: '' };
  }
  return eachChain(edit, command, 'Zeroing', (chain) => edit.put(zeroed(chain, undefined)));
}

function list(edit: TableEdit, command: Command): Applied {
  if (command.chain !== undefined && edit.find(command.chain) === undefined) return fails(sentence(NO_CHAIN));
  const out = command.action === 'list' ? listTable(edit, command) : printTable(edit, command);
  if (command.zeroAfter) eachChain(edit, { ...command, verbose: false }, 'Zeroing', (chain) => edit.put(zeroed(chain, undefined)));
  return { out };
}

function newChain(edit: TableEdit, command: Command): Applied {
  const name = command.chain ?? '';
  if (edit.find(name) !== undefined) return fails(sentence('Chain already exists.'));
  edit.put({ name, policy: undefined, policyCounted: false, policyCounters: [0, 0], rules: [], record: undefined });
  return { out: '' };
}

function deleteChain(edit: TableEdit, command: Command): Applied {
  const chains = command.chain === undefined ? edit.chains().filter((c) => !isBuiltin(edit.table, c.name)) : [edit.find(command.chain)];
  const references = edit.references();
  let out = '';
  for (const chain of chains) {
    if (chain === undefined) return fails(sentence(NO_CHAIN));
    // A built-in chain that is empty may go; it is back as soon as somebody looks.
    if (isBuiltin(edit.table, chain.name)) {
      if (chain.rules.length > 0) return fails(kernel(`CHAIN_DEL failed (Device or resource busy): chain ${chain.name}`));
      continue;
    }
    if (command.verbose) out += `Deleting chain \`${chain.name}'\n`;
    if (chain.rules.length > 0 || (references.get(chain.name) ?? 0) > 0)
      return { out, failure: kernel(`CHAIN_DEL failed (Device or resource busy): chain ${chain.name}`) };
  }
  for (const chain of chains) if (chain !== undefined && !isBuiltin(edit.table, chain.name)) edit.remove(chain.name);
  return { out };
}

function rename(edit: TableEdit, command: Command): Applied {
  const name = command.chain ?? '';
  const to = command.argument ?? '';
  const chain = edit.find(name);
  if (chain === undefined || isBuiltin(edit.table, name)) return fails(sentence(NO_CHAIN));
  if (edit.find(to) !== undefined) return fails(sentence('File exists.'));
  edit.remove(name);
  edit.put({ ...chain, name: to, record: undefined });
  for (const other of edit.chains()) {
    let changed = false;
    const rules = other.rules.map((one): EditRule => {
      const parsed = parsedRule(one.rule, edit.family);
      if (parsed === undefined || (parsed.end.kind !== 'jump' && parsed.end.kind !== 'goto') || parsed.end.chain !== name) return one;
      changed = true;
      return { ...one, rule: { ...one.rule, text: formatRule({ ...parsed, end: { kind: parsed.end.kind, chain: to } }) } };
    });
    if (changed) edit.put(withRules(other, rules));
  }
  return { out: '' };
}

function policy(edit: TableEdit, command: Command, restoring: boolean): Applied {
  const name = command.chain ?? '';
  if (!isBuiltin(edit.table, name)) return fails(sentence('Bad built-in chain name.'));
  if (command.argument !== 'ACCEPT' && command.argument !== 'DROP')
    return fails(sentence(restoring ? 'Bad policy name.' : "Bad policy name. Run `dmesg' for more information."));
  const chain = edit.find(name) as EditChain;
  // From now on the policy's packets are counted.
  edit.put({
    ...chain,
    policy: command.argument,
    policyCounted: true,
    policyCounters: command.counters ?? (chain.policyCounted ? chain.policyCounters : [0, 0]),
  });
  return { out: '' };
}
