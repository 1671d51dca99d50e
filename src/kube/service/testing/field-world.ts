/** Services that together use every field kube-proxy looks at, for golden texts and for flows. */
import type { KubeObject } from '../../../objects/types.ts';

/** The node that looks, its pod range and another node. */
export const HERE = 'here';
export const HERE_IP = '192.168.0.2';
const THERE = 'there';

const port = (more: object = {}) => ({ name: 'web', port: 80, protocol: 'TCP', ...more });
const meta = (name: string, labels: Readonly<Record<string, string>> = {}) => ({ name, namespace: 'shop', labels });

function service(name: string, last: number, spec: object, status?: object, labels?: Readonly<Record<string, string>>): KubeObject {
  const object = { apiVersion: 'v1', kind: 'Service', metadata: meta(name, labels), spec: { clusterIP: `10.96.0.${last}`, ports: [port()], ...spec } };
  return (status === undefined ? object : { ...object, status }) as unknown as KubeObject;
}

interface Backend {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly terminating?: boolean;
}

function slice(name: string, backends: readonly Backend[], ports: readonly object[] = [{ name: 'web', port: 8080, protocol: 'TCP' }]): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`${name}-1`, { 'kubernetes.io/service-name': name }),
    addressType: 'IPv4',
    ports,
    endpoints: backends.map(({ ip, node, ready = true, terminating = false }) => ({
      addresses: [ip],
      ...(node === undefined ? {} : { nodeName: node }),
      conditions: { ready, serving: true, terminating },
    })),
  } as unknown as KubeObject;
}

const ingress = (...list: readonly object[]) => ({ loadBalancer: { ingress: list } });
const near: Backend = { ip: '10.244.0.10', node: HERE };
const far: Backend = { ip: '10.244.1.10', node: THERE };

export const fieldWorld: readonly KubeObject[] = [
  {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    metadata: { name: 'cluster' },
    networking: { serviceSubnet: '10.96.0.0/16', podSubnet: '10.244.0.0/16' },
  } as unknown as KubeObject,
  service('plain', 1, {}),
  slice('plain', [near, far]),
  service('unnamed-port', 2, { ports: [{ port: 443, protocol: 'TCP' }] }),
  slice('unnamed-port', [far], [{ name: '', port: 6443, protocol: 'TCP' }]),
  service('dns', 3, {
    ports: [port({ name: 'dns', port: 53, protocol: 'UDP' }), port({ name: 'dns-tcp', port: 53 }), port({ name: 'signal', port: 5060, protocol: 'SCTP' })],
  }),
  slice(
    'dns',
    [near, far],
    [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      { name: 'signal', port: 5060, protocol: 'SCTP' },
    ],
  ),
  service('empty', 4, { type: 'NodePort', externalIPs: ['192.0.2.4'], ports: [port({ nodePort: 30004 })] }),
  service('sticky', 5, { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } }),
  slice('sticky', [near, far]),
  service('inside-local', 6, { internalTrafficPolicy: 'Local' }),
  slice('inside-local', [near, far]),
  service('inside-nobody', 7, { internalTrafficPolicy: 'Local' }),
  slice('inside-nobody', [far]),
  service('node-port', 8, { type: 'NodePort', ports: [port({ nodePort: 30008 }), port({ name: 'udp', port: 81, protocol: 'UDP', nodePort: 30008 })] }),
  slice(
    'node-port',
    [near, far],
    [
      { name: 'web', port: 8080, protocol: 'TCP' },
      { name: 'udp', port: 8081, protocol: 'UDP' },
    ],
  ),
  service('outside-local', 9, { type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.9'], ports: [port({ nodePort: 30009 })] }),
  slice('outside-local', [near, far]),
  service(
    'outside-nobody',
    10,
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31010, ports: [port({ nodePort: 30010 })] },
    ingress({ ip: '192.0.2.10' }),
  ),
  slice('outside-nobody', [far]),
  service(
    'balanced',
    11,
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/25', ' 192.168.0.0/24'], externalIPs: ['192.0.2.111'], ports: [port({ nodePort: 30011 })] },
    ingress({ ip: '192.0.2.11', ipMode: 'VIP' }, { ip: '192.0.2.12', ipMode: 'Proxy' }),
  ),
  slice('balanced', [near, far]),
  service(
    'guarded',
    12,
    { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, loadBalancerSourceRanges: ['203.0.113.0/25'] },
    ingress({ ip: '192.0.2.13' }),
  ),
  slice('guarded', [far]),
  service('leaving', 13, {}),
  slice('leaving', [{ ...near, ready: false, terminating: true }]),
  service('headless', 0, { clusterIP: 'None' }),
  slice('headless', [near]),
  service('elsewhere', 0, { type: 'ExternalName', externalName: 'example.com', clusterIP: '' }),
  service('foreign', 14, {}, undefined, { 'service.kubernetes.io/service-proxy-name': 'other' }),
  slice('foreign', [near]),
];
