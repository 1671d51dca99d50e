/** The node's end of a pod's wire. */
import { sha1 } from '../../../base/sha1.ts';
import { namespaceOf, type Pod } from '../../pod/types.ts';

const hostNames = new Map<string, string>();
const MAX_NAMES = 20_000;

/** Calico: libcalico-go/lib/backend/k8s/conversion/workload_endpoint_default.go, VethNameForWorkload: eleven digits of the SHA-1 of namespace and name. */
export function hostDeviceName(namespace: string, pod: string): string {
  const text = `${namespace}.${pod}`;
  let name = hostNames.get(text);
  if (name === undefined) {
    name = `cali${sha1(text).slice(0, 11)}`;
    if (hostNames.size >= MAX_NAMES) hostNames.clear();
    hostNames.set(text, name);
  }
  return name;
}

export const hostDeviceOf = (pod: Pod): string => hostDeviceName(namespaceOf(pod), pod.metadata.name);
