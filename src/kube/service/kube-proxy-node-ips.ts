/** The addresses that a node has beside loopback, as kube-proxy finds them on its devices: its card's, and those the CNI has given it. Kubernetes: pkg/proxy/util, NodePortAddresses.GetNodeIPs. */

import type { StoreView } from '../../objects/types.ts';
import { cniOf, plugOf } from '../cni/index.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { hasSandbox } from '../pod/running.ts';

export function nodeLocalIps(node: ClusterNode, family: IpFamily, view: StoreView): readonly string[] {
  const ip = family === 'IPv4' ? node.ip : node.ip6;
  if (ip === undefined) return [];
  const found = cniOf(node, view);
  const { cni, site, running, own } = found;
  const used = new Map(
    podsOn(view, node.name)
      .flatMap((pod) => (hasSandbox(pod) ? [plugOf(found, pod.status?.podIP ?? '')] : []))
      .map((plug) => [plug.cni, plug.site]),
  );
  const records = [...(own && running ? cni.renderNode(site).records : []), ...[...used].flatMap(([one, at]) => one.renderPodNetwork(at))];
  const ips = records.flatMap((record) =>
    record.kind === 'device'
      ? record.addresses.filter((address) => address.scope === 'global' && address.ip.includes(':') === (family === 'IPv6')).map((address) => address.ip)
      : [],
  );
  return [...new Set([ip, ...ips])];
}
