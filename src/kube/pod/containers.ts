/** The containers of a pod with those that run before and beside them. */
import type { Container, ContainerStatus, Pod } from './types.ts';

/** Init containers first. */
export const allContainers = ({ spec }: Pod): readonly Container[] =>
  spec.initContainers === undefined || spec.initContainers.length === 0 ? spec.containers : [...spec.initContainers, ...spec.containers];

/** Of all containers, also those that were added for debugging. */
export const findContainer = (pod: Pod, name: string | undefined): Container | undefined =>
  allContainers(pod).find((one) => one.name === name) ?? pod.spec.ephemeralContainers?.find((one) => one.name === name);

export const allStatuses = ({ status }: Pod): readonly ContainerStatus[] =>
  status?.initContainerStatuses === undefined && status?.ephemeralContainerStatuses === undefined
    ? (status?.containerStatuses ?? [])
    : [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? []), ...(status.ephemeralContainerStatuses ?? [])];

export const statusOfContainer = ({ status }: Pod, name: string): ContainerStatus | undefined =>
  status?.containerStatuses?.find((one) => one.name === name) ??
  status?.initContainerStatuses?.find((one) => one.name === name) ??
  status?.ephemeralContainerStatuses?.find((one) => one.name === name);

/** An init container that goes on running beside the others. */
export const isSidecar = (pod: Pod, container: Container): boolean =>
  container.restartPolicy === 'Always' && pod.spec.initContainers?.includes(container) === true;

/** Of the pod's containers the one that a process of this name belongs to: the longest name that fits. */
export function containerOf(pod: Pod, processName: string): string | undefined {
  const prefix = pod.spec.hostNetwork === true ? `${pod.metadata.name}.${pod.metadata.namespace ?? 'default'}.` : '';
  if (!processName.startsWith(prefix)) return undefined;
  const name = processName.slice(prefix.length);
  let found: string | undefined;
  for (const one of allContainers(pod)) if ((name === one.name || name.startsWith(`${one.name}-`)) && one.name.length > (found?.length ?? 0)) found = one.name;
  return found;
}
