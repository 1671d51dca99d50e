/**
 * ConfigMaps and Secrets as a pod has them: environments are built when a container starts, files follow within the kubelet's sync period.
 * Kubernetes: pkg/kubelet/kubelet_pods.go, pkg/volume/util/atomic_writer.go; KubeletConfiguration.syncFrequency.
 */
import type { ControllerContext, ObjectKey, StoreView } from '../../objects/types.ts';
import { secondsBetween } from './back-off.ts';
import { allContainers } from './containers.ts';
import { newRuntime, type PodRuntime, putRuntime, runtimeOf } from './pod-runtime.ts';
import { ROOT_CA } from './service-account.ts';
import { namespaceOf, type Pod } from './types.ts';
import { type Data, type FindData, sourcesOf } from './volume-files.ts';

export const SYNC_SECONDS = 60;

/** What a pod has of the objects it uses. */
export interface PodSources {
  /** As its containers found them when the last one started. */
  readonly started: Readonly<Record<ObjectKey, Data>>;
  /** As its volumes show them. */
  readonly shown: Readonly<Record<ObjectKey, Data>>;
  /** Since when the volumes are behind. */
  readonly behindSince?: string;
}

/** By the spec, which never changes in this. */
const keysOfSpecs = new WeakMap<object, readonly (readonly ['ConfigMap' | 'Secret', string])[]>();

/** The ConfigMaps and Secrets that it has files or variables from. */
export function sourceNames(pod: Pod): readonly (readonly ['ConfigMap' | 'Secret', string])[] {
  let keys = keysOfSpecs.get(pod.spec);
  if (keys !== undefined) return keys;
  const found = new Map<string, readonly ['ConfigMap' | 'Secret', string]>();
  const add = (kind: 'ConfigMap' | 'Secret', name: string | undefined) => {
    // Nobody makes the one that every token's volume names.
    if (name !== undefined && name !== '' && name !== ROOT_CA) found.set(`${kind}/${name}`, [kind, name]);
  };
  for (const volume of pod.spec.volumes ?? []) {
    for (const { configMap, secret } of sourcesOf(volume) ?? []) {
      add('ConfigMap', configMap?.name);
      add('Secret', secret?.secretName ?? secret?.name);
    }
  }
  for (const { env = [], envFrom = [] } of allContainers(pod)) {
    for (const { configMapRef, secretRef } of envFrom) {
      add('ConfigMap', configMapRef?.name);
      add('Secret', secretRef?.name);
    }
    for (const { valueFrom } of env) {
      add('ConfigMap', valueFrom?.configMapKeyRef?.name);
      add('Secret', valueFrom?.secretKeyRef?.name);
    }
  }
  keys = [...found.values()];
  keysOfSpecs.set(pod.spec, keys);
  return keys;
}

function present(pod: Pod, view: StoreView): Readonly<Record<ObjectKey, Data>> {
  const all: Record<ObjectKey, Data> = {};
  for (const [kind, name] of sourceNames(pod)) {
    const object = view.find<Data>(`${kind}/${namespaceOf(pod)}/${name}`);
    if (object !== undefined) all[`${kind}/${namespaceOf(pod)}/${name}`] = object;
  }
  return all;
}

const isSame = (a: Readonly<Record<ObjectKey, Data>>, b: Readonly<Record<ObjectKey, Data>>): boolean => {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key] || a[key]?.metadata.resourceVersion === b[key]?.metadata.resourceVersion)
  );
};

/** Keeps a running pod's sources; `starts`: one of its containers has just been started. Returns after how many seconds to look again. */
export function syncSources(pod: Pod, starts: boolean, context: ControllerContext): number | undefined {
  if (sourceNames(pod).length === 0) return undefined;
  const runtime = runtimeOf(pod, context.view);
  const known = runtime?.spec.sources;
  const now = present(pod, context.view);
  if (known === undefined || (starts && (known.behindSince !== undefined || !isSame(known.started, now)))) {
    put(pod, runtime, known === undefined ? { started: now, shown: now } : { ...known, started: now }, context);
    return known?.behindSince === undefined ? undefined : SYNC_SECONDS;
  }
  if (isSame(known.shown, now)) return undefined;
  const waited = known.behindSince === undefined ? 0 : secondsBetween(known.behindSince, context.timestamp);
  if (waited >= SYNC_SECONDS) {
    put(pod, runtime, { started: known.started, shown: now }, context);
    return undefined;
  }
  if (known.behindSince === undefined) put(pod, runtime, { ...known, behindSince: context.timestamp }, context);
  return SYNC_SECONDS - waited;
}

function put(pod: Pod, runtime: PodRuntime | undefined, sources: PodSources, context: ControllerContext): void {
  if (runtime === undefined) putRuntime({ ...newRuntime(pod, {}, []), spec: { podUid: pod.metadata.uid ?? '', health: {}, reports: [], sources } }, context);
  else context.update({ ...runtime, spec: { ...runtime.spec, sources } });
}

/** How a pod finds ConfigMaps and Secrets for its environment (`started`) or its files (`shown`). */
export function findDataOf(pod: Pod, view: StoreView, when: 'started' | 'shown'): FindData {
  const sources = runtimeOf(pod, view)?.spec.sources?.[when];
  const namespace = namespaceOf(pod);
  return (kind, name) => (sources === undefined ? view.find<Data>(`${kind}/${namespace}/${name}`) : sources[`${kind}/${namespace}/${name}`]);
}
