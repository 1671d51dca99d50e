/** Which cluster's API server is meant, where a world has several: that of a machine, or the one a command has chosen. */
import type { KubeObject } from '../objects/types.ts';
import type { ShellHost } from '../world/shell-host.ts';
import type { KubeConfig } from './kubeconfig.ts';
import type { Place } from './state.ts';

/** What a place's commands reach: the cluster they were told to speak to, else that of their machine. */
export function hostAt(host: ShellHost, place: Place): ShellHost {
  if (place.cluster !== undefined) return host.of?.(place.cluster) ?? host;
  return host.at?.(place.hostId) ?? host;
}

/** An object by a key as records have it. */
export const findObject = <T extends KubeObject>(host: ShellHost, key: string): T | undefined =>
  host.find === undefined ? host.api.view.find<T>(key) : host.find<T>(key);

/** Who makes clusters writes them into the kubeconfig: a context for each, of the cluster's own name. Deleted contexts stay deleted. */
export function meetClusters(config: KubeConfig, host: ShellHost): void {
  for (const { title } of host.clusters ?? []) {
    if (config.clusters.has(title)) continue;
    config.clusters.set(title, {});
    config.users.set(`${title}-admin`, { 'client-certificate-data': 'DATA', 'client-key-data': 'DATA' });
    config.contexts.set(title, { cluster: title, user: `${title}-admin`, namespace: '' });
  }
}

/** The cluster that the kubeconfig means by a name, '' for the first one; undefined where it means none of this world's. */
export function clusterNamed(host: ShellHost, name: string): string | undefined {
  const found = host.clusters?.find(({ title }) => title === name);
  return found?.name ?? (name === 'kubernetes' ? '' : undefined);
}
