/** The control plane alone (no agents, no network): boot of the article's cluster, and Deployments of 10, 100 and 1,000 replicas until all are Ready. */
import { readFileSync } from 'node:fs';
import { isReady } from '../src/kube/pod/types.ts';
import { TestCluster } from '../src/kube/testing/cluster.ts';
import { cpuMilliseconds, type Figure, report } from './harness.ts';

const article = ['web', 'client', 'cluster', 'coredns', 'flannel', 'kube-proxy']
  .map((name) => readFileSync(`src/content/examples/article/${name}.yaml`, 'utf8'))
  .join('\n---\n');

const flannel = readFileSync('src/content/examples/article/flannel.yaml', 'utf8');
const nodes = [1, 2, 3].map(
  (number) =>
    `apiVersion: v1\nkind: Node\nmetadata: {name: node0${number}}\nspec: {podCIDR: 10.244.${16 * (number - 1)}.0/20}\nstatus: {allocatable: {cpu: "64", memory: 256Gi, pods: "1000"}}`,
);
const web = (replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}`;

const threeNodes = (): TestCluster => new TestCluster().apply([...nodes, flannel].join('\n---\n'));

function ready(cluster: TestCluster, replicas: number): void {
  const count = cluster.pods().filter(isReady).length;
  if (count !== replicas) throw new Error(`${count} of ${replicas} pods are ready`);
}

const parsed = new TestCluster().parse(article);
const figures: Figure[] = [
  {
    name: 'boot of the article, control plane only',
    value: cpuMilliseconds(9, () => {
      const cluster = new TestCluster();
      for (const object of parsed) cluster.must(cluster.api.apply(object));
      cluster.settle();
    }),
    unit: 'ms',
    goal: 30,
  },
];
for (const [replicas, goal] of [
  [10, 10],
  [100, 50],
  [1000, 500],
] as const) {
  const value = cpuMilliseconds<TestCluster>(
    5,
    (cluster) => {
      cluster.apply(web(replicas));
      ready(cluster, replicas);
    },
    threeNodes,
  );
  figures.push({ name: `${replicas} replicas Ready on 3 nodes, control plane only`, value, unit: 'ms', goal });
}
report(figures);
