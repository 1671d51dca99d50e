import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IpPrefix, inPrefix, ipOf, parseIpPrefix } from '../../net/addr/ip.ts';
import { TestCluster } from '../testing/cluster.ts';
import { serviceYaml } from '../testing/manifests.ts';
import { chooseAddress, chooseNodePort } from './allocate.ts';
import type { Service } from './types.ts';

const kubeadm = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {serviceSubnet: 10.96.0.0/12, podSubnet: 10.244.0.0/16}';
const spec = (cluster: TestCluster, name: string) => cluster.get<Service>(`Service/default/${name}`).spec;
const cidr = (text: string): IpPrefix => parseIpPrefix(text) as IpPrefix;

describe('the ClusterIP allocator', () => {
  it('gives an address of the upper band, the same for the same name in every run', () => {
    const one = new TestCluster().apply(serviceYaml('web', '{ports: [{port: 80}]}'));
    const two = new TestCluster().apply(serviceYaml('other', '{ports: [{port: 80}]}')).apply(serviceYaml('web', '{ports: [{port: 80}]}'));
    const address = spec(one, 'web').clusterIP ?? '';
    expect(spec(two, 'web').clusterIP).toBe(address);
    expect(ipOf(address)).toBeGreaterThan((ipOf('10.96.0.0') as number) + 256);
    expect(spec(one, 'web')).toMatchObject({
      clusterIPs: [address],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      type: 'ClusterIP',
    });
  });

  it('refuses a chosen address outside the range, in the server’s words', () => {
    const cluster = new TestCluster().apply(kubeadm);
    expect(cluster.refusal(serviceYaml('web', '{clusterIP: 10.1.1.1, ports: [{port: 80}]}')).message).toBe(
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.1.1.1"]: failed to allocate IP 10.1.1.1: the provided IP (10.1.1.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12',
    );
  });

  it('refuses an address that another Service has', () => {
    const cluster = new TestCluster().apply(kubeadm).apply(serviceYaml('a', '{clusterIP: 10.96.0.50, ports: [{port: 80}]}'));
    expect(cluster.refusal(serviceYaml('b', '{clusterIP: 10.96.0.50, ports: [{port: 80}]}')).message).toContain(
      'failed to allocate IP 10.96.0.50: provided IP is already allocated',
    );
    cluster.remove('Service/default/a').apply(serviceYaml('b', '{clusterIP: 10.96.0.50, ports: [{port: 80}]}'));
    expect(spec(cluster, 'b').clusterIP).toBe('10.96.0.50');
  });

  it('keeps the addresses of a dump whose range nobody told', () => {
    const cluster = new TestCluster().apply(serviceYaml('web', '{clusterIP: 10.43.7.7, ports: [{port: 80}]}'));
    expect(spec(cluster, 'web').clusterIP).toBe('10.43.7.7');
  });

  it('leaves headless Services and external names without one', () => {
    const cluster = new TestCluster()
      .apply(serviceYaml('db', '{clusterIP: None, selector: {app: db}}'))
      .apply(serviceYaml('out', '{type: ExternalName, externalName: example.com}'));
    expect([spec(cluster, 'db').clusterIP, spec(cluster, 'out').clusterIP]).toEqual(['None', undefined]);
  });

  it('does not change an address once set, and keeps it when an update does not name it', () => {
    const cluster = new TestCluster().apply(serviceYaml('web', '{ports: [{port: 80}]}'));
    const address = spec(cluster, 'web').clusterIP;
    cluster.apply(serviceYaml('web', '{ports: [{port: 81}]}'));
    expect(spec(cluster, 'web').clusterIP).toBe(address);
    expect(cluster.refusal(serviceYaml('web', '{clusterIP: 10.96.0.99, ports: [{port: 80}]}')).message).toMatch(
      /spec\.clusterIPs\[0\]: Invalid value: \[.*\]: may not change once set/,
    );
  });

  it('says to whom it cannot give an address that the range is full, and disturbs nobody else', () => {
    const small = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {serviceSubnet: 10.96.0.0/28}';
    const cluster = new TestCluster().apply(small);
    for (let i = 0; i < 14; i += 1) cluster.apply(serviceYaml(`s${i}`, '{ports: [{port: 80}]}'));
    const before = Array.from({ length: 14 }, (_, i) => spec(cluster, `s${i}`).clusterIP);
    expect(new Set(before).size).toBe(14);
    expect(cluster.refusal(serviceYaml('more', '{ports: [{port: 80}]}')).message).toContain(
      'Internal error occurred: failed to allocate a serviceIP: range is full',
    );
    expect(Array.from({ length: 14 }, (_, i) => spec(cluster, `s${i}`).clusterIP)).toEqual(before);
    cluster.remove('Service/default/s3').apply(serviceYaml('more', '{ports: [{port: 80}]}'));
    expect(spec(cluster, 'more').clusterIP).toBe(before[3]);
  });

  it('fills a small range to the last address and then says that it is full', () => {
    const range = cidr('10.96.0.0/29');
    const used = new Set<string>();
    for (let i = 0; i < 6; i += 1) used.add(chooseAddress(range, used, `s${i}`) ?? 'none');
    expect([...used].sort()).toEqual(['10.96.0.1', '10.96.0.2', '10.96.0.3', '10.96.0.4', '10.96.0.5', '10.96.0.6']);
    expect(chooseAddress(range, used, 'more')).toBeUndefined();
  });

  it('never gives an address that is used or outside the range', () => {
    fc.assert(
      fc.property(fc.integer({ min: 22, max: 30 }), fc.array(fc.string(), { maxLength: 60 }), (prefixLength, names) => {
        const range = cidr(`10.96.0.0/${prefixLength}`);
        const used = new Set<string>();
        for (const name of names) {
          const address = chooseAddress(range, used, name);
          if (address === undefined) {
            expect(used.size).toBe(2 ** (32 - range.prefixLength) - 2);
            return;
          }
          expect(used.has(address)).toBe(false);
          expect(inPrefix(range.network, range.prefixLength, ipOf(address))).toBe(true);
          used.add(address);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('a change of type', () => {
  it('drops what only the former type had', () => {
    const cluster = new TestCluster().apply(serviceYaml('web', '{type: NodePort, ports: [{port: 80}]}'));
    const address = spec(cluster, 'web').clusterIP;
    cluster.apply(serviceYaml('web', '{type: ClusterIP, ports: [{port: 80}]}'));
    expect([spec(cluster, 'web').ports, spec(cluster, 'web').externalTrafficPolicy, spec(cluster, 'web').clusterIP]).toEqual([
      [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      undefined,
      address,
    ]);
    cluster.apply(serviceYaml('web', '{type: ExternalName, externalName: example.com}'));
    expect([spec(cluster, 'web').clusterIP, spec(cluster, 'web').clusterIPs]).toEqual([undefined, undefined]);
  });
});

describe('the node port allocator', () => {
  const ports = (cluster: TestCluster, name: string) => spec(cluster, name).ports?.map((port) => port.nodePort);

  it('gives ports from 30000 to 32767, and keeps them over updates', () => {
    const cluster = new TestCluster().apply(serviceYaml('web', '{type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 443}]}'));
    const given = ports(cluster, 'web') ?? [];
    expect(given.every((port) => port !== undefined && port >= 30000 && port <= 32767)).toBe(true);
    expect(given[0]).not.toBe(given[1]);
    cluster.apply(serviceYaml('web', '{type: NodePort, ports: [{name: a, port: 80}, {name: c, port: 8443}]}'));
    expect(ports(cluster, 'web')?.[0]).toBe(given[0]);
  });

  it('refuses a port outside the range or taken', () => {
    const cluster = new TestCluster().apply(serviceYaml('a', '{type: NodePort, ports: [{port: 80, nodePort: 30080}]}'));
    expect(cluster.refusal(serviceYaml('b', '{type: NodePort, ports: [{port: 80, nodePort: 80}]}')).message).toBe(
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
    expect(cluster.refusal(serviceYaml('b', '{type: NodePort, ports: [{port: 80, nodePort: 30080}]}')).message).toContain(
      'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
  });

  it('gives one number to TCP and UDP of the same port', () => {
    const cluster = new TestCluster().apply(serviceYaml('dns', '{type: NodePort, ports: [{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]}'));
    const [tcp, udp] = ports(cluster, 'dns') ?? [];
    expect(tcp).toBe(udp);
  });

  it('says when none is left', () => {
    const used = new Set(['TCP/30000', 'TCP/30001']);
    expect(chooseNodePort({ first: 30000, last: 30001 }, used, 'TCP', 'x')).toBeUndefined();
    expect(chooseNodePort({ first: 30000, last: 30001 }, used, 'UDP', 'x')).toBeDefined();
  });
});
