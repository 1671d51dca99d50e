/** Pods of a conformance case on machines wired as kindnet wires them, in a real engine, where policies are enforced by what kindnetd or kube-network-policies write. */
import { node } from '../../node/testing/small-cluster.ts';
import { POLICY_KINDS } from '../policy-kinds.ts';
import { buildModel } from '../policy-model.ts';
import { buildQueueTable } from '../policy-queue.ts';
import { type Enforcer, enforcerRecords, kindnetd, selectedPods } from '../policy-queue-agent.ts';
import type { Wire } from './bench-machines.ts';
import type { BenchKind } from './policy-bench.ts';

const GATEWAY = '169.254.1.1';

const wire: Wire = (builder, { root, netns, ip, index }) => {
  builder.cable('veth', { netns: root, name: `veth${index}` }, { netns, name: 'eth0' }, { addressesA: [`${GATEWAY}/32`], addressesB: [`${ip}/32`] });
  builder.route(root, `${ip}/32`, { device: `veth${index}` });
  builder.route(netns, '0.0.0.0/0', { gateway: GATEWAY, device: 'eth0', onlink: true });
};

const enforcedBy = (enforcer: Enforcer): BenchKind => ({
  wire,
  cluster: (nodes) => nodes.map(({ name, ip }, index) => node(name, ip, `10.99.${index}.0/24`)),
  render(view, nodes, pods) {
    const policies = POLICY_KINDS.flatMap((kind) => view.list(kind));
    const model = buildModel({ pods, namespaces: view.list('Namespace'), nodes: view.list('Node'), policies });
    const table = buildQueueTable(model, enforcer.all);
    const selected = selectedPods(model);
    return nodes.flatMap(({ name }) => enforcerRecords(enforcer, `${name}/netns/root`, { component: 'test', objects: [] }, table, selected.get(name)));
  },
});

export const kindnetKind = enforcedBy(kindnetd);
/** The DaemonSet that enforces ClusterNetworkPolicy too, beside any CNI. */
export const kubeNetworkPoliciesKind = enforcedBy({
  ...kindnetd,
  role: 'kube-network-policies',
  table: 'kube-network-policies',
  program: 'kube-network-policies',
  queue: 98,
  failOpen: false,
  all: true,
});
