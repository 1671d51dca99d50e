/** Makes the nodes that a kind configuration asks for. kind: pkg/cluster/internal/providers/common/namer.go, pkg/internal/apis/config. */
import { defineController } from '../../objects/define.ts';
import { objectKey } from '../../objects/types.ts';
import { REFLECTOR_ID } from '../cni/calico/settings.ts';
import type { KindCluster } from './cluster-kinds.ts';

const maxNodes = 100;

export const kindClusterController = defineController({
  name: 'kind-cluster-controller',
  watches: ['Cluster'],
  keysFor: (changed) => [objectKey(changed)],
  reconcile(key, context) {
    const cluster = context.view.find<KindCluster>(key);
    if (cluster === undefined) return;
    const counts = new Map<string, number>();
    for (const wanted of (cluster.nodes ?? [{ role: 'control-plane' }]).slice(0, maxNodes)) {
      const role = wanted.role ?? 'control-plane';
      const count = (counts.get(role) ?? 0) + 1;
      counts.set(role, count);
      const name = `${cluster.name ?? 'kind'}-${role}${count === 1 ? '' : count}`;
      if (context.view.find(`Node/${name}`) !== undefined) continue;
      const controlPlane = role === 'control-plane';
      // A cluster of one node runs pods on its control plane.
      const tainted = controlPlane && (cluster.nodes ?? []).length > 1;
      // calicoctl makes a node a reflector by its cluster id.
      const reflects = controlPlane && cluster.networking?.cni === 'calico-route-reflector';
      context.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name,
          labels: {
            ...(controlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {}),
            ...(reflects ? { 'route-reflector': 'true' } : {}),
            ...wanted.labels,
          },
          ...(reflects ? { annotations: { [REFLECTOR_ID]: '244.0.0.1' } } : {}),
          ownerReferences: [{ apiVersion: cluster.apiVersion, kind: cluster.kind, name: cluster.metadata.name, uid: cluster.metadata.uid ?? '' }],
        },
        spec: tainted ? { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {},
      });
    }
  },
});
