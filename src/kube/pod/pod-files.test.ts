import { describe, expect, it } from 'vitest';
import { dnsWarnings, hostnameOf, podHosts, podResolvConf } from './pod-files.ts';
import type { Pod, PodSpec } from './types.ts';

const dns = { domain: 'cluster.local', servers: ['10.96.0.10'], nodeResolvConf: 'search corp.example\nnameserver 172.30.0.1\noptions edns0\n' };
const pod = (spec: Partial<PodSpec>, namespace = 'shop'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace },
  spec: { containers: [], ...spec },
});

describe("a pod's resolv.conf", () => {
  it('searches its own namespace first and asks the cluster', () => {
    expect(podResolvConf(pod({}), dns)).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
  });

  it("is the node's with dnsPolicy Default, and for ClusterFirst in the host's network", () => {
    const nodes = 'search corp.example\nnameserver 172.30.0.1\noptions edns0\n';
    expect(podResolvConf(pod({ dnsPolicy: 'Default' }), dns)).toBe(nodes);
    expect(podResolvConf(pod({ hostNetwork: true }), dns)).toBe(nodes);
    expect(podResolvConf(pod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), dns)).toContain('nameserver 10.96.0.10');
  });

  it('takes what dnsConfig adds, and nothing else with dnsPolicy None', () => {
    const dnsConfig = { nameservers: ['1.1.1.1'], searches: ['my.example'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] };
    expect(podResolvConf(pod({ dnsPolicy: 'None', dnsConfig }), dns)).toBe('search my.example\nnameserver 1.1.1.1\noptions ndots:2 edns0\n');
    expect(podResolvConf(pod({ dnsConfig }), dns)).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example my.example\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:2 edns0\n',
    );
  });
});

describe("a pod's hosts file", () => {
  it("has the kubelet's header and the pod's own name last", () => {
    const text = podHosts(pod({}), ['10.244.1.3'], 'cluster.local');
    expect(text.split('\n')[0]).toBe('# Kubernetes-managed hosts file.');
    expect(text.endsWith('10.244.1.3\tweb-1\n')).toBe(true);
  });

  it('names the whole name under a subdomain, and aliases', () => {
    const text = podHosts(
      pod({ hostname: 'db', subdomain: 'data', hostAliases: [{ ip: '10.1.2.3', hostnames: ['foo.local', 'bar.local'] }] }),
      ['10.244.1.3'],
      'cluster.local',
    );
    expect(text).toContain('10.244.1.3\tdb.data.shop.svc.cluster.local\tdb\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.local\tbar.local\n');
  });
});

it("a pod's host name is its name, cut to what Linux takes", () => {
  expect(hostnameOf({ ...pod({}), metadata: { name: `${'a'.repeat(62)}-b` } })).toBe('a'.repeat(62));
});

describe('limits of resolv.conf', () => {
  it('are told in the words of the event DNSConfigForming', () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'default' }, spec: { containers: [] } };
    const withConfig = (dnsConfig: object) => ({ ...pod, spec: { ...pod.spec, dnsConfig } }) as unknown as Parameters<typeof dnsWarnings>[0];
    expect(dnsWarnings(withConfig({ nameservers: ['1.1.1.1', '8.8.8.8', '9.9.9.9'] }), dns)).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 8.8.8.8',
    ]);
    const searches = Array.from({ length: 40 }, (_gone, i) => `d${i}.example`);
    expect(dnsWarnings(withConfig({ searches }), dns)[0]).toMatch(
      /^Search Line limits were exceeded, some search paths have been omitted, the applied search line is: default\.svc/,
    );
    expect(dnsWarnings(withConfig({ searches: ['a.example'] }), dns)).toEqual([]);
  });
});
