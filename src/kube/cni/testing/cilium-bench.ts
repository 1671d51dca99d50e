/** Pods of a conformance case on machines with Cilium's devices, programs and maps, in a real engine: VXLAN between nodes, Services looked up packet by packet. */
import type { NetRecord } from '../../../net/records.ts';
import { findNode } from '../../node/cluster-network.ts';
import { configMap, node, pod } from '../../node/testing/small-cluster.ts';
import { hasSandbox } from '../../pod/running.ts';
import { networkPolicy } from '../../policy/network-policy.ts';
import type { BenchKind } from '../../policy/testing/policy-bench.ts';
import { ciliumAgent } from '../../service/cilium-agent.ts';
import { cilium } from '../cilium.ts';
import { daemonsOf } from '../daemons.ts';

const settings = {
  'routing-mode': 'tunnel',
  'tunnel-protocol': 'vxlan',
  'kube-proxy-replacement': 'true',
  'bpf-lb-sock-hostns-only': 'true',
  'enable-sctp': 'true',
};

export const ciliumKind: BenchKind = {
  // Wires are among what the plugin renders.
  wire: () => undefined,
  cluster: (nodes) => [
    configMap('cilium-config', 'kube-system', settings),
    ...nodes.flatMap(({ name, ip }, index) => [
      node(name, ip, `10.99.${index}.0/24`),
      pod(`cilium-${name}`, 'kube-system', name, ip, { hostNetwork: true, containers: [{ name: 'cilium-agent', image: 'quay.io/cilium/cilium:v1.18.3' }] }),
    ]),
  ],
  render(given, nodes, pods) {
    // The API server has filled in policyTypes before an agent sees a policy.
    for (const policy of given.list('NetworkPolicy')) given.put(networkPolicy.defaults?.(policy) ?? policy);
    const records: NetRecord[] = ciliumAgent.keys(given).flatMap((key) => ciliumAgent.render(key, given).records);
    for (const { name } of nodes) {
      const found = findNode(name, given);
      if (found === undefined) continue;
      const site = { node: found, view: given, daemon: daemonsOf('cilium', given).get(name)?.pod };
      records.push(...cilium.renderNode(site).records);
      pods
        .filter((one) => one.spec.nodeName === name && hasSandbox(one))
        .forEach((one, index) => {
          const netns = `${name}/netns/${one.metadata.name}.${one.metadata.namespace}`;
          // Addresses of a case are of no node's range: the number that follows from an address would be the same for all.
          for (const record of cilium.attach(site, { pod: one, netns, ip: one.status?.podIP ?? '' }))
            records.push(record.kind === 'device' && record.netns !== netns ? { ...record, index: 10 + index } : record);
        });
    }
    return records.filter((record) => record.kind !== 'process');
  },
};
