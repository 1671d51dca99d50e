/** `securityContext.sysctls`: kernel settings of a pod's netns, and those the kubelet lets nobody set. Kubernetes: pkg/kubelet/sysctl/{safe_sysctls,allowlist}.go. */
import type { Netns } from '../../net/records.ts';
import { writeSysctlText } from '../../net/stack/sysctl.ts';
import type { StoreView } from '../../objects/types.ts';
import type { Pod } from './types.ts';

interface Setting {
  readonly name: string;
  readonly value: string;
}

const SAFE: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  ...['ip_local_port_range', 'tcp_syncookies', 'ping_group_range', 'ip_unprivileged_port_start', 'ip_local_reserved_ports'].map((name) => `net.ipv4.${name}`),
  ...['tcp_keepalive_time', 'tcp_fin_timeout', 'tcp_keepalive_intvl', 'tcp_keepalive_probes', 'tcp_rmem', 'tcp_wmem'].map((name) => `net.ipv4.${name}`),
]);

/** Names may be written with slashes. */
const sysctlsOf = (pod: Pod): readonly Setting[] =>
  ((pod.spec.securityContext as { readonly sysctls?: readonly Setting[] } | undefined)?.sysctls ?? []).map(({ name, value }) => ({
    name: name.includes('/') ? name.replaceAll('/', '.') : name,
    value,
  }));

/** Why the kubelet does not take the pod. */
export function forbiddenSysctl(pod: Pod): string | undefined {
  for (const { name } of sysctlsOf(pod)) {
    if (!SAFE.has(name)) return `forbidden sysctl: "${name}" not allowlisted`;
    if (pod.spec.hostNetwork === true && name.startsWith('net.')) return `forbidden sysctl: "${name}" not allowed with host net enabled`;
  }
  return undefined;
}

/** A netns' settings with the pod's own; what the simulated kernel has no setting for stays away. */
export function withSysctls(values: Netns['sysctls'], pod: Pod): Netns['sysctls'] {
  let next = values;
  for (const { name, value } of sysctlsOf(pod)) {
    const written = writeSysctlText(next, [], name, value);
    if (typeof written !== 'string') next = written;
  }
  return next;
}

/** A controller makes another pod for each that is rejected: the kubelet takes its time, twice as long for each that came before. */
const FIRST_SECONDS = 10;
const MAX_DOUBLINGS = 5;

export function rejectionSeconds(pod: Pod, view: StoreView): number {
  const owner = pod.metadata.ownerReferences?.find((one) => one.controller === true);
  if (owner === undefined) return 0;
  const failed = view.owned<Pod>('Pod', owner.uid).filter((one) => one.status?.reason === 'SysctlForbidden').length;
  return failed === 0 ? 0 : FIRST_SECONDS * 2 ** Math.min(MAX_DOUBLINGS, failed - 1);
}
