/** The default world's control plane: the article's cluster comes up with the article's addresses, and always the same. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Pod } from './pod/types.ts';
import { TestCluster } from './testing/cluster.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../content/examples/article');
const yaml = ['web', 'client', 'cluster', 'coredns', 'flannel', 'kube-proxy'].map((name) => readFileSync(join(folder, `${name}.yaml`), 'utf8')).join('\n---\n');

const placed = (cluster: TestCluster) =>
  cluster.api.view
    .list<Pod>('Pod')
    .map(
      (pod) => `${pod.metadata.name.replace(/-[4-9bcdf]{6,10}-[a-z0-9]{5}$|-[a-z0-9]{5}$/, '')} ${pod.spec.nodeName} ${pod.status?.podIP} ${pod.status?.phase}`,
    )
    .sort();
const everything = (cluster: TestCluster) => JSON.stringify(cluster.api.kinds.map((kind) => cluster.api.view.list(kind.kind)));

describe("the article's cluster", () => {
  it('comes up with a CoreDNS on each node, the client on the control plane and web on node01', () => {
    expect(placed(new TestCluster().apply(yaml))).toEqual([
      'client controlplane 10.244.0.3 Running',
      'coredns controlplane 10.244.0.2 Running',
      'coredns node01 10.244.1.2 Running',
      'kube-flannel-ds controlplane 172.30.1.2 Running',
      'kube-flannel-ds node01 172.30.2.2 Running',
      'kube-proxy controlplane 172.30.1.2 Running',
      'kube-proxy node01 172.30.2.2 Running',
      'web node01 10.244.1.3 Running',
      'web node01 10.244.1.4 Running',
      'web node01 10.244.1.5 Running',
    ]);
  });

  it('is the same in every run, and the same after going back to a snapshot', () => {
    const one = new TestCluster().apply(yaml);
    const two = new TestCluster().apply(yaml);
    expect(everything(two)).toBe(everything(one));
    const snapshot = one.api.snapshot();
    one.scale('Deployment/default/web', 5);
    const scaled = everything(one);
    one.api.restore(snapshot);
    expect(everything(one)).toBe(everything(two));
    expect(everything(one.scale('Deployment/default/web', 5))).toBe(scaled);
  });

  it('comes to rest: applying it again changes nothing', () => {
    const cluster = new TestCluster().apply(yaml);
    const before = everything(cluster);
    cluster.apply(yaml);
    expect(everything(cluster)).toBe(before);
  });

  it('says nothing about fields without effect', () => {
    const { api } = new TestCluster().apply(yaml);
    expect(api.kinds.flatMap((kind) => api.view.list(kind.kind)).flatMap((object) => api.notSimulated(object))).toEqual([]);
  });
});
