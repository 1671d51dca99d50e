/** iptables and iptables-save: the chains of this netns, listed and edited. */
import { listRule, parseRule } from '../../net/netfilter/rule.ts';
import type { Chain, Rule } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { BUILTIN, chainsOf, formatChain, formatSave, ruleText, TABLES, type TableName, VERSION } from './iptables-text.ts';
import { asctime, nowMs } from './system.ts';

export const iptablesSave = defineCommand({
  name: 'iptables-save',
  summary: 'all iptables rules as text (-t TABLE, -c)',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    let table: TableName | undefined;
    let counters = false;
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === '-c' || word === '--counters') counters = true;
      else if (word === '-t' || word === '--table') {
        const name = words.shift() ?? '';
        table = TABLES.find((candidate) => candidate === name);
        if (table === undefined) {
          invocation.err(`iptables-save v1.8.9 (nf_tables): can't initialize iptables-save table \`${name}': Table does not exist (do you need to insmod?)\n`);
          return 3;
        }
      } else {
        invocation.err(`Unknown arguments found on commandline: "${word}"\n`);
        return 1;
      }
    }
    const { host, place, out } = invocation;
    out(formatSave(host, place.netns, table === undefined ? TABLES : [table], counters, asctime(nowMs(invocation))));
    return 0;
  },
  complete: (_words, current) => ['-t', '-c', ...TABLES].filter((candidate) => candidate.startsWith(current)),
});

/** iptables reports a wrong command line with exit code 2, a refused change with 1. */
class IptablesError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
const usageError = (text: string): IptablesError =>
  new IptablesError(`${VERSION}: ${text}\nTry \`iptables -h' or 'iptables --help' for more information.\n`, 2);
const refused = (text: string): IptablesError => new IptablesError(`iptables: ${text}\n`, 1);

interface Request {
  table: TableName;
  action: string;
  chain: string | undefined;
  argument: string | undefined;
  number: number | undefined;
  numeric: boolean;
  verbose: boolean;
  exact: boolean;
  lineNumbers: boolean;
  rule: string[];
}

const ACTIONS: Readonly<Record<string, string>> = {
  '-A': 'A',
  '--append': 'A',
  '-I': 'I',
  '--insert': 'I',
  '-D': 'D',
  '--delete': 'D',
  '-R': 'R',
  '--replace': 'R',
  '-C': 'C',
  '--check': 'C',
  '-L': 'L',
  '--list': 'L',
  '-S': 'S',
  '--list-rules': 'S',
  '-F': 'F',
  '--flush': 'F',
  '-N': 'N',
  '--new-chain': 'N',
  '-X': 'X',
  '--delete-chain': 'X',
  '-P': 'P',
  '--policy': 'P',
  '-E': 'E',
  '--rename-chain': 'E',
  '-Z': 'Z',
  '--zero': 'Z',
};

function read(argv: readonly string[]): Request {
  const request: Request = {
    table: 'filter',
    action: '',
    chain: undefined,
    argument: undefined,
    number: undefined,
    numeric: false,
    verbose: false,
    exact: false,
    lineNumbers: false,
    rule: [],
  };
  const words = splitFlags(argv);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const next = (): string | undefined => (words[0] !== undefined && !words[0].startsWith('-') && words[0] !== '!' ? words.shift() : undefined);
    const action = ACTIONS[word];
    if (word === '-t' || word === '--table') {
      const name = words.shift() ?? '';
      const table = TABLES.find((candidate) => candidate === name);
      if (table === undefined)
        throw new IptablesError(
          `${VERSION}: can't initialize iptables table \`${name}': Table does not exist (do you need to insmod?)\nPerhaps iptables or your kernel needs to be upgraded.\n`,
          3,
        );
      request.table = table;
    } else if (action !== undefined && request.action === '') {
      request.action = action;
      request.chain = next();
      if (action === 'P' || action === 'E') request.argument = next();
      else if ('IDRL'.includes(action) && words[0] !== undefined && /^\d+$/.test(words[0])) request.number = Number(words.shift());
    } else if (action !== undefined) throw usageError(`multiple commands are not allowed`);
    else if (word === '-n' || word === '--numeric') request.numeric = true;
    else if (word === '-v' || word === '--verbose') request.verbose = true;
    else if (word === '-x' || word === '--exact') request.exact = true;
    else if (word === '--line-numbers' || word === '--line') request.lineNumbers = true;
    else if (word === '-w' || word === '--wait') {
      if (/^\d+$/.test(words[0] ?? '')) words.shift();
    } else if (word === '-V' || word === '--version') request.action = 'V';
    else if (word === '-h' || word === '--help') request.action = 'h';
    else request.rule.push(word);
  }
  return request;
}

/** `-nvL` is three options; rule options such as `-p` stand alone. */
function splitFlags(argv: readonly string[]): string[] {
  return argv.flatMap((word) =>
    /^-[nvxLSFZVwXh]{2,}$/.test(word)
      ? [...word.slice(1)].sort((a, b) => ('nvxw'.includes(a) ? 0 : 1) - ('nvxw'.includes(b) ? 0 : 1)).map((letter) => `-${letter}`)
      : [word],
  );
}

export const iptables = defineCommand({
  name: 'iptables',
  summary: 'rules of this netns: iptables -t nat -L -n -v, -S, -A, -I, -D, -F, -P',
  group: 'network',
  run: (invocation) => {
    try {
      return runRequest(invocation, read(invocation.argv));
    } catch (error) {
      if (!(error instanceof IptablesError)) throw error;
      invocation.err(error.message);
      return error.exitCode;
    }
  },
  complete: (words, current, { host, place }) => {
    const table = TABLES.find((candidate) => words.includes(candidate)) ?? 'filter';
    const chains = chainsOf(host, place.netns, table).map((chain) => chain.name);
    return [
      ...(words.at(-1) === '-t' ? TABLES : current.startsWith('-') ? ['-t', '-L', '-n', '-v', '-S', '-A', '-D', '-I', '-F', '--line-numbers'] : chains),
    ].filter((candidate) => candidate.startsWith(current));
  },
});

function runRequest(invocation: Invocation, request: Request): number {
  const { out } = invocation;
  switch (request.action) {
    case '':
      throw usageError(request.rule.length > 0 ? `unknown option "${request.rule[0] ?? ''}"` : 'no command specified');
    case 'V':
      out(`${VERSION}\n`);
      return 0;
    case 'h':
      out(
        'Usage: iptables -[ACD] chain rule-specification [options]\n       iptables -I chain [rulenum] rule-specification [options]\n       iptables -D chain rulenum [options]\n       iptables -[LSF] [chain] [options]\n       iptables -[NX] chain\n       iptables -P chain target [options]\n',
      );
      return 0;
    case 'L':
      return listChains(invocation, request);
    case 'S':
      return specChains(invocation, request);
    default:
      editChains(invocation, request);
      invocation.host.settle();
      return 0;
  }
}

function selectChains({ host, place }: Invocation, request: Request): readonly Chain[] {
  const chains = chainsOf(host, place.netns, request.table);
  const known = new Set(chains.map((chain) => chain.name));
  // A table exists as soon as somebody looks: its built-in chains accept everything.
  const missing = BUILTIN[request.table].filter((name) => !known.has(name)).map((name): Chain => emptyChain(place.netns, request.table, name, 'ACCEPT'));
  const rank = (chain: Chain): number => (chain.policy === undefined ? 100 : BUILTIN[request.table].indexOf(chain.name));
  const all = [...chains, ...missing].sort((a, b) => rank(a) - rank(b));
  if (request.chain === undefined) return all;
  const found = all.filter((chain) => chain.name === request.chain);
  if (found.length === 0) throw refused('No chain/target/match by that name.');
  return found;
}

function emptyChain(netns: string, table: TableName, name: string, policy: 'ACCEPT' | undefined): Chain {
  return {
    kind: 'chain',
    id: `${netns}/chain/${table}/${name}`,
    origin: { component: 'user', objects: [] },
    netns,
    table,
    name,
    rules: [],
    ...(policy === undefined ? {} : { policy }),
  };
}

function listChains(invocation: Invocation, request: Request): number {
  const { host, place, out } = invocation;
  const references = new Map<string, number>();
  for (const chain of chainsOf(host, place.netns, request.table)) {
    for (const rule of chain.rules) {
      const target = /(?:^|\s)-[jg]\s+(\S+)/.exec(rule.text)?.[1];
      if (target !== undefined) references.set(target, (references.get(target) ?? 0) + 1);
    }
  }
  for (const [index, chain] of selectChains(invocation, request).entries()) {
    if (index > 0) out('\n');
    if (!host.engine.records.has(chain.id)) {
      out(`Chain ${chain.name} (policy ACCEPT${request.verbose ? ' 0 packets, 0 bytes' : ''})\n`);
      const columns = request.verbose
        ? ' pkts bytes target     prot opt in     out     source               destination         '
        : 'target     prot opt source               destination         ';
      out(`${request.lineNumbers ? 'num  ' : ''}${columns}\n`);
      continue;
    }
    out(formatChain(host, chain, references.get(chain.name) ?? 0, request, listRule));
  }
  return 0;
}

function specChains(invocation: Invocation, request: Request): number {
  const chains = selectChains(invocation, request);
  for (const chain of chains) invocation.out(chain.policy === undefined ? `-N ${chain.name}\n` : `-P ${chain.name} ${chain.policy}\n`);
  for (const chain of chains) for (const rule of chain.rules) invocation.out(`-A ${chain.name} ${ruleText(rule)}\n`);
  return 0;
}

/** The rule as the user wrote it, checked and in canonical form. */
function buildRule(invocation: Invocation, request: Request): Rule {
  const quoted = request.rule.map((word) => (/^[A-Za-z0-9_./:,!@%+=-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, '\\$&')}"`)).join(' ');
  const parsed = parseRule(quoted);
  if ('error' in parsed) throw usageError(parsed.error);
  const { end } = parsed.rule;
  if (end.kind === 'jump' || end.kind === 'goto') {
    const exists = invocation.host.engine.records.has(`${invocation.place.netns}/chain/${request.table}/${end.chain}`);
    if (!exists) throw new IptablesError(`${VERSION}: Chain '${end.chain}' does not exist\nTry \`iptables -h' or 'iptables --help' for more information.\n`, 2);
  }
  return { text: ruleText({ text: quoted }), origin: { component: 'user', objects: [] } };
}

function editChains(invocation: Invocation, request: Request): void {
  const { host, place } = invocation;
  const { records } = host.engine;
  const name = request.chain;
  if (request.action === 'F' || request.action === 'Z') {
    if (request.action === 'Z') throw refused('zeroing counters is not modelled.');
    for (const chain of selectChains(invocation, request)) if (chain.rules.length > 0) records.put({ ...chain, rules: [] });
    return;
  }
  if (request.action === 'X') {
    deleteChains(invocation, request);
    return;
  }
  if (name === undefined) throw usageError(`option "-${request.action}" requires an argument`);
  if (request.action === 'N') {
    if (records.has(`${place.netns}/chain/${request.table}/${name}`) || BUILTIN[request.table].includes(name)) throw refused('Chain already exists.');
    if (name.length > 28) throw usageError(`chain name \`${name}' too long (must be under 29 chars)`);
    records.put(emptyChain(place.netns, request.table, name, undefined));
    return;
  }
  const chain = selectChains(invocation, request)[0];
  if (chain === undefined) throw refused('No chain/target/match by that name.');
  if (request.action === 'P') {
    if (chain.policy === undefined) throw refused('Bad built-in chain name.');
    if (request.argument !== 'ACCEPT' && request.argument !== 'DROP') throw refused("Bad policy name. Run `dmesg' for more information.");
    records.put({ ...chain, policy: request.argument });
    return;
  }
  if (request.action === 'E') throw refused('renaming chains is not modelled.');
  const rules = [...chain.rules];
  if (request.action === 'D' && request.number !== undefined) {
    if (request.number < 1 || request.number > rules.length) throw refused('Index of deletion too big.');
    rules.splice(request.number - 1, 1);
  } else {
    const rule = buildRule(invocation, request);
    const same = rules.findIndex((other) => ruleText(other) === rule.text);
    if (request.action === 'A') rules.push(rule);
    else if (request.action === 'I') {
      const index = (request.number ?? 1) - 1;
      if (index < 0 || index > rules.length) throw refused('Index of insertion too big.');
      rules.splice(index, 0, rule);
    } else if (request.action === 'R') {
      if (request.number === undefined || request.number < 1 || request.number > rules.length) throw refused('Index of replacement too big.');
      rules[request.number - 1] = rule;
    } else if (same < 0) throw refused('Bad rule (does a matching rule exist in that chain?).');
    else if (request.action === 'C') return;
    else rules.splice(same, 1);
  }
  records.put({ ...chain, rules });
}

function deleteChains(invocation: Invocation, request: Request): void {
  const { host } = invocation;
  const all = selectChains(invocation, request).filter((chain) => chain.policy === undefined);
  if (request.chain !== undefined && all.length === 0) throw refused('Built-in chains cannot be deleted.');
  const used = new Set(
    chainsOf(host, invocation.place.netns, request.table).flatMap((chain) => chain.rules.map((rule) => /(?:^|\s)-[jg]\s+(\S+)/.exec(rule.text)?.[1] ?? '')),
  );
  for (const chain of all) {
    if (chain.rules.length > 0) throw refused('Directory not empty.');
    if (used.has(chain.name)) throw refused('Too many links.');
    host.engine.records.remove(chain.id);
  }
}
