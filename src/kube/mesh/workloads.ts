/** What istiod knows of the pods behind addresses: labels, place, and whether a proxy of the mesh is beside them. Istio: pilot/pkg/serviceregistry/kube/controller. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { TLS_MODE_LABEL } from './inject.ts';

export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `region/zone/subzone`, of the node's labels; parts may be empty. */
  readonly locality: string;
  readonly meshed: boolean;
}

/** By the node's labels; a pod's `istio-locality` is stronger. Istio: pilot/pkg/serviceregistry/kube/controller, getPodLocality. */
export function localityOf(pod: Pod, view: StoreView): string {
  const own = pod.metadata.labels?.['istio-locality'];
  if (own !== undefined) return own.replaceAll('.', '/');
  const labels = view.find<KubeObject>(`Node/${pod.spec.nodeName ?? ''}`)?.metadata.labels ?? {};
  const [region = '', zone = '', subzone = ''] = [
    labels['topology.kubernetes.io/region'],
    labels['topology.kubernetes.io/zone'],
    labels['topology.istio.io/subzone'],
  ];
  return [region, zone, subzone].join('/').replace(/\/+$/, '');
}

export const workloads = perState(['Pod', 'Node'], (view): ReadonlyMap<string, Workload> => {
  const found = new Map<string, Workload>();
  for (const pod of view.list<Pod>('Pod')) {
    const { labels = {} } = pod.metadata;
    const workload = {
      namespace: namespaceOf(pod),
      name: pod.metadata.name,
      labels,
      locality: localityOf(pod, view),
      meshed: labels[TLS_MODE_LABEL] === 'istio',
    };
    if (pod.spec.hostNetwork !== true) for (const { ip } of pod.status?.podIPs ?? []) if (ip !== undefined) found.set(ip, workload);
  }
  return found;
});
