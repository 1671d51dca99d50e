/** Objects of a small cluster as controllers would have left them, for tests of agents. */

import type { NetRecord } from '../../../net/records.ts';
import type { Agent, KubeObject, StoreView } from '../../../objects/types.ts';
import type { Pod, PodSpec } from '../../pod/types.ts';

export function node(name: string, ip: string, podCidr: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { podCIDR: podCidr },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  };
}

/** A pod whose containers all run. */
export function pod(
  name: string,
  namespace: string,
  nodeName: string,
  ip: string,
  spec: Partial<PodSpec> & Pick<PodSpec, 'containers'>,
  labels: Readonly<Record<string, string>> = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `uid-${name}`, labels },
    spec: { ...spec, nodeName },
    status: {
      phase: 'Running',
      podIP: ip,
      hostIP: ip,
      containerStatuses: spec.containers.map((container) => ({ name: container.name, ready: true, state: { running: {} } })),
    },
  };
}

export function configMap(name: string, namespace: string, data: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data } as KubeObject;
}

export const netConf = (backend: object, network = '10.244.0.0/16') => JSON.stringify({ Network: network, Backend: backend });

/** flannel's ConfigMap and a running daemon on each node. */
export function flannelOn(nodes: readonly (readonly [name: string, ip: string])[], conf: string): KubeObject[] {
  const spec: PodSpec = {
    hostNetwork: true,
    containers: [{ name: 'kube-flannel', image: 'ghcr.io/flannel-io/flannel:v0.27.4', args: ['--ip-masq', '--kube-subnet-mgr'] }],
    volumes: [{ name: 'cfg', configMap: { name: 'kube-flannel-cfg' } }],
  };
  return [
    configMap('kube-flannel-cfg', 'kube-flannel', { 'net-conf.json': conf }),
    ...nodes.map(([name, ip]) => pod(`flannel-${name}`, 'kube-flannel', name, ip, spec)),
  ];
}

/** All that an agent renders of a view, by id. */
export function renderAll(agent: Agent<NetRecord>, view: StoreView): ReadonlyMap<string, NetRecord> {
  return new Map(agent.keys(view).flatMap((key) => agent.render(key, view).records.map((record) => [record.id, record] as const)));
}

export function diagnosticsOf(agent: Agent<NetRecord>, view: StoreView): string[] {
  return agent
    .keys(view)
    .flatMap((key) =>
      (agent.render(key, view).diagnostics ?? []).map((one) => `${one.key}${one.path === undefined ? '' : ` ${one.path}`}: ${one.diagnostic.message}`),
    );
}
