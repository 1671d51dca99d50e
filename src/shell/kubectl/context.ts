/** Which cluster a command speaks to: the context that its flags and the kubeconfig choose, and whether an API server answers there. */
import { clusterNamed } from '../clusters.ts';
import type { Invocation } from '../command.ts';
import { at, list, text } from '../json.ts';
import type { KubeConfig } from '../kubeconfig.ts';
import type { Kubectl } from './client.ts';
import { KubectlError, type ParsedFlags } from './flags.ts';

export function controlPlaneIp(host: Invocation['host']): string {
  const nodes = host.api.view.list('Node');
  const node = nodes.find((candidate) => Object.hasOwn(candidate.metadata.labels ?? {}, 'node-role.kubernetes.io/control-plane')) ?? nodes[0];
  return text(
    at(
      list(at(node, 'status', 'addresses')).find((address) => text(at(address, 'type')) === 'InternalIP'),
      'address',
    ),
  );
}

/** The address of a cluster's API server; the one that kubeadm wrote is where the control plane is. */
export function serverOf(kubectl: Kubectl, config: KubeConfig, cluster: string): string | undefined {
  const found = config.clusters.get(cluster);
  if (found === undefined) return undefined;
  if (typeof found.server === 'string') return found.server;
  const { host } = kubectl.invocation;
  const name = clusterNamed(host, cluster);
  return name === undefined ? undefined : `https://${controlPlaneIp(host.of?.(name) ?? host)}:6443`;
}

/** Verbs that ask no server. */
const LOCAL: ReadonlySet<string> = new Set(['config', 'completion', 'options', 'plugin', 'kustomize']);

/** The cluster that the call is for, where that is not the one it is made in; undefined in worlds of one cluster. */
export function otherCluster({ host, place }: Invocation, flags: ParsedFlags, config: KubeConfig): string | undefined {
  if ((host.clusters ?? []).length === 0 || flags.has('server')) return undefined;
  // Whoever says nothing speaks, on a machine of a cluster, to that cluster.
  const own = host.at?.(place.hostId).cluster ?? '';
  const isSaid = flags.has('context') || flags.has('cluster') || place.cluster !== undefined;
  if (!isSaid && own !== '') return undefined;
  const named = flags.get('cluster') || (config.contexts.get(flags.get('context') || config.current)?.cluster ?? '');
  const cluster = clusterNamed(host, named);
  return cluster === undefined || cluster === (host.cluster ?? '') ? undefined : cluster;
}

/**
 * The namespace of the chosen context, once the chosen cluster is this one. Users are not told apart: nothing is enforced here.
 * @throws {KubectlError} in client-go's words when no API server answers there. Kubernetes: kubectl/pkg/cmd/util/helpers.go
 */
export function checkContext(kubectl: Kubectl, config: KubeConfig): void {
  const { flags } = kubectl;
  if (LOCAL.has(kubectl.verb) || (kubectl.verb === 'version' && flags.bool('client'))) return;
  const named = flags.get('context');
  if (named !== '' && !config.contexts.has(named)) throw new KubectlError(`Error in configuration: context was not found for specified context: ${named}`);
  const context = config.contexts.get(named || config.current);
  const cluster = flags.get('cluster') || (context?.cluster ?? '');
  if (flags.has('cluster') && !config.clusters.has(cluster)) throw new KubectlError(`error: no server found for cluster "${cluster}"`);
  // Where this cluster is, whatever its nodes are called.
  if (!flags.has('server') && cluster === 'kubernetes' && config.clusters.get(cluster)?.server === undefined && config.clusters.has(cluster)) return;
  if (!flags.has('server') && clusterNamed(kubectl.invocation.host, cluster) !== undefined && config.clusters.get(cluster)?.server === undefined) return;
  const server = flags.get('server') || (serverOf(kubectl, config, cluster) ?? 'http://localhost:8080');
  const parts = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:/]+)(?::(\d+))?/.exec(server);
  const host = parts?.[2] ?? '';
  const port = parts?.[3] ?? (parts?.[1] === 'https' ? '443' : parts?.[1] === 'http' ? '80' : '8080');
  const { view } = kubectl.invocation.host.api;
  const isLoopback = host === 'localhost' || host.startsWith('127.') || host === '[::1]';
  const api = view.find('Service/default/kubernetes') as { readonly spec?: { readonly clusterIP?: string } } | undefined;
  const here = controlPlaneIp(kubectl.invocation.host);
  if (port === '6443' && (host === here || isLoopback || host === 'controlplane')) return;
  if (port === '443' && host === api?.spec?.clusterIP) return;
  if (host === here || isLoopback) throw new KubectlError(`The connection to the server ${host}:${port} was refused - did you specify the right host or port?`);
  throw new KubectlError(
    `Unable to connect to the server: dial tcp${/^[\d.]+$|^\[/.test(host) ? ` ${host}:${port}: i/o timeout` : `: lookup ${host}: no such host`}`,
  );
}
