/** The addresses that a node has beside loopback, as kube-proxy finds them on its devices: its card's, and those the CNI has given it. Kubernetes: pkg/proxy/util, NodePortAddresses.GetNodeIPs. */

import type { StoreView } from '../../objects/types.ts';
import { cniOf } from '../cni/index.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { hasSandbox } from '../pod/running.ts';

export function nodeLocalIps(node: ClusterNode, family: IpFamily, view: StoreView): readonly string[] {
  const ip = family === 'IPv4' ? node.ip : node.ip6;
  if (ip === undefined) return [];
  const { cni, site, running, own, plugin, pluginSite } = cniOf(node, view);
  const records = [
    ...(own && running ? cni.renderNode(site).records : []),
    ...(podsOn(view, node.name).some(hasSandbox) ? plugin.renderPodNetwork(pluginSite) : []),
  ];
  const ips = records.flatMap((record) =>
    record.kind === 'device'
      ? record.addresses.filter((address) => address.scope === 'global' && address.ip.includes(':') === (family === 'IPv6')).map((address) => address.ip)
      : [],
  );
  return [...new Set([ip, ...ips])];
}
