/** `iptables -L` and `-S`, and the line that -v prints of a rule. Linux: iptables, iptables/nft-shared.c, nft-ipv4.c, xshared.c */
import { listRule, type ParsedRule } from '../rule.ts';
import type { Command } from './parse.ts';
import { type Counters, canonicalText, type EditChain, type EditRule, parsedRule, type TableEdit } from './tables.ts';

const UNITS = ['K', 'M', 'G', 'T'];

/** Five places, then K, M, G, T, rounded each time (xtables_print_num()). */
export function shortNumber(value: number): string {
  if (value <= 99_999) return String(value).padStart(5);
  let number = value;
  for (const [i, unit] of UNITS.entries()) {
    number = Math.round(number / 1000);
    if (number <= 9999 || i === UNITS.length - 1) return `${String(number).padStart(4)}${unit}`;
  }
  return String(number);
}

const amount = (value: number, exact: boolean): string => (exact ? String(value).padStart(8) : shortNumber(value));

function header(chain: EditChain, references: number, command: Command): string {
  const [packets, bytes] = chain.policyCounted ? chain.policyCounters : [0, 0];
  const counted = command.verbose ? ` ${amount(packets, command.exact).trim()} packets, ${amount(bytes, command.exact).trim()} bytes` : '';
  const text = chain.policy === undefined ? `${references} references` : `policy ${chain.policy}${counted}`;
  const [packetsWidth, bytesWidth] = command.exact ? [8, 10] : [5, 5];
  const columns = command.verbose
    ? `${'pkts'.padStart(packetsWidth)} ${'bytes'.padStart(bytesWidth)} target     prot opt in     out     source               destination         `
    : 'target     prot opt source               destination         ';
  return `Chain ${chain.name} (${text})\n${command.lineNumbers ? 'num  ' : ''}${columns}\n`;
}

/** A `!` takes the place of the blank in front. */
const address = (text: string): string => (text.startsWith('!') ? text : ` ${text}`);

function ruleLine(edit: TableEdit, one: EditRule, index: number, command: Command): string {
  const [packets, bytes] = one.counters;
  const number = command.lineNumbers ? `${String(index + 1).padEnd(4)} ` : '';
  const counted = command.verbose ? `${amount(packets, command.exact)} ${amount(bytes, command.exact)} ` : '';
  const parsed = parsedRule(one.rule, edit.family);
  if (parsed === undefined) return `${number}${counted}${one.rule.text}\n`;
  const row = listRule(parsed, command.numeric);
  const protocol = row.protocol.startsWith('!') ? row.protocol : ` ${row.protocol}`;
  const devices = command.verbose ? ` ${row.inDevice.padEnd(6)} ${row.outDevice.padEnd(6)} ` : '';
  const source = address(row.source).padEnd(20);
  const destination = address(row.destination).padEnd(20);
  return `${number}${counted}${row.target.padEnd(9)} ${protocol.padEnd(5)} ${row.options} ${devices}${source} ${destination} ${row.extra}\n`;
}

const selected = (edit: TableEdit, command: Command): EditChain[] =>
  command.chain === undefined ? edit.chains() : [edit.find(command.chain)].filter((c) => c !== undefined);

export function listTable(edit: TableEdit, command: Command): string {
  const references = edit.references();
  const parts = selected(edit, command).map((chain) => {
    const lines = chain.rules.map((one, i) => (command.number === undefined || command.number === i + 1 ? ruleLine(edit, one, i, command) : ''));
    return `${command.number === undefined ? header(chain, references.get(chain.name) ?? 0, command) : ''}${lines.join('')}`;
  });
  return parts.join('\n');
}

const counterText = (counters: Counters, verbose: boolean): string => (verbose ? ` -c ${counters[0]} ${counters[1]}` : '');

/** `iptables -S`: first the chains, then their rules. */
export function printTable(edit: TableEdit, command: Command): string {
  const chains = selected(edit, command);
  let text = '';
  if (command.number === undefined) {
    for (const chain of chains) {
      text +=
        chain.policy === undefined
          ? `-N ${chain.name}\n`
          : `-P ${chain.name} ${chain.policy}${counterText(chain.policyCounted ? chain.policyCounters : [0, 0], command.verbose)}\n`;
    }
  }
  for (const chain of chains) {
    chain.rules.forEach((one, i) => {
      if (command.number === undefined || command.number === i + 1) text += `${appended(edit, chain, one, command.verbose)}\n`;
    });
  }
  return text;
}

/** `-A CHAIN` and the rule; with -v its counters stand before the target. */
function appended(edit: TableEdit, chain: EditChain, one: EditRule, verbose: boolean): string {
  const text = canonicalText(one.rule, edit.family);
  const parsed = parsedRule(one.rule, edit.family);
  if (!verbose) return `-A ${chain.name} ${text}`.trimEnd();
  const at = parsed === undefined || parsed.end.kind === 'none' ? text.length : lastTarget(text);
  return `-A ${chain.name} ${text.slice(0, at).trimEnd()}${at === 0 ? '' : ' '}-c ${one.counters[0]} ${one.counters[1]} ${text.slice(at).trim()}`.trimEnd();
}

/** Where the target begins: the last `-j` or `-g` outside quotes. */
function lastTarget(text: string): number {
  let at = text.length;
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (c === '\\') i += 1;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === '-' && (text[i + 1] === 'j' || text[i + 1] === 'g') && text[i + 2] === ' ' && (i === 0 || text[i - 1] === ' ')) at = i;
  }
  return at;
}

/** The rule as -v shows it while it is written. */
export function verboseRule(rule: ParsedRule): string {
  const row = listRule(rule, true);
  const protocol = listRule(rule, false).protocol;
  return `${row.target}  ${protocol} opt ${row.options} in ${row.inDevice} out ${row.outDevice}  ${row.source}  -> ${row.destination}  ${row.extra}\n`;
}
