import { describe, expect, it } from 'vitest';
import type { Netns, VethDevice } from '../../net/records.ts';
import { cniAgent } from '../cni/cni-agent.ts';
import { objectView } from '../node/testing/object-view.ts';
import { diagnosticsOf, flannelOn, netConf, node, pod, renderAll } from '../node/testing/small-cluster.ts';
import { sandboxAgent } from './sandbox-agent.ts';
import type { Pod } from './types.ts';

const base = [node('node01', '172.30.2.2', '10.244.1.0/24'), ...flannelOn([['node01', '172.30.2.2']], netConf({ Type: 'vxlan' }))];
const nginx = { containers: [{ name: 'nginx', image: 'nginx:1.27' }] };
const web = pod('web-1', 'default', 'node01', '10.244.1.3', nginx);

describe('a pod', () => {
  const records = renderAll(sandboxAgent, objectView([...base, web]));
  const netns = 'node01/netns/web-1.default';
  const eth0 = records.get(`${netns}/device/eth0`) as VethDevice;
  const veth = records.get(eth0.peer) as VethDevice;

  it('has a netns of its own with the files that the kubelet writes', () => {
    const sandbox = records.get(netns) as Netns;
    expect(sandbox).toMatchObject({
      hostId: 'node01',
      name: 'web-1.default',
      hostname: 'web-1',
      origin: { component: 'kubelet', objects: ['Pod/default/web-1', 'Node/node01'] },
    });
    expect(sandbox.files['/etc/resolv.conf']).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
  });

  it('is wired to the bridge by a veth pair in hairpin mode', () => {
    expect(eth0).toMatchObject({ index: 2, mtuBytes: 1450, addresses: [{ ip: '10.244.1.3', prefixLength: 24, broadcast: '10.244.1.255', scope: 'global' }] });
    expect(veth).toMatchObject({
      netns: 'node01/netns/root',
      peer: eth0.id,
      master: 'node01/netns/root/device/cni0',
      bridgePort: { hairpin: true, isolated: false, learning: true },
    });
    expect(veth.name).toMatch(/^veth[0-9a-f]{8}$/);
  });

  it('reaches everything through the bridge', () => {
    const routes = [...records.values()]
      .filter((record) => record.kind === 'route' && record.netns === netns)
      .map((route) => (route.kind === 'route' ? `${route.destination} via ${route.gateway ?? '-'} ${route.protocol}` : ''));
    expect(routes).toEqual(['0.0.0.0/0 via 10.244.1.1 boot', '10.244.0.0/16 via 10.244.1.1 boot', '10.244.1.0/24 via - kernel']);
  });

  it('runs the program of its image', () => {
    expect(records.get(`${netns}/process/nginx`)).toMatchObject({ app: 'http-server', config: { port: 80, server: 'nginx', version: '1.27' } });
  });

  it('has a device number that no other device of the node has', () => {
    const pods = Array.from({ length: 200 }, (_, i) => pod(`p-${i}`, 'default', 'node01', `10.244.1.${i + 2}`, nginx));
    const view = objectView([...base, ...pods]);
    const devices = [...renderAll(sandboxAgent, view).values(), ...renderAll(cniAgent, view).values()].filter(
      (record) => record.kind === 'device' && record.netns === 'node01/netns/root',
    );
    const indexes = devices.map((device) => (device.kind === 'device' ? device.index : 0));
    expect(new Set(indexes).size).toBe(202);
  });
});

describe('a pod that', () => {
  const rendered = (one: Pod) => [...renderAll(sandboxAgent, objectView([...base, one])).values()].filter((record) => record.id.includes('web-1'));

  it('has no address or has ended has no netns', () => {
    expect(rendered({ ...web, status: { phase: 'Pending' } })).toEqual([]);
    expect(rendered({ ...web, status: { ...web.status, phase: 'Succeeded' } })).toEqual([]);
  });

  it('waits for its container has a netns and no program', () => {
    const waiting = rendered({ ...web, status: { ...web.status, containerStatuses: [{ name: 'nginx', state: { waiting: { reason: 'CrashLoopBackOff' } } }] } });
    expect(waiting.some((record) => record.kind === 'netns')).toBe(true);
    expect(waiting.some((record) => record.kind === 'process')).toBe(false);
  });

  it("lives in the host's network runs its programs there", () => {
    const records = rendered(pod('web-1', 'default', 'node01', '172.30.2.2', { ...nginx, hostNetwork: true }));
    expect(records).toMatchObject([{ kind: 'process', id: 'node01/netns/root/process/web-1.default.nginx', netns: 'node01/netns/root' }]);
  });

  it('has an unknown image says that it is simulated', () => {
    const one = pod('api', 'default', 'node01', '10.244.1.9', { containers: [{ name: 'c', image: 'example.com/api', ports: [{ containerPort: 8080 }] }] });
    expect(diagnosticsOf(sandboxAgent, objectView([...base, one]))).toEqual([
      'Pod/default/api spec.containers[0].image: image "example.com/api" is not known and is simulated: its containerPorts answer with the pod\'s name',
    ]);
  });
});
