import { describe, expect, it } from 'vitest';
import { TestCluster } from '../../testing/cluster.ts';
import { flannelYaml, nodeYaml } from '../../testing/manifests.ts';
import { findCondition, type Pod } from '../types.ts';

const classes = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: middle}
value: 500
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: polite}
value: 1000
preemptionPolicy: Never`;
const node = (name: string) => nodeYaml(name, 'status: {allocatable: {cpu: "1", memory: 1Gi, pods: "9"}}');
const pod = (name: string, cpu: string, priorityClass = '', labels = '') => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}${labels}}}
spec:
  ${priorityClass === '' ? '' : `priorityClassName: ${priorityClass}`}
  containers: [{name: main, image: nginx, resources: {requests: {cpu: ${cpu}}}}]`;
const cluster = (...nodes: readonly string[]) => new TestCluster().apply([...nodes.map(node), flannelYaml, classes].join('\n---\n'));
const names = (world: TestCluster) =>
  world
    .pods()
    .filter((one) => one.metadata.deletionTimestamp === undefined)
    .map((one) => one.metadata.name);
const unschedulable = (world: TestCluster, name: string) => findCondition(world.get<Pod>(`Pod/default/${name}`).status?.conditions, 'PodScheduled')?.message;

describe('preemption', () => {
  it('drives a less important pod away when that makes room', () => {
    const world = cluster('n1')
      .apply(pod('low', '800m'))
      .apply(pod('important', '800m', 'high'));
    expect(names(world)).toEqual(['important']);
    const { uid } = world.get('Pod/default/important').metadata;
    expect(world.events('Pod', 'low')).toContain(`Preempted: Preempted by pod ${uid} on node n1`);
    expect(world.events('Pod', 'important')).toContain('FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.');
    expect(world.get<Pod>('Pod/default/important').spec.nodeName).toBe('n1');
  });

  it('takes as few as possible, the least important first', () => {
    const world = cluster('n1')
      .apply(pod('a', '300m'))
      .apply(pod('b', '300m', 'middle'))
      .apply(pod('c', '300m'))
      .apply(pod('d', '600m', 'high'));
    expect(names(world)).toEqual(['b', 'd']);
  });

  it('chooses the node whose victims matter least', () => {
    const world = cluster('n1', 'n2')
      .apply(pod('middle', '800m', 'middle'))
      .apply(pod('low', '800m'))
      .apply(pod('important', '800m', 'high'));
    expect(names(world)).toEqual(['important', 'middle']);
  });

  it('spares pods whose disruption budget is used up where another node will do', () => {
    const world = cluster('n1', 'n2')
      .apply(pod('guarded', '800m'))
      .apply(pod('other', '800m'))
      .apply(`apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guard}
spec: {minAvailable: 1, selector: {matchLabels: {app: guarded}}}`);
    expect(names(world.apply(pod('important', '800m', 'high')))).toEqual(['guarded', 'important']);
  });

  it('does nothing for a pod of the same importance, or where it would not help', () => {
    const world = cluster('n1')
      .apply(pod('first', '800m', 'high'))
      .apply(pod('second', '800m', 'high'))
      .apply(pod('huge', '4', 'high'));
    expect(names(world)).toEqual(['first', 'huge', 'second']);
    expect(unschedulable(world, 'second')).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
    expect(unschedulable(world, 'huge')).toContain('1 Preemption is not helpful for scheduling.');
  });

  it('does nothing for a pod whose class forbids it', () => {
    const world = cluster('n1')
      .apply(pod('low', '800m'))
      .apply(pod('important', '800m', 'polite'));
    expect(names(world)).toEqual(['important', 'low']);
    expect(unschedulable(world, 'important')).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
  });
});
