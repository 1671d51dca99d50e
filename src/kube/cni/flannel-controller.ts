/** flanneld's own part of the objects: its lease, written as annotations of its Node, by which the others find it. flannel: pkg/subnet/kube */
import { defineController } from '../../objects/define.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { findNode } from '../node/cluster-network.ts';
import type { Node } from '../node/types.ts';
import type { Pod } from '../pod/types.ts';
import { daemonsOf, isDaemon } from './daemons.ts';
import { flannelAnnotations } from './flannel.ts';

const ROLE = 'flannel';

/** One key is one node. */
export const flannelController = defineController({
  name: ROLE,
  watches: ['Pod', 'Node', 'ConfigMap'],
  keysFor(changed, view) {
    if (changed.kind === 'Node') return [`Node/${changed.metadata.name}`];
    if (changed.kind === 'Pod') {
      const pod = changed as Pod;
      return pod.spec.nodeName !== undefined && isDaemon(pod, ROLE) ? [`Node/${pod.spec.nodeName}`] : [];
    }
    if (changed.metadata.namespace === undefined || !('data' in changed) || !Object.hasOwn((changed.data ?? {}) as object, 'net-conf.json')) return [];
    return view.list('Node').map((node): ObjectKey => `Node/${node.metadata.name}`);
  },
  reconcile(key, context) {
    const node = context.view.find<Node>(key);
    const daemon = node === undefined ? undefined : daemonsOf(ROLE, context.view).get(node.metadata.name);
    const clusterNode = node === undefined ? undefined : findNode(node.metadata.name, context.view);
    if (node === undefined || clusterNode === undefined || daemon?.running !== true) return;
    const wanted = flannelAnnotations({ node: clusterNode, daemon: daemon.pod, view: context.view });
    const known = node.metadata.annotations ?? {};
    if (wanted === undefined || Object.entries(wanted).every(([name, value]) => known[name] === value)) return;
    context.update({ ...node, metadata: { ...node.metadata, annotations: { ...known, ...wanted } } });
  },
});
