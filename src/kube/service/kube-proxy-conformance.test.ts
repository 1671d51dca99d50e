/** Kubernetes' own expectations of kube-proxy's iptables rules, as text and as flows, read from ../shared/conformance. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Chain, NetRecord } from '../../net/records.ts';
import { chainId } from '../node/record-ids.ts';
import { KUBE_PROXY_JUMPS } from './kube-proxy-base-rules.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { configFor, DEFAULT_PROXY_CONFIG, nodePortIps } from './kube-proxy-config.ts';
import { endpointChainName, probability } from './kube-proxy-names.ts';
import { FLOW_NETNS, flowOutcomes } from './testing/engine-flows.ts';
import { proxyTables, restoreText } from './testing/restore-text.ts';
import { RuleTracer } from './testing/trace-rules.ts';
import type { EndpointSlice, Service } from './types.ts';

interface Case {
  readonly id: string;
  readonly config: {
    readonly mode: string;
    readonly nodeName: string;
    readonly nodeIPs: readonly string[];
    readonly podCIDR: string;
    readonly localDetector: string;
    readonly masqueradeAll: boolean;
    readonly localhostNodePorts: boolean;
    readonly nodePortAddresses: readonly string[] | null;
    readonly nfacct?: boolean;
    readonly conntrackTCPLiberal?: boolean;
    readonly randomFully?: boolean;
    readonly ipFamily?: 'IPv4' | 'IPv6';
  };
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly expectedRules?: string;
  readonly table?: 'filter' | 'nat';
  readonly chain?: string;
  readonly expected?: string;
  readonly hasRuleWithDestination?: string;
  readonly expectedPresent?: boolean;
}
interface RulesFile {
  readonly rules: readonly Case[];
  readonly chains: readonly Case[];
  readonly misc: { readonly computeProbability: Readonly<Record<string, string>> };
}

interface Flow {
  readonly name: string;
  readonly sourceIP: string;
  readonly protocol: string;
  readonly destIP: string;
  readonly destPort: number;
  readonly masq: boolean;
  readonly verdict: string;
  readonly dests?: readonly string[];
}

const path = resolve(import.meta.dirname, '../../../../shared/conformance/kubeproxy-rules.json');
const file: RulesFile = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RulesFile) : { rules: [], chains: [], misc: { computeProbability: {} } };

const flowsPath = resolve(import.meta.dirname, '../../../../shared/conformance/kubeproxy-flows.json');
const flows = existsSync(flowsPath)
  ? (JSON.parse(readFileSync(flowsPath, 'utf8')) as { readonly cases: readonly (Case & { readonly flows: readonly Flow[] })[] }).cases
  : [];

function configOf(one: Case): ProxyConfig {
  const config: ProxyConfig = {
    ...DEFAULT_PROXY_CONFIG,
    clusterCidr: one.config.localDetector === 'clusterCIDR' ? one.config.podCIDR : '',
    masqueradeAll: one.config.masqueradeAll,
    localhostNodePorts: one.config.localhostNodePorts,
    nodePortAddresses: one.config.nodePortAddresses ?? [],
    nfacct: one.config.nfacct ?? true,
    conntrackTcpLiberal: one.config.conntrackTCPLiberal ?? false,
    // Upstream's fake iptables lacks --random-fully unless the test sets it.
    randomFully: one.config.randomFully ?? false,
  };
  return configFor(config, one.config.ipFamily ?? 'IPv4');
}

function nodeIps(one: Case, config: ProxyConfig): string[] {
  const ofFamily = [
    ...(config.family === 'IPv4' ? ['127.0.0.1'] : ['::1']),
    ...one.config.nodeIPs.filter((ip) => ip.includes(':') === (config.family === 'IPv6')),
  ];
  if (config.nodePortAddresses.length === 0) return ofFamily.filter((ip) => ip !== '127.0.0.1' && ip !== '::1');
  return [...nodePortIps(config, undefined, ofFamily)];
}

/** Chains by name, rules by chain keeping their order: upstream's own normalisation. */
function normalised(text: string): string[] {
  const out: string[] = [];
  for (const table of text.trimEnd().split('COMMIT')) {
    const lines = table.split('\n').filter((line) => line !== '');
    if (lines.length === 0) continue;
    const chains = lines.filter((line) => line.startsWith(':')).sort();
    const byChain = lines.filter((line) => line.startsWith('-A')).map((line, index) => ({ line, index, chain: line.split(' ')[1] ?? '' }));
    byChain.sort((a, b) => (a.chain === b.chain ? a.index - b.index : a.chain < b.chain ? -1 : 1));
    out.push(lines[0] ?? '', ...chains, ...byChain.map((one) => one.line));
  }
  return out;
}

describe.skipIf(!existsSync(path))('kube-proxy as upstream tests it (kubeproxy-rules.json)', () => {
  for (const one of file.rules.filter((rule) => rule.config.mode === 'iptables')) {
    it(`${one.id}: the complete text is the same`, () => {
      const config = configOf(one);
      const tables = proxyTables(config, { name: one.config.nodeName, ips: nodeIps(one, config) }, one.services, one.endpointSlices);
      expect(normalised(restoreText(tables))).toEqual(normalised(one.expectedRules ?? 'missing'));
    });
  }

  for (const one of file.chains) {
    it(`${one.id}: chain ${one.chain} is the same`, () => {
      const config = configOf(one);
      const tables = proxyTables(config, { name: one.config.nodeName, ips: nodeIps(one, config) }, one.services, one.endpointSlices);
      const chain = one.chain ?? '';
      const rules = tables[one.table ?? 'filter'].get(chain) ?? [];
      if (one.hasRuleWithDestination !== undefined) {
        expect(rules.some((rule) => rule.text.includes(`-d ${one.hasRuleWithDestination} `))).toBe(one.expectedPresent);
      } else {
        expect(rules.map((rule) => `-A ${chain} ${rule.text}\n`).join('')).toBe((one.expected ?? 'missing').replace(/([^\n])$/, '$1\n'));
      }
    });
  }

  it('probabilities have ten decimals', () => {
    for (const [n, text] of Object.entries(file.misc.computeProbability)) expect(probability(Number(n))).toBe(text);
    expect(Object.keys(file.misc.computeProbability).length).toBeGreaterThan(5);
  });

  it('hashes service port, protocol and endpoint into a name', () => {
    expect(endpointChainName('ns1/svc1:p80', 'tcp', '10.180.0.1:80')).toBe('KUBE-SEP-SXIVWICOYRO3J4NJ');
  });
});

describe.skipIf(flows.length === 0)('kube-proxy flows as upstream traces them (kubeproxy-flows.json)', () => {
  for (const one of flows.filter((flow) => flow.config.mode === 'iptables')) {
    it(one.id, () => {
      const config = configOf(one);
      const tables = proxyTables(config, { name: one.config.nodeName, ips: nodeIps(one, config) }, one.services, one.endpointSlices);
      const tracer = new RuleTracer(tables, one.config.nodeIPs);
      for (const flow of one.flows) {
        const packet = { source: flow.sourceIP, destination: flow.destIP, protocol: (flow.protocol || 'TCP').toLowerCase(), port: flow.destPort };
        const outcomes = tracer.trace(packet);
        expect([...new Set(outcomes.map((outcome) => outcome.verdict))], flow.name).toEqual([flow.verdict]);
        const reached = [...new Set(outcomes.flatMap((outcome) => (outcome.destination === undefined ? [] : [outcome.destination])))].sort();
        expect(reached, flow.name).toEqual([...(flow.dests ?? [])].sort());
        for (const outcome of outcomes) expect(outcome.masquerade, flow.name).toBe(flow.masq);
      }
    });
  }
});

/** The same chains in a node's kernel, hooked in as kube-proxy hooks them. nfnetlink_acct is not simulated. */
function engineRecords(one: Case): readonly NetRecord[] {
  const config = { ...configOf(one), nfacct: false };
  const tables = proxyTables(config, { name: one.config.nodeName, ips: nodeIps(one, config) }, one.services, one.endpointSlices);
  const origin = { component: 'kube-proxy', objects: [] };
  const chain = (table: 'nat' | 'filter', name: string, rules: Chain['rules'], policy?: 'ACCEPT'): Chain => ({
    kind: 'chain',
    id: chainId(FLOW_NETNS, table, name, config.family === 'IPv6' ? 'ipv6' : undefined),
    origin,
    netns: FLOW_NETNS,
    ...(config.family === 'IPv6' ? { family: 'ipv6' as const } : {}),
    table,
    name,
    ...(policy === undefined ? {} : { policy }),
    rules,
  });
  return (['nat', 'filter'] as const).flatMap((table) => [
    ...(table === 'nat' ? ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'] : ['INPUT', 'FORWARD', 'OUTPUT']).map((name) =>
      chain(table, name, KUBE_PROXY_JUMPS.filter((jump) => jump.table === table && jump.from === name).reverse(), 'ACCEPT'),
    ),
    ...[...tables[table]].map(([name, rules]) => chain(table, name, rules)),
  ]);
}

describe.skipIf(flows.length === 0)('kube-proxy flows as the engine runs them (kubeproxy-flows.json)', () => {
  for (const one of flows.filter((flow) => flow.config.mode === 'iptables')) {
    it(one.id, () => {
      const records = engineRecords(one);
      for (const flow of one.flows) {
        const ips = one.config.nodeIPs.filter((ip) => ip.includes(':') === flow.destIP.includes(':'));
        const outcomes = flowOutcomes(ips, records, { ...flow, protocol: flow.protocol || 'TCP' });
        const verdict = flow.verdict === 'accept' ? 'no-rule' : flow.verdict;
        expect([...new Set(outcomes.map((outcome) => outcome.verdict))], flow.name).toEqual([verdict]);
        expect([...new Set(outcomes.flatMap((outcome) => outcome.destination ?? []))].sort(), flow.name).toEqual([...(flow.dests ?? [])].sort());
        for (const outcome of outcomes) expect(outcome.masquerade, flow.name).toBe(flow.masq === true);
      }
    });
  }
});
