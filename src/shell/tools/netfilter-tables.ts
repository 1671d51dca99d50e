/** Between iptables' commands and the records: a netns' tables as commands change them, and what changed written back. */
import type { ChainCounters } from '../../net/engine.ts';
import type { FindSet } from '../../net/netfilter/command/apply.ts';
import { type EditChain, TableEdit } from '../../net/netfilter/command/tables.ts';
import type { Family } from '../../net/netfilter/definition.ts';
import { ipSetTypeOf } from '../../net/netfilter/ipset/type.ts';
import type { Chain, IpSet } from '../../net/records.ts';
import type { TableName } from '../../net/trace-event.ts';
import type { ShellHost } from '../../world/shell-host.ts';

/** Whose tables: nf_tables', or the kernel's old ones, of which `iptables` (nft) knows nothing. */
export type Backend = 'nft' | 'legacy';

const NO_COUNTERS: ChainCounters = { policy: [0, 0], rules: [] };
const folder = (family: Family, backend: Backend): string => `${family === 'ipv6' ? 'chain6' : 'chain'}${backend === 'legacy' ? '-legacy' : ''}`;

export function chainRecords(host: ShellHost, netns: string, family: Family, backend: Backend = 'nft'): Chain[] {
  const chains: Chain[] = [];
  for (const record of host.engine.records.values()) {
    if (record.kind === 'chain' && record.netns === netns && (record.family ?? 'ipv4') === family && (record.backend ?? 'nft') === backend) chains.push(record);
  }
  return chains;
}

function editChain(host: ShellHost, record: Chain): EditChain {
  const counters = host.engine.counters(record.id) ?? NO_COUNTERS;
  return {
    name: record.name,
    policy: record.policy,
    policyCounted: record.policyCounted === true,
    policyCounters: counters.policy,
    rules: record.rules.map((rule, i) => ({ rule, counters: counters.rules[i] ?? [0, 0] })),
    record,
  };
}

export function openTable(host: ShellHost, netns: string, family: Family, table: TableName, backend: Backend = 'nft'): TableEdit {
  return new TableEdit(
    family,
    table,
    chainRecords(host, netns, family, backend)
      .filter((record) => record.table === table)
      .map((record) => editChain(host, record)),
  );
}

export const findSetOf =
  (host: ShellHost, netns: string): FindSet =>
  (name) => {
    const record = host.engine.records.find(`${netns}/ipset/${name}`) as IpSet | undefined;
    if (record === undefined) return undefined;
    const dimensions = ipSetTypeOf(record.type).dimensions;
    return { family: record.family, holdsAddresses: dimensions.includes('ip') || dimensions.includes('net') };
  };

function recordOf(netns: string, edit: TableEdit, chain: EditChain, backend: Backend): Chain {
  const known = chain.record;
  const rules = known !== undefined && known.rules.length === chain.rules.length ? known.rules : chain.rules.map((one) => one.rule);
  return {
    ...(known ?? { kind: 'chain', origin: { component: 'user', objects: [] } }),
    kind: 'chain',
    id: `${netns}/${folder(edit.family, backend)}/${edit.table}/${chain.name}`,
    netns,
    ...(edit.family === 'ipv6' ? { family: 'ipv6' as const } : {}),
    ...(backend === 'legacy' ? { backend } : {}),
    table: edit.table,
    name: chain.name,
    ...(chain.policy === undefined ? {} : { policy: chain.policy }),
    ...(chain.policyCounted ? { policyCounted: true } : {}),
    rules,
  };
}

/** Writes what the edit changed. A table somebody has written to has all its built-in chains. */
export function writeTable(host: ShellHost, netns: string, edit: TableEdit, backend: Backend = 'nft'): void {
  if (!edit.touched) return;
  const { engine } = host;
  const before = new Map(
    chainRecords(host, netns, edit.family, backend)
      .filter((record) => record.table === edit.table)
      .map((record) => [record.name, record]),
  );
  const counted: { readonly id: string; readonly counters: ChainCounters }[] = [];
  for (const chain of edit.chains()) {
    const known = before.get(chain.name);
    before.delete(chain.name);
    if (known !== undefined && edit.isUnchanged(chain)) continue;
    // What nobody has touched keeps its very record; a chain's owner stays its owner.
    const record =
      chain.record === known && known !== undefined && samePolicy(known, chain)
        ? known
        : recordOf(netns, edit, known === undefined || chain.record !== undefined ? chain : owned(chain, known), backend);
    if (record !== known) engine.records.put(record);
    counted.push({ id: record.id, counters: { policy: chain.policyCounters, rules: chain.rules.map((one) => one.counters) } });
  }
  for (const record of before.values()) engine.records.remove(record.id);
  for (const { id, counters } of counted) engine.setCounters(id, counters);
}

const samePolicy = (record: Chain, chain: EditChain): boolean => record.policy === chain.policy && (record.policyCounted === true) === chain.policyCounted;

/** The chain with the record's owner, but with its own rules. */
function owned(chain: EditChain, known: Chain): EditChain {
  return { ...chain, record: { ...known, rules: chain.rules.map((one) => one.rule) } };
}
