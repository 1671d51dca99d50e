import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { hostAgent } from './host-agent.ts';
import { objectView } from './testing/object-view.ts';
import { diagnosticsOf, node, renderAll } from './testing/small-cluster.ts';
import { underlayAgent, underlayPort } from './underlay-agent.ts';

const nodes = [
  node('controlplane', '172.30.1.2', '10.244.0.0/24', { 'node-role.kubernetes.io/control-plane': '' }),
  node('node01', '172.30.2.2', '10.244.1.0/24'),
];
const network = (spec: object): KubeObject => ({ apiVersion: 'kubehop.dev/v1alpha1', kind: 'Network', metadata: { name: 'underlay' }, spec });

describe('a Node', () => {
  const records = renderAll(hostAgent, objectView(nodes));

  it('is a host whose card is plugged into the switch between the nodes', () => {
    expect(records.get('node01/netns/root/device/eth0')).toMatchObject({
      index: 2,
      mtuBytes: 1500,
      addresses: [{ ip: '172.30.2.2', prefixLength: 16, broadcast: '172.30.255.255' }],
      peer: 'underlay/netns/root/device/p-node01',
    });
    expect(records.get('node01/netns/root/route/254/0.0.0.0/0')).toMatchObject({ gateway: '172.30.0.1', device: 'eth0', protocol: 'static' });
    expect(records.get('node01/netns/root/route/254/172.30.0.0/16')).toMatchObject({ source: '172.30.2.2', scope: 'link', protocol: 'kernel' });
  });

  it('knows the others by name and forwards packets', () => {
    const root = records.get('node01/netns/root') as { files: Record<string, string>; sysctls: Record<string, number> };
    expect(root.files['/etc/hosts']).toContain('172.30.1.2 controlplane\n172.30.2.2 node01\n');
    expect(root.files['/etc/resolv.conf']).toBe('nameserver 172.30.0.1\n');
    expect(root.sysctls).toMatchObject({ 'net.ipv4.ip_forward': 1, 'net.bridge.bridge-nf-call-iptables': 1, 'net.ipv4.conf.all.rp_filter': 2 });
  });

  it('of the control plane serves the API, silently', () => {
    expect(records.get('controlplane/netns/root/process/kube-apiserver')).toMatchObject({ app: 'tcp-server', config: { port: 6443 } });
    expect(records.has('node01/netns/root/process/kube-apiserver')).toBe(false);
  });

  it('without an address, outside the underlay, or with the name of a machine between says so', () => {
    const lost = { ...(nodes[1] as KubeObject), status: {} };
    expect(diagnosticsOf(hostAgent, objectView([lost]))[0]).toContain('has no address of type InternalIP');
    expect(diagnosticsOf(hostAgent, objectView([node('a', '10.0.0.5', '10.244.0.0/24'), network({ cidr: '172.30.0.0/16' })]))[0]).toContain(
      'outside the underlay 172.30.0.0/16',
    );
    expect(diagnosticsOf(hostAgent, objectView([node('router', '172.30.1.2', '10.244.0.0/24')]))[0]).toContain('cannot be called "router"');
  });
});

describe('the underlay', () => {
  it('is a switch with a port for the router and each node, and looks at no IP header', () => {
    const records = renderAll(underlayAgent, objectView(nodes));
    const ports = [...records.values()].filter((record) => record.kind === 'device' && record.master === 'underlay/netns/root/device/sw0');
    expect(ports.map((port) => port.id)).toEqual(['router', 'controlplane', 'node01'].map(underlayPort));
    expect(ports.every((port) => port.kind === 'device' && port.name.length <= 15)).toBe(true);
    expect(records.get('underlay/netns/root')).toMatchObject({ sysctls: { 'net.bridge.bridge-nf-call-iptables': 0 } });
  });

  it('ends at a router beyond which nothing is reachable', () => {
    const records = renderAll(underlayAgent, objectView(nodes));
    expect(records.get('router/netns/root/device/eth0')).toMatchObject({ addresses: [{ ip: '172.30.0.1', prefixLength: 16 }] });
    expect(records.get('router/netns/root/route/254/0.0.0.0/0')).toBeUndefined();
    expect(diagnosticsOf(underlayAgent, objectView([...nodes, network({ cidr: '172.30.0.0/16' })]))).toEqual([
      'Network/underlay spec: beyond the router 172.30.0.1 a few well-known names answer: other addresses are unreachable and other names do not exist',
    ]);
  });

  it('splits latency over the two cables between machines and loses packets once', () => {
    const view = objectView([...nodes, network({ cidr: '172.30.0.0/16', mtuBytes: 1400, latency: '5ms', lossPercent: 10, bandwidth: '1G' })]);
    expect(renderAll(hostAgent, view).get('node01/netns/root/device/eth0')).toMatchObject({
      mtuBytes: 1400,
      link: { latencyNs: 2_500_000, lossRatio: 0.1, bandwidthBitsPerSecond: 1e9 },
    });
    expect(renderAll(underlayAgent, view).get(underlayPort('node01'))).toMatchObject({ link: { latencyNs: 2_500_000, lossRatio: 0 } });
  });

  it('without a Network holds all nodes, wherever their addresses are', () => {
    const view = objectView([node('a', '192.168.10.5', '10.244.0.0/24'), node('b', '192.168.12.9', '10.244.1.0/24')]);
    expect(renderAll(hostAgent, view).get('a/netns/root/device/eth0')).toMatchObject({ addresses: [{ ip: '192.168.10.5', prefixLength: 21 }] });
    expect(diagnosticsOf(hostAgent, view)).toEqual([]);
  });
});
