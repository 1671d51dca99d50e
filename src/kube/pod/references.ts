/** ConfigMaps and Secrets a pod needs before it can start, and which of them are missing. Kubernetes: pkg/volume/{configmap,secret}, pkg/kubelet/kubelet_pods.go. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { type Container, namespaceOf, type Pod } from './types.ts';

interface Data extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Every namespace has it on a real cluster; certificates are not modelled, so nobody is made to wait for it. */
const rootCa = 'kube-root-ca.crt';

const find = (view: StoreView, kind: 'ConfigMap' | 'Secret', namespace: string, name: string): Data | undefined =>
  view.find<Data>(`${kind}/${namespace}/${name}`);

/** The kubelet's FailedMount sentences, one per volume that cannot be mounted. */
export function missingVolumes(view: StoreView, pod: Pod): readonly string[] {
  const missing: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const configMap = volume.configMap?.name;
    if (
      configMap !== undefined &&
      configMap !== rootCa &&
      volume.configMap?.optional !== true &&
      find(view, 'ConfigMap', namespaceOf(pod), configMap) === undefined
    ) {
      missing.push(`MountVolume.SetUp failed for volume "${volume.name}" : configmap "${configMap}" not found`);
    }
    const secret = volume.secret?.secretName;
    if (secret !== undefined && volume.secret?.optional !== true && find(view, 'Secret', namespaceOf(pod), secret) === undefined) {
      missing.push(`MountVolume.SetUp failed for volume "${volume.name}" : secret "${secret}" not found`);
    }
  }
  return missing;
}

const noErrors: ReadonlyMap<string, string> = new Map();

/** By container name, why its environment cannot be built: `configmap "x" not found`, `couldn't find key k in ConfigMap default/x`. */
export function configErrors(view: StoreView, pod: Pod): ReadonlyMap<string, string> {
  if (pod.spec.containers.every((container) => container.env === undefined && container.envFrom === undefined)) return noErrors;
  const errors = new Map<string, string>();
  for (const container of pod.spec.containers) {
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
