/** ConfigMaps and Secrets a pod needs before it can start, and which of them are missing. Kubernetes: pkg/volume/{configmap,secret}, pkg/kubelet/kubelet_pods.go. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { allContainers } from './containers.ts';
import { ROOT_CA } from './service-account.ts';
import { type Container, namespaceOf, type Pod } from './types.ts';
import { sourcesOf, type VolumeSource } from './volume-files.ts';

interface Data extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

const find = (view: StoreView, kind: 'ConfigMap' | 'Secret', namespace: string, name: string): Data | undefined =>
  view.find<Data>(`${kind}/${namespace}/${name}`);

/** The kubelet's FailedMount sentences, one per volume that cannot be mounted. */
export function missingVolumes(view: StoreView, pod: Pod): readonly string[] {
  const missing: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const errors = (sourcesOf(volume) ?? []).flatMap((source) => sourceError(view, namespaceOf(pod), source) ?? []);
    if (errors.length === 0) continue;
    const words = errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`;
    missing.push(`MountVolume.SetUp failed for volume "${volume.name}" : ${words}`);
  }
  return missing;
}

/** Kubernetes: pkg/volume/configmap/configmap.go, pkg/volume/secret/secret.go, MakePayload. */
function sourceError(view: StoreView, namespace: string, { configMap, secret }: VolumeSource): string | undefined {
  const name = configMap?.name ?? secret?.secretName ?? secret?.name;
  const one = configMap ?? secret;
  if (one === undefined || name === undefined || name === ROOT_CA) return undefined;
  const object = find(view, configMap === undefined ? 'Secret' : 'ConfigMap', namespace, name);
  if (object === undefined) return one.optional === true ? undefined : `${configMap === undefined ? 'secret' : 'configmap'} "${name}" not found`;
  const absent = one.items?.find(({ key }) => ![object.data, object.binaryData].some((data) => data !== undefined && Object.hasOwn(data, key)));
  if (absent === undefined || one.optional === true) return undefined;
  return configMap === undefined ? `references non-existent secret key: ${absent.key}` : `configmap references non-existent config key: ${absent.key}`;
}

const noErrors: ReadonlyMap<string, string> = new Map();

/** By container name, why its environment cannot be built: `configmap "x" not found`, `couldn't find key k in ConfigMap default/x`. */
export function configErrors(view: StoreView, pod: Pod): ReadonlyMap<string, string> {
  if (allContainers(pod).every((container) => container.env === undefined && container.envFrom === undefined)) return noErrors;
  const errors = new Map<string, string>();
  for (const container of allContainers(pod)) {
    const error = environmentError(view, namespaceOf(pod), container);
    if (error !== undefined) errors.set(container.name, error);
  }
  return errors;
}

function environmentError(view: StoreView, namespace: string, container: Container): string | undefined {
  for (const source of container.envFrom ?? []) {
    for (const [kind, word, reference] of [
      ['ConfigMap', 'configmap', source.configMapRef],
      ['Secret', 'secret', source.secretRef],
    ] as const) {
      if (reference !== undefined && reference.optional !== true && find(view, kind, namespace, reference.name) === undefined)
        return `${word} "${reference.name}" not found`;
    }
  }
  for (const { valueFrom } of container.env ?? []) {
    for (const [kind, word, reference] of [
      ['ConfigMap', 'configmap', valueFrom?.configMapKeyRef],
      ['Secret', 'secret', valueFrom?.secretKeyRef],
    ] as const) {
      if (reference === undefined || reference.optional === true) continue;
      const object = find(view, kind, namespace, reference.name);
      if (object === undefined) return `${word} "${reference.name}" not found`;
      const has = [object.data, object.binaryData, object.stringData].some((data) => data !== undefined && Object.hasOwn(data, reference.key));
      if (!has) return `couldn't find key ${reference.key} in ${kind} ${namespace}/${reference.name}`;
    }
  }
  return undefined;
}
