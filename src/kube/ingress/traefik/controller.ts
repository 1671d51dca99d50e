/** What Traefik writes back: where an Ingress can be reached, if its flags say where that is. Traefik: pkg/provider/kubernetes/ingress/kubernetes.go, updateIngressStatus. */
import { deepEqual } from '../../../base/equal.ts';
import { defineController } from '../../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { isReady, isTerminating, type Pod } from '../../pod/types.ts';
import type { LoadBalancerIngress, Service } from '../../service/types.ts';
import type { Ingress } from '../ingress.ts';
import { isTraefikIngress } from './from-ingress.ts';
import { type TraefikFlags, traefikContainer, traefikFlags, traefikPods } from './traefik-pods.ts';

/** Undefined: nobody has said where, or there is nowhere yet. */
function addressesOf({ published, endpointIp, endpointHost }: TraefikFlags, view: StoreView): readonly LoadBalancerIngress[] | undefined {
  if (published !== '') {
    const found = view.find<Service>(`Service/${published}`)?.status?.loadBalancer?.ingress;
    return found === undefined || found.length === 0 ? undefined : found.map(({ ip, hostname }) => (ip === undefined ? { hostname: hostname ?? '' } : { ip }));
  }
  if (endpointIp === '' && endpointHost === '') return undefined;
  return [{ ...(endpointIp === '' ? {} : { ip: endpointIp }), ...(endpointHost === '' ? {} : { hostname: endpointHost }) }];
}

function reconcile(key: ObjectKey, context: ControllerContext): void {
  const pod = context.view.find<Pod>(key);
  const container = pod === undefined ? undefined : traefikContainer(pod);
  if (pod === undefined || container === undefined || !isReady(pod) || isTerminating(pod)) return;
  const flags = traefikFlags(pod, container);
  const addresses = flags.ingress ? addressesOf(flags, context.view) : undefined;
  if (addresses === undefined) return;
  for (const ingress of context.view.list<Ingress>('Ingress')) {
    if (!isTraefikIngress(ingress, flags, context.view) || deepEqual(ingress.status?.loadBalancer?.ingress ?? [], addresses)) continue;
    context.updateStatus({ ...ingress, status: { ...ingress.status, loadBalancer: { ingress: addresses } } } as KubeObject);
  }
}

export const traefikController = defineController({
  name: 'traefik',
  watches: ['Ingress', 'IngressClass', 'Pod', 'Service'],
  keysFor: (changed, view) => {
    if (changed.kind === 'Pod') return traefikContainer(changed as Pod) === undefined ? [] : [objectKey(changed)];
    return traefikPods(view).map(objectKey);
  },
  reconcile,
});
