import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml } from '../testing/manifests.ts';
import { formatIndexes, parseIndexes } from './job-indexes.ts';
import type { Job } from './types.ts';

const jobYaml = (script: string, spec = '', restartPolicy = 'Never'): string => `
apiVersion: batch/v1
kind: Job
metadata: { name: work }
spec:
  ${spec}
  template:
    spec:
      restartPolicy: ${restartPolicy}
      containers:
      - { name: main, image: busybox, command: [sh, -c, "${script}"] }
`;
const key = 'Job/default/work';
const cluster = (yaml: string) => new TestCluster().apply(clusterYaml(2)).apply(yaml);
const job = (world: TestCluster) => world.get<Job>(key);
const conditions = (world: TestCluster) => job(world).status?.conditions?.map((one) => `${one.type} ${one.status} ${one.reason}: ${one.message}`);
const phases = (world: TestCluster) => world.pods().map((pod) => pod.status?.phase);
const later = (world: TestCluster, seconds: number): TestCluster => {
  for (const end = world.nowNs + seconds * 1e9; world.nowNs < end; ) {
    world.nowNs = Math.min(end, Math.max(world.nowNs, world.api.nextDueNs ?? end));
    world.settle();
  }
  return world;
};

describe('a Job', () => {
  it('runs one pod, counts its success and is complete', () => {
    const world = cluster(jobYaml('echo hello'));
    expect(conditions(world)).toEqual([
      'SuccessCriteriaMet True CompletionsReached: Reached expected number of succeeded pods',
      'Complete True CompletionsReached: Reached expected number of succeeded pods',
    ]);
    expect(job(world).status).toMatchObject({ succeeded: 1, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(world.row(key).slice(0, 5)).toEqual(['work', 'Complete', '1/1', '0s', '0s']);
    const [pod] = world.pods();
    expect(pod?.metadata.finalizers).toBeUndefined();
    expect(world.events('Job', 'work')).toEqual(expect.arrayContaining(['Completed: Job completed', `SuccessfulCreate: Created pod: ${pod?.metadata.name}`]));
  });

  it('knows its pods by its uid, under the old and the new names of the labels', () => {
    const world = cluster(jobYaml('sleep 1000'));
    const { uid } = job(world).metadata;
    expect(job(world).spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
    expect(world.pods()[0]?.metadata.labels).toEqual({
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': 'work',
      'controller-uid': uid,
      'job-name': 'work',
    });
    expect(job(world).metadata.generation).toBe(1);
  });

  it('works through its completions with its parallelism', () => {
    const world = cluster(jobYaml('sleep 1000', 'completions: 5\n  parallelism: 2'));
    expect(phases(world)).toEqual(['Running', 'Running']);
    expect(job(world).status).toMatchObject({ active: 2, ready: 2 });
    expect(cluster(jobYaml('true', 'completions: 5\n  parallelism: 2')).row(key).slice(1, 3)).toEqual(['Complete', '5/5']);
  });

  it('waits ten seconds after a failure, then twice as long each time, and gives up beyond its backoffLimit', () => {
    const world = cluster(jobYaml('exit 3', 'backoffLimit: 2'));
    expect(phases(world)).toEqual(['Failed']);
    expect(later(world, 9).pods()).toHaveLength(1);
    expect(later(world, 1).pods()).toHaveLength(2);
    expect(later(world, 19).pods()).toHaveLength(2);
    expect(later(world, 1).pods()).toHaveLength(3);
    expect(conditions(world)).toEqual([
      'FailureTarget True BackoffLimitExceeded: Job has reached the specified backoff limit',
      'Failed True BackoffLimitExceeded: Job has reached the specified backoff limit',
    ]);
    expect(job(world).status?.failed).toBe(3);
    expect(world.events('Job', 'work')).toContain('BackoffLimitExceeded: Job has reached the specified backoff limit');
    expect(later(world, 1000).pods()).toHaveLength(3);
  });

  it('ends at its activeDeadlineSeconds with its pods', () => {
    const world = cluster(jobYaml('sleep 1000', 'activeDeadlineSeconds: 30'));
    expect(later(world, 29).pods()).toHaveLength(1);
    // `sleep` as process 1 takes no notice of SIGTERM: the pod has its whole grace.
    expect(conditions(later(world, 31))?.at(-1)).toBe('Failed True DeadlineExceeded: Job was active longer than specified deadline');
    expect(world.pods()).toHaveLength(0);
  });

  it('goes ttlSecondsAfterFinished after its end, and its pods with it', () => {
    const world = cluster(jobYaml('true', 'ttlSecondsAfterFinished: 60'));
    expect(later(world, 59).pods()).toHaveLength(1);
    expect(later(world, 1).pods()).toHaveLength(0);
    expect(world.api.view.find(key)).toBeUndefined();
  });

  it('with Indexed numbers its pods in name, label, host name and environment', () => {
    const world = cluster(jobYaml('sleep 1000', 'completions: 3\n  parallelism: 3\n  completionMode: Indexed'));
    expect(
      world.pods().map((pod) => [pod.metadata.name.slice(0, 7), pod.metadata.labels?.['batch.kubernetes.io/job-completion-index'], pod.spec.hostname]),
    ).toEqual([
      ['work-0-', '0', 'work-0'],
      ['work-1-', '1', 'work-1'],
      ['work-2-', '2', 'work-2'],
    ]);
    expect(world.pods()[0]?.spec.containers[0]?.env?.[0]?.name).toBe('JOB_COMPLETION_INDEX');
    expect(job(cluster(jobYaml('true', 'completions: 3\n  completionMode: Indexed'))).status?.completedIndexes).toBe('0-2');
  });

  it('gives up single numbers after backoffLimitPerIndex', () => {
    const world = cluster(jobYaml('exit 1', 'completions: 2\n  parallelism: 2\n  completionMode: Indexed\n  backoffLimitPerIndex: 1'));
    expect(conditions(later(world, 10))?.at(-1)).toBe('Failed True FailedIndexes: Job has failed indexes');
    expect(job(world).status).toMatchObject({ failed: 4, failedIndexes: '0,1' });
  });

  it('while suspended has no pods; resumed, it starts anew', () => {
    const world = cluster(jobYaml('sleep 1000', 'suspend: true'));
    expect(world.pods()).toHaveLength(0);
    expect(world.row(key)[1]).toBe('Suspended');
    world.must(world.api.patch(key, { spec: { suspend: false } }, 'merge'));
    world.settle();
    expect(world.pods()).toHaveLength(1);
    world.must(world.api.patch(key, { spec: { suspend: true } }, 'merge'));
    world.settle();
    expect(later(world, 30).pods()).toHaveLength(0);
    expect(job(world).status?.failed).toBeUndefined();
    expect(world.events('Job', 'work')).toEqual(expect.arrayContaining(['Resumed: Job resumed', 'Suspended: Job suspended']));
  });

  it('ends at the first exit code its podFailurePolicy names', () => {
    const policy = 'podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { containerName: main, operator: In, values: [42] } }] }';
    const world = cluster(jobYaml('exit 42', policy));
    const name = world.pods()[0]?.metadata.name;
    expect(conditions(world)?.at(-1)).toBe(
      `Failed True PodFailurePolicy: Container main for pod default/${name} failed with exit code 42 matching FailJob rule at index 0`,
    );
  });

  it('counts a pod that somebody deletes as failed and makes another', () => {
    const world = cluster(jobYaml('sleep 1000'));
    const [first] = world.pods();
    world.remove(`Pod/default/${first?.metadata.name}`);
    expect(job(world).status).toMatchObject({ failed: 1, active: 1 });
    expect(
      later(world, 30)
        .pods()
        .map((pod) => pod.metadata.name),
    ).not.toContain(first?.metadata.name);
  });

  it('takes its pods along when it is deleted', () => {
    expect(later(cluster(jobYaml('sleep 1000')).remove(key), 30).pods()).toHaveLength(0);
  });
});

describe('lists of indexes', () => {
  it('join neighbours by a hyphen from three on', () => {
    expect(formatIndexes(new Set([0, 1, 3, 4, 5, 7]))).toBe('0,1,3-5,7');
    expect([...parseIndexes('0,1,3-5,7,12', 8)]).toEqual([0, 1, 3, 4, 5, 7]);
  });
});
