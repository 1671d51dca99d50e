/** What the editor says about policies that the API server takes without a word. */
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { objectView } from '../node/testing/object-view.ts';
import { configMap, node, pod } from '../node/testing/small-cluster.ts';
import { lintPolicies } from './policy-lint.ts';

const namespace = (name: string, labels: Readonly<Record<string, string>> = { 'kubernetes.io/metadata.name': name }): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const tools = { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 80 }] }] };
const cluster: readonly KubeObject[] = [
  node('node01', '172.30.1.2', '10.244.0.0/24'),
  configMap('cilium-config', 'kube-system', { 'routing-mode': 'tunnel' }),
  pod('cilium', 'kube-system', 'node01', '172.30.1.2', { hostNetwork: true, containers: [{ name: 'cilium-agent', image: 'quay.io/cilium/cilium:v1.18.3' }] }),
  namespace('default'),
  namespace('shop'),
  namespace('kube-system'),
  // As somebody's old script made it: without the label that the API server gives.
  namespace('front', { team: 'front' }),
  pod('dns', 'kube-system', 'node01', '10.244.0.2', { containers: [{ name: 'coredns' }] }, { 'k8s-app': 'kube-dns' }),
  pod('web', 'default', 'node01', '10.244.0.3', tools, { app: 'web' }),
  pod('db', 'shop', 'node01', '10.244.0.4', tools, { app: 'db' }),
  pod('gateway', 'front', 'node01', '10.244.0.5', tools, { role: 'gateway' }),
];
const policy = (spec: object, place = 'default'): KubeObject =>
  ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'one', namespace: place }, spec }) as unknown as KubeObject;
const said = (...policies: KubeObject[]): string[] =>
  lintPolicies(objectView([...cluster, ...policies])).map(({ path, diagnostic }) => `${path}: ${diagnostic.code}: ${diagnostic.message}`);
const web = { podSelector: { matchLabels: { app: 'web' } } };

describe('A policy is noted', () => {
  it('when it selects no pod', () => {
    expect(said(policy({ podSelector: { matchLabels: { app: 'wep' } } }))).toEqual([
      'spec.podSelector: policy-selects-nothing: selects no pod that exists, so it has no effect now',
    ]);
    expect(said(policy(web))).toEqual([]);
  });
  it('when its pods are in another namespace', () => {
    expect(said(policy({ podSelector: { matchLabels: { app: 'db' } } }))).toEqual([
      'metadata.namespace: policy-wrong-namespace: selects no pod: pods with app=db are in namespace shop, and a NetworkPolicy counts only for pods of its own, default',
    ]);
  });
  it('when it forgets DNS, but not when its pods may send nothing at all', () => {
    const egress = [{ to: [{ podSelector: {} }], ports: [{ port: 80 }] }];
    expect(said(policy({ ...web, policyTypes: ['Egress'], egress }))).toEqual([
      expect.stringContaining('spec.egress: policy-forgets-dns: pods it selects (default/web) may not ask'),
    ]);
    expect(said(policy({ ...web, policyTypes: ['Egress'], egress: [...egress, { ports: [{ port: 53, protocol: 'UDP' }] }] }))).toEqual([]);
    expect(said(policy({ ...web, policyTypes: ['Egress'] }))).toEqual([]);
  });
  it('when it allows addresses of Services, which no packet has any more', () => {
    const egress = (cidr: string) => [{ to: [{ ipBlock: { cidr } }] }, { ports: [{ port: 53, protocol: 'UDP' }] }];
    expect(said(policy({ ...web, policyTypes: ['Egress'], egress: egress('10.96.20.20/32') }))).toEqual([
      expect.stringContaining('spec.egress[0].to[0].ipBlock.cidr: policy-service-cidr:'),
    ]);
    expect(said(policy({ ...web, policyTypes: ['Egress'], egress: egress('192.0.2.0/24') }))).toEqual([]);
  });
  it('when one dash makes two peers of what looks like one', () => {
    const both = { namespaceSelector: { matchLabels: { team: 'front' } }, podSelector: { matchLabels: { role: 'gateway' } } };
    const apart = [{ namespaceSelector: both.namespaceSelector }, { podSelector: both.podSelector }];
    expect(said(policy({ ...web, ingress: [{ from: apart }] }))).toContainEqual(
      expect.stringContaining('spec.ingress[0].from[1]: policy-and-or: two elements: either is enough.'),
    );
    expect(said(policy({ ...web, ingress: [{ from: [both] }] }))).toEqual([]);
  });
  it('when its peers are in another namespace than a podSelector alone reaches', () => {
    expect(said(policy({ ...web, ingress: [{ from: [{ podSelector: { matchLabels: { role: 'gateway' } } }] }] }))).toEqual([
      expect.stringContaining(
        'spec.ingress[0].from[0].podSelector: policy-peer-namespace: no pod of namespace default has role=gateway; those that have it are in front',
      ),
    ]);
  });
  it('when it asks for a namespace by the name label, and the namespace has none', () => {
    const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'front' } } }];
    expect(said(policy({ ...web, ingress: [{ from }] }))).toEqual([
      'spec.ingress[0].from[0].namespaceSelector: policy-namespace-label: no namespace has kubernetes.io/metadata.name=front',
    ]);
    const [found] = lintPolicies(objectView([...cluster, policy({ ...web, ingress: [{ from }] })]));
    expect(found?.diagnostic.hint).toBe('Namespace front has no such label: kubectl label namespace front kubernetes.io/metadata.name=front');
    expect(said(policy({ ...web, ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: 'shop' } } }] }] }))).toEqual([
      'spec.ingress[0].from[0].namespaceSelector: policy-namespace-label: no namespace has name=shop',
    ]);
  });
  it('when it names a port that no pod it means has', () => {
    expect(said(policy({ ...web, ingress: [{ ports: [{ port: 'http' }] }] }))).toEqual([
      expect.stringContaining('spec.ingress[0].ports[0].port: policy-named-port:'),
    ]);
    expect(said(policy({ ...web, ingress: [{ ports: [{ port: 'web' }] }] }))).toEqual([]);
  });
  it('when nobody enforces it', () => {
    const alone = objectView([...cluster.filter((one) => one.metadata.name !== 'cilium'), policy(web)]);
    expect(lintPolicies(alone).map(({ diagnostic }) => diagnostic.code)).toEqual(['policy-not-enforced']);
  });
  it('when it is written in the words of another CNI', () => {
    const dialect = (kind: string): KubeObject => ({ apiVersion: 'x/v1', kind, metadata: { name: 'one', namespace: 'default' } });
    const found = lintPolicies(objectView([...cluster, dialect('CiliumNetworkPolicy'), dialect('GlobalNetworkPolicy'), dialect('ClusterNetworkPolicy')]));
    expect(found.map(({ key, diagnostic }) => `${key}: ${diagnostic.message}`)).toEqual([
      'ClusterNetworkPolicy/default/one: cilium does not act on ClusterNetworkPolicy: this object is stored and has no effect',
      'GlobalNetworkPolicy/default/one: cilium does not act on GlobalNetworkPolicy: this object is stored and has no effect',
    ]);
  });
});
