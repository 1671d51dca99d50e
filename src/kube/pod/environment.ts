/** The environment that the kubelet gives a container. Kubernetes: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables; pkg/kubelet/envvars. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { envNameErrors } from '../names.ts';
import { allContainers } from './containers.ts';
import { fieldValue, type ResourceField, resourceValue } from './pod-values.ts';
import { findDataOf } from './sources.ts';
import { type Container, namespaceOf, type Pod } from './types.ts';
import { textsOf } from './volume-files.ts';

interface ServiceObject extends KubeObject {
  readonly spec?: { readonly clusterIP?: string; readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[] };
}

/** Variables of the Services that were there before the pod was started, in order of name. */
function serviceVariables(pod: Pod, view: StoreView): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  const { startTime } = pod.status ?? {};
  const own = pod.spec.enableServiceLinks === false ? [] : view.list<ServiceObject>('Service', namespaceOf(pod));
  const kubernetes = view.find<ServiceObject>('Service/default/kubernetes');
  for (const service of kubernetes === undefined || own.includes(kubernetes) ? own : [kubernetes, ...own]) {
    const { clusterIP = '', ports = [] } = service.spec ?? {};
    const [first] = ports;
    const isLate = startTime !== undefined && (service.metadata.creationTimestamp ?? '') > startTime;
    if (clusterIP === '' || clusterIP === 'None' || first === undefined || isLate) continue;
    const name = service.metadata.name.toUpperCase().replaceAll('-', '_');
    const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
    variables.set(`${name}_SERVICE_HOST`, clusterIP).set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of ports)
      if ((port.name ?? '') !== '') variables.set(`${name}_SERVICE_PORT_${port.name?.toUpperCase().replaceAll('-', '_')}`, String(port.port));
    for (const [index, { port, protocol = 'TCP' }] of ports.entries()) {
      const url = `${protocol.toLowerCase()}://${host}:${port}`;
      const prefix = `${name}_PORT_${port}_${protocol}`;
      if (index === 0) variables.set(`${name}_PORT`, url);
      variables.set(prefix, url).set(`${prefix}_PROTO`, protocol.toLowerCase()).set(`${prefix}_PORT`, String(port)).set(`${prefix}_ADDR`, clusterIP);
    }
  }
  return variables;
}

/** `$(NAME)` of known variables; `$$(NAME)` is written out. Kubernetes: third_party/forked/golang/expansion. */
function expand(text: string, known: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, inner: string, name: string | undefined) => (inner === '$' ? '$' : (known(name ?? '') ?? whole)));
}

/** Name and value, in the order in which they are given. */
export function containerEnvironment(pod: Pod, container: Container, view: StoreView): ReadonlyMap<string, string> {
  const find = findDataOf(pod, view, 'started');
  const services = serviceVariables(pod, view);
  const own = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const object = configMapRef !== undefined ? find('ConfigMap', configMapRef.name) : find('Secret', secretRef?.name ?? '');
    for (const [key, value] of [...textsOf(object)].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (envNameErrors(prefix + key).length === 0) own.set(prefix + key, value);
  }
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom ?? {};
    const resource = valueFrom?.resourceFieldRef as ResourceField | undefined;
    const reference = configMapKeyRef ?? secretKeyRef;
    if (reference !== undefined) {
      const found = textsOf(find(configMapKeyRef === undefined ? 'Secret' : 'ConfigMap', reference.name)).get(reference.key);
      // Optional and absent: the variable is not set.
      if (found !== undefined) own.set(name, found);
    } else if (fieldRef !== undefined) own.set(name, fieldValue(pod, fieldRef.fieldPath));
    else if (resource !== undefined) {
      const of = resource.containerName === undefined ? container : allContainers(pod).find((one) => one.name === resource.containerName);
      own.set(name, resourceValue(of, resource));
    } else
      own.set(
        name,
        expand(value, (word) => own.get(word) ?? services.get(word)),
      );
  }
  for (const [name, value] of services) if (!own.has(name)) own.set(name, value);
  return own;
}

/** The container's own words with `$(NAME)` replaced. */
export const expandWords = (words: readonly string[], environment: ReadonlyMap<string, string>): readonly string[] =>
  words.some((word) => word.includes('$(')) ? words.map((word) => expand(word, (name) => environment.get(name))) : words;
