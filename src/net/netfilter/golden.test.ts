import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listTable } from './command/list.ts';
import { parseCommand } from './command/parse.ts';
import { TableEdit } from './command/tables.ts';
import { formatRule, parseRuleList } from './rule.ts';
import { splitArguments } from './text.ts';

interface Golden {
  readonly six: boolean;
  readonly table: string;
  readonly chain: string;
  readonly words: string;
  readonly save: string[];
  readonly list: string[];
  readonly named: string[];
  readonly error: string[];
}

/** What the real tool printed, one entry a rule. */
function readGolden(): Golden[] {
  const all: Golden[] = [];
  for (const line of readFileSync(new URL('./testing/iptables-1.8.9.txt', import.meta.url), 'utf8').split('\n')) {
    const begin = /^(rule6?) (\S+) (\S+) (.*)$/.exec(line);
    if (begin !== null) {
      all.push({ six: begin[1] === 'rule6', table: begin[2] ?? '', chain: begin[3] ?? '', words: begin[4] ?? '', save: [], list: [], named: [], error: [] });
      continue;
    }
    const golden = all.at(-1);
    const rest = line.slice(2);
    if (line.startsWith('> ')) golden?.save.push(rest);
    else if (line.startsWith('= ')) golden?.list.push(rest);
    else if (line.startsWith('~ ')) golden?.named.push(rest);
    else if (line.startsWith('!')) golden?.error.push(rest);
  }
  return all;
}

/** Refusals that need more than the rule: its chain, other chains, sets. */
const ELSEWHERE =
  /No chain\/target\/match|Set nosuch|Can't use -|does not exist|"nat" table|protocol family|RULE_APPEND failed \((Operation not supported|No such file)/;

const GOLDEN = readGolden();

describe('every rule that the real tool was asked about', () => {
  it('is many', () => {
    expect(GOLDEN.length).toBeGreaterThan(650);
  });

  it.each(GOLDEN.map((g) => [`${g.six ? 'ip6tables' : 'iptables'} -t ${g.table} -A ${g.chain} ${g.words}`, g] as const))('%s', (_, golden) => {
    const result = parseRuleList(splitArguments(golden.words) ?? [], golden.six ? 'ipv6' : 'ipv4');
    const refused = golden.error.length > 0 ? golden.error.join('\n') : undefined;
    if (refused !== undefined && ELSEWHERE.test(refused)) return;
    if (result === undefined) {
      expect(refused).toMatch(/^Try/);
      return;
    }
    if ('error' in result) {
      const said = (refused ?? '').replace(/^ip6?tables v1\.8\.9 \(nf_tables\): /, '');
      if (result.kernel === true) expect(said).toContain(`RULE_APPEND failed (${result.error})`);
      else expect(said.replace(/\n?Try `[^\n]*$/, '')).toBe(result.error);
      return;
    }
    if (refused !== undefined) {
      // Only where the extension may not stand in that chain.
      expect(refused).toContain('Invalid argument');
      expect(result.rules[0]?.placements).not.toEqual([]);
      return;
    }
    expect(result.rules.map(formatRule)).toEqual(golden.save);
    const family = golden.six ? 'ipv6' : 'ipv4';
    const rules = result.rules.map((rule) => ({ rule: { text: formatRule(rule) }, counters: result.counters ?? ([0, 0] as const) }));
    const chain = { name: 'USER', policy: undefined, policyCounted: false, policyCounters: [0, 0] as const, rules, record: undefined };
    const edit = new TableEdit(family, 'filter', [chain]);
    const lines = (words: string): string[] => {
      const command = parseCommand(words.split(' '), family);
      if (command.kind !== 'command') throw new Error(words);
      return listTable(edit, command).split('\n').slice(2, -1);
    };
    expect(lines('-L USER -n -v')).toEqual(golden.list);
    expect(lines('-L USER')).toEqual(golden.named);
  });
});
