/** kube-proxy's nftables table as commands, in the form in which upstream's tests expect it. */

import type { KubeObject } from '../../../objects/types.ts';
import { formatCidr } from '../../addresses.ts';
import { clusterSettings } from '../../node/cluster-config.ts';
import { objectView } from '../../node/testing/object-view.ts';
import { nodePortIps } from '../kube-proxy-config.ts';
import { nftBaseText, nftServiceRules } from '../kube-proxy-nftables.ts';
import type { ProxyNode } from '../kube-proxy-shared.ts';
import type { Service } from '../types.ts';

/** Sorted lines: kube-proxy goes through its Services in no order. */
export function nftDump(proxy: ProxyNode, nodeIps: readonly string[], objects: readonly KubeObject[]): readonly string[] {
  const view = objectView(objects);
  const { config } = proxy;
  const six = config.family === 'IPv6';
  const settings = clusterSettings(view);
  const serviceCidr = six ? settings.serviceCidr6 : formatCidr(settings.serviceCidr);
  const base = nftBaseText({
    family: config.family,
    masqueradeMark: config.masqueradeMark,
    nodePortIps: config.nodePortAddresses.length === 0 ? undefined : nodePortIps(config, proxy.ip, nodeIps),
    serviceCidrs: serviceCidr === undefined ? [] : [serviceCidr],
  });
  const lines = new Set(base.trimEnd().split('\n'));
  const table = `${six ? 'ip6' : 'ip'} kube-proxy`;
  for (const service of view.list<Service>('Service')) {
    for (const port of nftServiceRules(service, proxy, view)) {
      for (const { set, element } of port.elements) lines.add(`add element ${table} ${set} { ${element.text} }`);
      for (const { name, rules, affinity } of port.chains) {
        lines.add(`add chain ${table} ${name}`);
        for (const rule of rules) lines.add(`add rule ${table} ${name} ${asWritten(rule.text)}`);
        if (affinity === undefined) continue;
        const type = six ? 'ipv6_addr' : 'ipv4_addr';
        lines.add(`add set ${table} ${affinity.name} { type ${type} ; flags dynamic,timeout ; timeout ${affinity.timeoutMs / 1000}s ; }`);
      }
    }
  }
  return [...lines].sort();
}

/** nft prints lists without blanks before their commas, and a list of one source range as that range. */
function asWritten(text: string): string {
  return text
    .replaceAll(', ', ' , ')
    .replace(/saddr != (\S+) drop/, 'saddr != { $1 } drop')
    .replace(/iif (!= )?"(\S+)"/, 'iif $1$2');
}
