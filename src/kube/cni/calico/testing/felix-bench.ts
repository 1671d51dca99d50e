/** Pods of a conformance case on machines wired as Calico wires them, in a real engine, with the chains and sets that Felix writes. */
import { findNode } from '../../../node/cluster-network.ts';
import { node, pod } from '../../../node/testing/small-cluster.ts';
import type { Wire } from '../../../policy/testing/bench-machines.ts';
import type { BenchKind } from '../../../policy/testing/policy-bench.ts';
import { hostDeviceOf } from '../device-name.ts';
import { renderFelix } from '../felix.ts';

const GATEWAY = '169.254.1.1';
const origin = { component: 'felix', objects: [] };

const wire: Wire = (builder, { root, netns, pod: one, ip }) => {
  const device = hostDeviceOf(one);
  builder.cable('veth', { netns: root, name: device }, { netns, name: 'eth0' }, { addressesB: [`${ip}/32`] });
  builder.records.put({ kind: 'proxy-neighbor', id: `${root}/proxy-neighbor/${device}/${GATEWAY}`, origin, netns: root, device, ip: GATEWAY });
  builder.route(root, `${ip}/32`, { device });
  builder.route(netns, '0.0.0.0/0', { gateway: GATEWAY, device: 'eth0', onlink: true });
};

export const calicoKind: BenchKind = {
  wire,
  cluster: (nodes) =>
    nodes.flatMap(({ name, ip }, index) => [
      node(name, ip, `10.99.${index}.0/24`),
      pod(`calico-${name}`, 'kube-system', name, ip, { hostNetwork: true, containers: [{ name: 'calico-node', image: 'quay.io/calico/node:v3.30.3' }] }),
    ]),
  render: (view, nodes) =>
    nodes.flatMap(({ name }) => {
      const found = findNode(name, view);
      return found === undefined ? [] : renderFelix(found, origin, view);
    }),
};
