import { describe, expect, it } from 'vitest';
import { servicePorts } from './kube-proxy-model.ts';
import { chooseEndpoints, dependsOnNode } from './kube-proxy-topology.ts';
import type { EndpointSlice, Service } from './types.ts';

interface Given {
  readonly node?: string;
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
  /** r: ready, n: not ready, t: terminating and serving, x: terminating and not serving */
  readonly state?: 'r' | 'n' | 't' | 'x';
}
const conditions = {
  r: {},
  n: { ready: false, serving: false },
  t: { ready: false, serving: true, terminating: true },
  x: { ready: false, serving: false, terminating: true },
};

function portWith(spec: object, endpoints: readonly Given[]) {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.9', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  } as Service;
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-a', namespace: 'default' },
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    endpoints: endpoints.map((one, i) => ({
      addresses: [`10.0.0.${i + 1}`],
      conditions: conditions[one.state ?? 'r'],
      ...(one.node === undefined ? {} : { nodeName: one.node }),
      hints: {
        ...(one.zones === undefined ? {} : { forZones: one.zones.map((name) => ({ name })) }),
        ...(one.nodes === undefined ? {} : { forNodes: one.nodes.map((name) => ({ name })) }),
      },
    })),
  } as unknown as EndpointSlice;
  const [port] = servicePorts(service, [slice], 'IPv4');
  if (port === undefined) throw new Error('the Service has no port');
  return port;
}
const numbers = (list: readonly { readonly ip: string }[]) => list.map((endpoint) => Number(endpoint.ip.split('.')[3]));
function choice(spec: object, endpoints: readonly Given[], zone = 'a', nodeName = 'n1') {
  const { cluster, local, reachable, any } = chooseEndpoints(portWith(spec, endpoints), { nodeName, zone });
  return { cluster: numbers(cluster), local: numbers(local), reachable: numbers(reachable), any };
}
const OUTSIDE = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }], externalTrafficPolicy: 'Local' };

describe('which endpoints kube-proxy chooses', () => {
  it('all ready ones, wherever they are', () => {
    expect(choice({}, [{ node: 'n1' }, { node: 'n2' }, { state: 'n' }, { state: 't' }])).toEqual({ cluster: [1, 2], local: [], reachable: [1, 2], any: true });
  });

  it('those that terminate and serve only where none is ready', () => {
    expect(choice({}, [{ state: 't' }, { state: 'x' }, { state: 'n' }]).cluster).toEqual([1]);
    expect(choice({}, [{ state: 'x' }, { state: 'n' }])).toEqual({ cluster: [], local: [], reachable: [], any: false });
  });

  it('those with a hint for this zone, if every ready endpoint has a hint and some one is for this zone', () => {
    const zones: Given[] = [{ zones: ['a'] }, { zones: ['b'] }, { zones: ['a', 'b'] }];
    expect(choice({}, zones, 'a').cluster).toEqual([1, 3]);
    expect(choice({}, zones, 'c').cluster).toEqual([1, 2, 3]);
    expect(choice({}, zones, '').cluster).toEqual([1, 2, 3]);
    expect(choice({}, [...zones, {}], 'a').cluster).toEqual([1, 2, 3, 4]);
    expect(choice({}, [...zones, { state: 'n' }], 'a').cluster).toEqual([1, 3]);
  });

  it('those with a hint for this node before those for its zone', () => {
    const both: Given[] = [
      { zones: ['a'], nodes: ['n1'] },
      { zones: ['a'], nodes: ['n2'] },
      { zones: ['b'], nodes: ['n3'] },
    ];
    expect(choice({}, both, 'a', 'n1').cluster).toEqual([1]);
    expect(choice({}, both, 'a', 'n9').cluster).toEqual([1, 2]);
    expect(choice({}, both, 'c', 'n9').cluster).toEqual([1, 2, 3]);
  });

  it('its own for policy Local, the whole cluster’s beside them for pods and the node itself', () => {
    const spread: Given[] = [{ node: 'n1' }, { node: 'n2' }];
    expect(choice(OUTSIDE, spread)).toEqual({ cluster: [1, 2], local: [1], reachable: [1, 2], any: true });
    expect(choice({ internalTrafficPolicy: 'Local' }, spread)).toEqual({ cluster: [], local: [1], reachable: [1], any: true });
    expect(choice({ internalTrafficPolicy: 'Local' }, [{ node: 'n2' }])).toEqual({ cluster: [], local: [], reachable: [], any: true });
  });

  it('a local one that terminates beside ready ones elsewhere', () => {
    expect(choice(OUTSIDE, [{ node: 'n1', state: 't' }, { node: 'n2' }])).toEqual({ cluster: [2], local: [1], reachable: [2, 1], any: true });
  });

  it('a local one although its hint is for another zone, for policy Local', () => {
    expect(
      choice(OUTSIDE, [
        { node: 'n1', zones: ['b'] },
        { node: 'n2', zones: ['a'] },
      ]),
    ).toEqual({ cluster: [2], local: [1], reachable: [2, 1], any: true });
  });

  it('and says where nodes differ', () => {
    expect(dependsOnNode(portWith({}, [{}]))).toBe(false);
    expect(dependsOnNode(portWith({}, [{ zones: ['a'] }]))).toBe(true);
    expect(dependsOnNode(portWith({ internalTrafficPolicy: 'Local' }, []))).toBe(true);
  });
});

describe('what kube-proxy does not see', () => {
  const ports = (labels: Record<string, string>) =>
    servicePorts({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'w', labels }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] } }, [], 'IPv4')
      .length;

  it('Services of another proxy, and those labelled headless', () => {
    expect([ports({}), ports({ 'service.kubernetes.io/service-proxy-name': 'other' }), ports({ 'service.kubernetes.io/headless': '' })]).toEqual([1, 0, 0]);
  });

  it('addresses of load balancers that are proxies of their own, and of the other family', () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'w' },
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.9',
        clusterIPs: ['10.96.0.9', 'FD00:10:96:0::9'],
        ports: [{ port: 80 }],
        loadBalancerSourceRanges: [' 10.1.2.3/8 ', 'fd00::1/64'],
      },
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'Proxy' }, { ip: '1.2.3.5', ipMode: 'VIP' }, { ip: '2001:DB8::1' }, { hostname: 'a.b' }] } },
    } as Service;
    const of = (family: 'IPv4' | 'IPv6') => servicePorts(service, [], family).map((port) => [port.clusterIp, port.loadBalancerIps, port.sourceRanges])[0];
    expect(of('IPv4')).toEqual(['10.96.0.9', ['1.2.3.5'], ['10.0.0.0/8']]);
    expect(of('IPv6')).toEqual(['fd00:10:96::9', ['2001:db8::1'], ['fd00::/64']]);
  });
});
