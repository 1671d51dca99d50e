/**
 * Services of a set of clusters: from all exports of a name a ServiceImport, a Service of this cluster behind whose address kube-proxy finds
 * the endpoints of all clusters, and their slices. Multi-Cluster Services API (KEP-1645), with the derived Service of its reference implementation.
 */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { conditionsFrom, type Said, writeStatus } from '../gateway/conditions.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { base32, sha256 } from '../service/kube-proxy-sha256.ts';
import { type EndpointSlice, managedByLabel, type Service, serviceNameLabel } from '../service/types.ts';
import { exportedService } from './further.ts';
import { type ClusterPeer, MCS_VERSION, type ServiceExport, type ServiceImport } from './kinds.ts';
import { byAge, type Merged, mergeExports, type Source } from './merge-exports.ts';

const CONTROLLER = 'mcs-controller';
const SERVICE_LABEL = 'multicluster.kubernetes.io/service-name';
const CLUSTER_LABEL = 'multicluster.kubernetes.io/source-cluster';
const DERIVED_LABEL = 'multicluster.kubernetes.io/derived-service';
/** Where there is no other cluster nobody asks for the name of this one. */
const ALONE = 'kubernetes';

const importKey = (namespace: string, name: string): ObjectKey => `ServiceImport/${namespace}/${name}`;
/** RFC 4648 section 7: the digits come first, then letters. */
const HEX_LETTERS = '0123456789abcdefghijklmnopqrstuv';
const USUAL_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const hexLetter = (letter: string): string => HEX_LETTERS[USUAL_LETTERS.indexOf(letter)] ?? '';
/** mcs-api: pkg/controllers/common.go, derivedName. */
const derivedName = (namespace: string, name: string): string => `derived-${[...base32(sha256(`${namespace}/${name}`)).slice(0, 10)].map(hexLetter).join('')}`;

function keysFor(changed: KubeObject, view: StoreView): readonly ObjectKey[] {
  const { name, namespace = 'default', labels } = changed.metadata;
  switch (changed.kind) {
    case 'ClusterPeer':
      return [
        ...new Set([...(changed as ClusterPeer).spec.exports.map((one) => importKey(one.namespace, one.name)), ...view.list('ServiceImport').map(objectKey)]),
      ];
    case 'ServiceExport':
    case 'ServiceImport':
      return [importKey(namespace, name)];
    case 'Namespace':
      return view
        .list<ClusterPeer>('ClusterPeer')
        .flatMap((peer) => peer.spec.exports.filter((one) => one.namespace === name).map((one) => importKey(one.namespace, one.name)));
    case 'Service': {
      const imported = labels?.[DERIVED_LABEL];
      if (imported !== undefined) return [importKey(namespace, imported)];
      return view.find(`ServiceExport/${namespace}/${name}`) === undefined ? [] : [importKey(namespace, name)];
    }
    default: {
      const service = labels?.[SERVICE_LABEL] ?? labels?.[serviceNameLabel] ?? '';
      return view.find(`ServiceExport/${namespace}/${service}`) === undefined && view.find(importKey(namespace, service)) === undefined
        ? []
        : [importKey(namespace, service)];
    }
  }
}

export const mcsController = defineController({
  name: CONTROLLER,
  watches: ['ServiceExport', 'ServiceImport', 'ClusterPeer', 'Service', 'EndpointSlice', 'Namespace'],
  keysFor,
  reconcile(key, context) {
    const [, namespace = '', name = ''] = key.split('/');
    const { view } = context;
    const peers = view.list<ClusterPeer>('ClusterPeer');
    const own = peers[0]?.spec.own ?? ALONE;
    const exported = view.find<ServiceExport>(`ServiceExport/${namespace}/${name}`);
    const service = view.find<Service>(`Service/${namespace}/${name}`);
    const mine = exported === undefined || service === undefined ? [] : exportedService(exported, service, view).map((one) => ({ ...one, cluster: own }));
    const others = peers.flatMap((peer) =>
      peer.spec.exports.filter((one) => one.namespace === namespace && one.name === name).map((one): Source => ({ ...one, cluster: peer.metadata.name })),
    );
    const [oldest, ...younger] = byAge([...mine, ...others]);
    const merged = oldest === undefined ? undefined : mergeExports([oldest, ...younger]);
    if (exported !== undefined) report(exported, service, merged, context);
    // A namespace is the same in all clusters, and only where it is there something is imported.
    if (merged === undefined || view.find(`Namespace/${namespace}`) === undefined) {
      if (view.find(key) !== undefined) context.remove(key);
      return;
    }
    const sources = [...mine, ...others].filter((one) => one.type === merged.type);
    importService(namespace, name, merged, sources, context);
  },
});

/** Conditions of the export. mcs-api: pkg/apis/v1alpha1/serviceexport.go */
function report(exported: ServiceExport, service: Service | undefined, merged: Merged | undefined, context: ControllerContext): void {
  const { name, namespace = 'default' } = exported.metadata;
  const valid: Said =
    service === undefined
      ? ['Valid', false, 'NoService', `Service ${namespace}/${name} doesn't exist.`]
      : service.spec.type === 'ExternalName'
        ? ['Valid', false, 'InvalidServiceType', `Service ${namespace}/${name} is of type ExternalName, which cannot be exported.`]
        : ['Valid', true, 'Valid', 'ServiceExport is valid.'];
  const { conflict } = merged ?? {};
  const conflicts: Said =
    conflict === undefined ? ['Conflict', false, 'NoConflicts', 'ServiceExport has no conflicts.'] : ['Conflict', true, conflict.reason, conflict.message];
  const ready: Said = ['Ready', true, 'Exported', 'Service was exported.'];
  const said = valid[1] ? [valid, ready, conflicts] : [valid];
  const conditions = conditionsFrom(said, exported.status?.conditions, exported.metadata.generation, context.timestamp);
  writeStatus(exported, { ...exported.status, conditions }, context);
}

function importService(namespace: string, name: string, merged: Merged, sources: readonly Source[], context: ControllerContext): void {
  const key = importKey(namespace, name);
  const before = context.view.find<ServiceImport>(key);
  const derived = derivedName(namespace, name);
  const live = context.view.find<Service>(`Service/${namespace}/${derived}`);
  const ip = live?.spec.clusterIP;
  const spec = {
    type: merged.type,
    ports: merged.ports,
    ips: merged.type === 'ClusterSetIP' && ip !== undefined && ip !== '' && ip !== 'None' ? [ip] : [],
    sessionAffinity: merged.sessionAffinity,
    ...(merged.sessionAffinityConfig === undefined ? {} : { sessionAffinityConfig: merged.sessionAffinityConfig }),
  };
  const wanted = { apiVersion: MCS_VERSION, kind: 'ServiceImport', metadata: { ...before?.metadata, name, namespace }, spec };
  const kept = before !== undefined && deepEqual(before.spec, spec) ? before : before === undefined ? context.create(wanted) : context.update(wanted);
  const imported = (kept ?? before) as ServiceImport | undefined;
  if (imported === undefined) return;
  const clusters = [...new Set(sources.map((one) => one.cluster))].sort().map((cluster) => ({ cluster }));
  writeStatus(imported, { ...imported.status, clusters }, context);
  const ownerReferences = [{ apiVersion: MCS_VERSION, kind: 'ServiceImport', name, uid: imported.metadata.uid ?? '', controller: true }];
  if (merged.type === 'ClusterSetIP') derive(namespace, name, derived, merged, ownerReferences, live, context);
  else if (live !== undefined) context.remove(objectKey(live));
  writeSlices(namespace, name, merged.type === 'ClusterSetIP' ? derived : undefined, sources, ownerReferences, context);
}

type Owners = KubeObject['metadata']['ownerReferences'];

function derive(namespace: string, name: string, derived: string, merged: Merged, owners: Owners, live: Service | undefined, context: ControllerContext): void {
  const ports = merged.ports.map((port) => ({ ...port, targetPort: port.port }));
  const spec = {
    type: 'ClusterIP',
    ports,
    sessionAffinity: merged.sessionAffinity,
    ...(merged.sessionAffinityConfig === undefined ? {} : { sessionAffinityConfig: merged.sessionAffinityConfig }),
  };
  if (live === undefined) {
    const labels = { [DERIVED_LABEL]: name };
    context.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: derived, namespace, labels, ownerReferences: owners ?? [] }, spec } as KubeObject);
    return;
  }
  const { sessionAffinityConfig: _, ...rest } = live.spec;
  const next = { ...rest, ...spec };
  if (!deepEqual(next, live.spec)) context.update({ ...live, spec: next } as KubeObject);
}

/** As many slices as the exporting clusters have: the name says from where each is. */
function writeSlices(
  namespace: string,
  name: string,
  derived: string | undefined,
  sources: readonly Source[],
  owners: Owners,
  context: ControllerContext,
): void {
  const family = clusterSettings(context.view).families;
  const all = context.view.select<EndpointSlice>('EndpointSlice', namespace, { [SERVICE_LABEL]: name });
  const left = new Map(all.filter((one) => one.metadata.labels?.[managedByLabel] === CONTROLLER).map((one) => [one.metadata.name, one]));
  for (const source of sources) {
    source.slices.forEach((slice, index) => {
      if (!family.some((one) => one === slice.addressType)) return;
      const sliceName = `imported-${source.cluster}-${name}-${index}`;
      const live = left.get(sliceName);
      left.delete(sliceName);
      const labels = {
        [managedByLabel]: CONTROLLER,
        [SERVICE_LABEL]: name,
        [CLUSTER_LABEL]: source.cluster,
        ...(derived === undefined ? {} : { [serviceNameLabel]: derived }),
      };
      const content = { addressType: slice.addressType, endpoints: slice.endpoints ?? [], ports: slice.ports ?? [] };
      if (live === undefined) {
        const metadata = { name: sliceName, namespace, labels, ownerReferences: owners ?? [] };
        context.create({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, ...content } as KubeObject);
      } else if (
        !deepEqual({ addressType: live.addressType, endpoints: live.endpoints ?? [], ports: live.ports ?? [] }, content) ||
        !deepEqual(live.metadata.labels, labels)
      )
        context.update({ ...live, metadata: { ...live.metadata, labels }, ...content } as KubeObject);
    });
  }
  for (const slice of left.values()) context.remove(objectKey(slice));
}
