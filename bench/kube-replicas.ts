/** Deployments of 10 to 5,000 replicas until all are Ready, on three nodes: the control plane alone, and the whole world with every record in the kernels' tables. Memory a pod. */
import { isReady, type Pod } from '../src/kube/pod/types.ts';
import { TestCluster } from '../src/kube/testing/cluster.ts';
import { cpuMilliseconds, type Figure, report } from './harness.ts';
import { bigCluster, bigClusterFiles, webFile } from './support/worlds.ts';

function ready(pods: readonly Pod[], replicas: number): void {
  const count = pods.filter(isReady).length;
  if (count !== replicas) throw new Error(`${count} of ${replicas} pods are ready`);
}

const GOALS: readonly (readonly [replicas: number, goalMs: number, runs: number])[] = [
  [10, 10, 61],
  [100, 50, 21],
  [1000, 500, 7],
  [5000, 3000, 3],
];
const BYTES_A_POD = 12 * 1024;
const clusterText = bigClusterFiles.map((file) => file.text).join('\n---\n');

const heap = (): number => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** Memory that `apply` leaves behind, a pod. The returned thing is kept alive until it is weighed. */
function bytesAPod<T>(replicas: number, prepare: () => T, apply: (prepared: T) => void): number {
  const prepared = prepare();
  const before = heap();
  apply(prepared);
  const grown = heap() - before;
  if (prepared === undefined) throw new Error('nothing to weigh');
  return grown / replicas;
}

const figures: Figure[] = [];
for (const [replicas, goal, runs] of GOALS) {
  const { text } = webFile(replicas);
  const value = cpuMilliseconds<TestCluster>(
    runs,
    (cluster) => {
      cluster.apply(text);
      ready(cluster.pods(), replicas);
    },
    () => new TestCluster().apply(clusterText),
  );
  figures.push({ name: `${replicas} replicas Ready, control plane only`, value, unit: 'ms', goal });
}
for (const [replicas, goal, runs] of GOALS) {
  const { path, text } = webFile(replicas);
  const value = cpuMilliseconds(
    runs,
    (world) => {
      if (!world.edit(path, text).applied) throw new Error(world.diagnostics.map((one) => one.message).join('; '));
      ready(world.api.view.list<Pod>('Pod', 'default'), replicas);
    },
    () => bigCluster(),
  );
  figures.push({ name: `${replicas} replicas Ready, whole world`, value, unit: 'ms', goal });
}
const thousand = webFile(1000);
figures.push(
  {
    name: 'memory a pod, control plane only',
    value: bytesAPod(
      1000,
      () => new TestCluster().apply(clusterText),
      (cluster) => cluster.apply(thousand.text),
    ),
    unit: 'bytes',
    goal: BYTES_A_POD,
  },
  {
    name: 'memory a pod, whole world',
    value: bytesAPod(
      1000,
      () => bigCluster(),
      (world) => world.edit(thousand.path, thousand.text),
    ),
    unit: 'bytes',
    goal: BYTES_A_POD,
  },
);
report(figures);
