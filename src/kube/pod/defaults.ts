/** What the API server fills into pods and pod templates beyond constants. Kubernetes: pkg/apis/core/v1/defaults.go. */
import { qosClass } from './qos.ts';
import type { Container, ContainerPort, Pod, PodSpec, Probe, Toleration, Volume } from './types.ts';

/** `latest` when the image names neither tag nor digest. */
export function imageTag(image: string): string {
  const afterDigest = image.indexOf('@');
  if (afterDigest >= 0) return image.slice(afterDigest + 1);
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? image.slice(colon + 1) : 'latest';
}

function probeDefaults(probe: Probe | undefined): Probe | undefined {
  if (
    probe === undefined ||
    (probe.timeoutSeconds !== undefined && probe.periodSeconds !== undefined && probe.successThreshold !== undefined && probe.failureThreshold !== undefined)
  ) {
    return probe;
  }
  return {
    ...probe,
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    periodSeconds: probe.periodSeconds ?? 10,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}

function portDefaults(ports: readonly ContainerPort[] | undefined, hostNetwork: boolean): readonly ContainerPort[] | undefined {
  if (!hostNetwork || ports === undefined || ports.every((port) => (port.hostPort ?? 0) !== 0)) return ports;
  return ports.map((port) => ((port.hostPort ?? 0) !== 0 ? port : { ...port, hostPort: port.containerPort }));
}

function resourceDefaults(container: Container): Container['resources'] {
  const { resources } = container;
  const limits = resources?.limits;
  if (limits === undefined) return resources;
  const missing = Object.keys(limits).filter((name) => resources?.requests?.[name] === undefined);
  if (missing.length === 0) return resources;
  const requests: Record<string, string> = { ...resources?.requests };
  for (const name of missing) requests[name] = limits[name] ?? '0';
  return { ...resources, requests };
}

function containerDefaults(container: Container, hostNetwork: boolean, forPod: boolean): Container {
  const imagePullPolicy = container.imagePullPolicy ?? (imageTag(container.image ?? '') === 'latest' ? 'Always' : 'IfNotPresent');
  const ports = portDefaults(container.ports, hostNetwork);
  const resources = forPod ? resourceDefaults(container) : container.resources;
  const readinessProbe = probeDefaults(container.readinessProbe);
  const livenessProbe = probeDefaults(container.livenessProbe);
  const startupProbe = probeDefaults(container.startupProbe);
  if (
    imagePullPolicy === container.imagePullPolicy &&
    ports === container.ports &&
    resources === container.resources &&
    readinessProbe === container.readinessProbe &&
    livenessProbe === container.livenessProbe &&
    startupProbe === container.startupProbe
  ) {
    return container;
  }
  return {
    ...container,
    imagePullPolicy,
    ...(ports === undefined ? {} : { ports }),
    ...(resources === undefined ? {} : { resources }),
    ...(readinessProbe === undefined ? {} : { readinessProbe }),
    ...(livenessProbe === undefined ? {} : { livenessProbe }),
    ...(startupProbe === undefined ? {} : { startupProbe }),
  };
}

function volumeDefaults(volume: Volume): Volume {
  if (volume.configMap !== undefined && volume.configMap.defaultMode === undefined) return { ...volume, configMap: { ...volume.configMap, defaultMode: 420 } };
  if (volume.secret !== undefined && volume.secret.defaultMode === undefined) return { ...volume, secret: { ...volume.secret, defaultMode: 420 } };
  if (Object.keys(volume).length === 1) return { ...volume, emptyDir: {} };
  return volume;
}

function mapSame<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  let changed = false;
  const result = items.map((item) => {
    const next = change(item);
    if (next !== item) changed = true;
    return next;
  });
  return changed ? result : items;
}

/** The same reference when nothing was missing. `forPod` also copies limits to requests, which the server does for pods only. */
export function podSpecDefaults(spec: PodSpec, forPod: boolean): PodSpec {
  // Missing containers are told by validation, which runs later.
  if (spec.containers === undefined) return spec;
  const hostNetwork = spec.hostNetwork === true;
  const containers = mapSame(spec.containers, (container) => containerDefaults(container, hostNetwork, forPod));
  const initContainers = spec.initContainers && mapSame(spec.initContainers, (container) => containerDefaults(container, hostNetwork, forPod));
  const ephemeralContainers = spec.ephemeralContainers && mapSame(spec.ephemeralContainers, (container) => containerDefaults(container, hostNetwork, false));
  const volumes = spec.volumes && mapSame(spec.volumes, volumeDefaults);
  // The obsolete field mirrors the new one, whichever was set.
  const account = spec.serviceAccountName ?? spec.serviceAccount;
  const accountFilled = account === undefined || (spec.serviceAccountName === account && spec.serviceAccount === account);
  const isFull = containers === spec.containers && initContainers === spec.initContainers && ephemeralContainers === spec.ephemeralContainers;
  if (isFull && volumes === spec.volumes && accountFilled) return spec;
  return {
    ...spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
    ...(ephemeralContainers === undefined ? {} : { ephemeralContainers }),
    ...(volumes === undefined ? {} : { volumes }),
    ...(account === undefined ? {} : { serviceAccountName: account, serviceAccount: account }),
  };
}

/** Kubernetes: pkg/apis/scheduling/types.go. */
const systemPriorities: Readonly<Record<string, number>> = { 'system-cluster-critical': 2000000000, 'system-node-critical': 2000001000 };

const lostNodeTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
];

/** Kubernetes: plugin/pkg/admission/{defaulttolerationseconds,priority,serviceaccount}; pkg/registry/core/pod/strategy.go for the first status. */
export function podDefaults(pod: Pod): Pod {
  if (pod.spec?.containers === undefined) return pod;
  const filled = podSpecDefaults(pod.spec, true);
  const spec = admissionDefaults(filled);
  if (spec === pod.spec && pod.status !== undefined) return pod;
  return { ...pod, spec, status: pod.status ?? { phase: 'Pending', qosClass: qosClass({ ...pod, spec }) } };
}

function admissionDefaults(spec: PodSpec): PodSpec {
  const tolerations = spec.tolerations ?? [];
  const missing = lostNodeTolerations.filter(
    (wanted) => !tolerations.some((one) => (one.key === wanted.key || one.key === undefined) && (one.effect ?? 'NoExecute') === 'NoExecute'),
  );
  const priority = spec.priority ?? systemPriorities[spec.priorityClassName ?? ''] ?? 0;
  if (missing.length === 0 && spec.priority === priority && spec.serviceAccountName !== undefined && spec.preemptionPolicy !== undefined) return spec;
  const account = spec.serviceAccountName ?? 'default';
  return {
    ...spec,
    serviceAccountName: account,
    serviceAccount: account,
    priority,
    preemptionPolicy: spec.preemptionPolicy ?? 'PreemptLowerPriority',
    ...(missing.length === 0 ? {} : { tolerations: [...tolerations, ...missing] }),
  };
}
