/**
 * What ingress-nginx writes back: an event when it takes up an Ingress or a change of it, and once a minute the addresses where it can be reached.
 * ingress-nginx: internal/ingress/controller/store/store.go, internal/ingress/status/status.go.
 */
import { deepEqual } from '../../../base/equal.ts';
import { defineController } from '../../../objects/define.ts';
import { stableHex } from '../../../objects/identity.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import type { Node } from '../../node/types.ts';
import { isReady, isTerminating, namespaceOf, type Pod } from '../../pod/types.ts';
import type { LoadBalancerIngress, Service } from '../../service/types.ts';
import type { Ingress } from '../ingress.ts';
import { modelOf } from './agent.ts';
import { compileNginx } from './compile.ts';
import { controllerContainer, controllerPods, flagsOf, isConfigOf, usesProxyProtocol } from './controller-pods.ts';
import { type IngressMemory, ingressMemory } from './memory.ts';
import { isOwnIngress } from './model.ts';

const COMPONENT = 'nginx-ingress-controller';
/** status.go, UpdateInterval */
const STATUS_NS = 60_000_000_000;

const isServing = (pod: Pod): boolean => isReady(pod) && !isTerminating(pod);
const versionOf = (ingress: Ingress): string => JSON.stringify([ingress.metadata.uid, ingress.spec, ingress.metadata.annotations, ingress.status]);
const isAlike = (one: Pod, other: Pod): boolean =>
  namespaceOf(one) === namespaceOf(other) && one.metadata.ownerReferences?.[0]?.uid === other.metadata.ownerReferences?.[0]?.uid;

/** The Service's addresses, or those of the nodes where the controller's pods are. */
function addressesOf(pod: Pod, view: StoreView): readonly LoadBalancerIngress[] {
  const container = controllerContainer(pod);
  if (container === undefined) return [];
  const flags = flagsOf(pod, container);
  const service = flags.publishService === '' ? undefined : view.find<Service>(`Service/${flags.publishService}`);
  if (service !== undefined) {
    const { type, clusterIP, externalIPs = [] } = service.spec;
    if (type === 'ExternalName') return [{ hostname: service.spec.externalName ?? '' }];
    if (type === 'LoadBalancer')
      return [...(service.status?.loadBalancer?.ingress ?? []), ...externalIPs.map((ip): LoadBalancerIngress => ({ ip }))].map(({ ip, hostname }) =>
        ip === undefined ? { hostname: hostname ?? '' } : { ip },
      );
    if (type === 'NodePort' && externalIPs.length > 0) return externalIPs.map((ip) => ({ ip }));
    return clusterIP === undefined || clusterIP === 'None' ? [] : [{ ip: clusterIP }];
  }
  const ips = new Set<string>();
  for (const other of controllerPods(view)) {
    if (!isServing(other) || !isAlike(other, pod)) continue;
    const node = view.find<Node>(`Node/${other.spec.nodeName ?? ''}`);
    const addresses = node?.status?.addresses ?? [];
    const find = (type: string) => addresses.find((address) => address.type === type)?.address;
    const ip = flags.internalAddress ? find('InternalIP') : (find('ExternalIP') ?? find('InternalIP'));
    if (ip !== undefined) ips.add(ip);
  }
  return [...ips].sort().map((ip) => ({ ip }));
}

/** Only one of several replicas, the leader, writes addresses. */
const isLeader = (pod: Pod, view: StoreView): boolean =>
  controllerPods(view).filter((other) => isServing(other) && isAlike(other, pod))[0]?.metadata.uid === pod.metadata.uid;

/** What nginx.conf is made of, as a short text to compare. */
function configurationOf(pod: Pod, view: StoreView): string {
  const model = modelOf(pod, view);
  const container = controllerContainer(pod);
  if (model === undefined || container === undefined) return '';
  const flags = flagsOf(pod, container);
  return stableHex(JSON.stringify(compileNginx(model, flags).hosts) + (usesProxyProtocol(flags, view) ? ' proxy_protocol' : ''));
}

function reconcile(key: ObjectKey, context: ControllerContext): void {
  const pod = context.view.find<Pod>(key);
  const container = pod === undefined ? undefined : controllerContainer(pod);
  if (pod === undefined || container === undefined || !isServing(pod)) return;
  const namespace = namespaceOf(pod);
  const memoryKey = `IngressMemory/${namespace}/${pod.metadata.name}`;
  const known = context.view.find<IngressMemory>(memoryKey);
  const before = known !== undefined && known.spec.podUid === pod.metadata.uid ? known.spec : undefined;
  const flags = flagsOf(pod, container);
  const seen: Record<string, string> = {};
  const own = context.view.list<Ingress>('Ingress').filter((ingress) => isOwnIngress(ingress, flags, context.view));
  const due = before === undefined ? context.nowNs + STATUS_NS : before.wroteNs + STATUS_NS;
  const writes = before !== undefined && context.nowNs >= due && isLeader(pod, context.view);
  const addresses = writes ? addressesOf(pod, context.view) : [];
  for (const ingress of own) {
    const name = objectKey(ingress);
    let current = ingress;
    if (before?.seen[name] !== versionOf(ingress)) context.event(ingress, 'Normal', 'Sync', 'Scheduled for sync', COMPONENT);
    if (writes && !deepEqual(ingress.status?.loadBalancer?.ingress ?? [], addresses)) {
      const status = { ...ingress.status, loadBalancer: addresses.length === 0 ? {} : { ingress: addresses } };
      const written = context.updateStatus({ ...ingress, status } as KubeObject) as Ingress | undefined;
      if (written !== undefined) {
        current = written;
        context.event(written, 'Normal', 'Sync', 'Scheduled for sync', COMPONENT);
      }
    }
    seen[name] = versionOf(current);
  }
  // Other endpoints are given to the running nginx; all else needs a new configuration.
  const loaded = configurationOf(pod, context.view);
  if (before?.loaded !== loaded) context.event(pod, 'Normal', 'RELOAD', 'NGINX reload triggered due to a change in configuration', COMPONENT);
  const wroteNs = before === undefined || context.nowNs >= due ? context.nowNs : before.wroteNs;
  const spec = { podUid: pod.metadata.uid ?? '', seen, wroteNs, loaded };
  if (own.length > 0) context.requeueAfter(key, wroteNs + STATUS_NS - context.nowNs);
  if (deepEqual(known?.spec, spec)) return;
  if (known === undefined) {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid ?? '', controller: false }];
    context.create({
      apiVersion: ingressMemory.apiVersion,
      kind: ingressMemory.kind,
      metadata: { name: pod.metadata.name, namespace, ownerReferences },
      spec,
    } as KubeObject);
  } else context.update({ ...known, spec });
}

export const ingressNginxController = defineController({
  name: 'ingress-nginx',
  watches: ['Ingress', 'IngressClass', 'Pod', 'Service', 'Secret', 'ConfigMap'],
  keysFor: (changed, view) => {
    if (changed.kind === 'ConfigMap')
      return controllerPods(view)
        .filter((pod) => isConfigOf(changed, pod))
        .map(objectKey);
    if (changed.kind === 'Pod') return controllerContainer(changed as Pod) === undefined ? [] : [objectKey(changed)];
    return controllerPods(view).map(objectKey);
  },
  reconcile,
});
