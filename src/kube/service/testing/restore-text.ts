/** All of kube-proxy's rules for one node as iptables-restore text, for tests that compare with upstream's. */
import type { Rule } from '../../../net/records.ts';
import { FILTER_CHAINS, forwardRules, localnetRules, markMasqRules, nodePortJumps, postroutingRules } from '../kube-proxy-base-rules.ts';
import type { ProxyConfig } from '../kube-proxy-config.ts';
import { inRange, localDetectorFor } from '../kube-proxy-config.ts';
import { SERVICE_NAME_LABEL, servicePorts } from '../kube-proxy-model.ts';
import { FORWARD, KUBELET_FIREWALL, MARK_MASQ, NODE_PORTS, POSTROUTING, SERVICES } from '../kube-proxy-names.ts';
import { portRules } from '../kube-proxy-service-rules.ts';
import type { EndpointSlice, Service } from '../types.ts';

export interface Tables {
  readonly filter: Map<string, Rule[]>;
  readonly nat: Map<string, Rule[]>;
}

export function proxyTables(
  config: ProxyConfig,
  node: { readonly name: string; readonly ips: readonly string[] },
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): Tables {
  const tables: Tables = { filter: new Map(FILTER_CHAINS.map((name) => [name, []])), nat: new Map() };
  for (const name of [NODE_PORTS, SERVICES]) tables.nat.set(name, []);
  tables.nat.set(MARK_MASQ, [...markMasqRules(config)]);
  tables.nat.set(POSTROUTING, [...postroutingRules(config)]);
  tables.filter.set(FORWARD, [...forwardRules(config)]);
  tables.filter.set(KUBELET_FIREWALL, [...localnetRules(config)]);
  const options = {
    config,
    detector: localDetectorFor(config, undefined),
    place: { nodeName: node.name, zone: '' },
    nodeIp: node.ips[0] ?? '',
    largeCluster: false,
    known: new Map(),
    used: new Map(),
    contains: inRange,
  };
  for (const service of services) {
    const own = slices.filter(
      (slice) => slice.metadata.namespace === service.metadata.namespace && slice.metadata.labels?.[SERVICE_NAME_LABEL] === service.metadata.name,
    );
    for (const port of servicePorts(service, own, config.family)) {
      const rules = portRules(port, options);
      for (const { table, chain, rule } of rules.shared) tables[table].get(chain)?.push(rule);
      for (const chain of rules.chains) tables.nat.set(chain.name, [...chain.rules]);
    }
  }
  tables.nat.get(SERVICES)?.push(...nodePortJumps(config, node.ips));
  return tables;
}

export function restoreText(tables: Tables): string {
  const lines: string[] = [];
  for (const table of ['filter', 'nat'] as const) {
    lines.push(`*${table}`, ...[...tables[table].keys()].map((name) => `:${name} - [0:0]`));
    for (const [name, rules] of tables[table]) lines.push(...rules.map((rule) => `-A ${name} ${rule.text}`));
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}
