/** How pods stop: hooks first, endpoints meanwhile terminating, then they are gone. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../kube/pod/types.ts';
import type { EndpointSlice } from '../../kube/service/types.ts';
import type { EventObject } from '../../objects/events.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const text = (lifecycle: string, spec = '') => `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: slow}}
spec:
  nodeName: node01
${spec}  containers:
  - {name: web, image: nginx${lifecycle}}
---
apiVersion: v1
kind: Service
metadata: {name: slow}
spec: {selector: {app: slow}, ports: [{port: 80}]}
`;

function start(lifecycle: string, spec = ''): World {
  const world = openArticle();
  expect(runLine(world, `kubectl apply -f - <<X\n${text(lifecycle, spec)}X`).stderr).toBe('');
  return world;
}
const pod = (world: World) => world.api.view.find<Pod>('Pod/default/web');
const conditions = (world: World) =>
  world.api.view
    .list<EndpointSlice>('EndpointSlice')
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'slow')
    .flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => endpoint.conditions));

describe('a pod that is deleted', () => {
  it('is gone at once when nothing takes time', () => {
    const world = start('');
    const before = world.nowNs;
    expect(runLine(world, 'kubectl delete pod web').output).toBe('pod "web" deleted from default namespace\n');
    expect(pod(world)).toBeUndefined();
    expect(world.nowNs - before).toBeLessThan(2e9);
  });

  it('terminates while its preStop hook sleeps, still answers, and kubectl waits', () => {
    const world = start(', lifecycle: {preStop: {sleep: {seconds: 10}}}');
    const ip = pod(world)?.status?.podIP ?? '';
    runLine(world, 'kubectl delete pod web --wait=false');
    expect(pod(world)?.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(runLine(world, 'kubectl get pod web --no-headers').output).toMatch(/^web +1\/1 +Terminating +0 /);
    expect(conditions(world)).toEqual([{ ready: false, serving: true, terminating: true }]);
    expect(runLine(world, `kubectl exec client -- curl -s -m 1 ${ip}`).exitCode).toBe(0);
    const from = world.nowNs;
    runLine(world, 'kubectl delete pod web');
    expect(pod(world)).toBeUndefined();
    expect((world.nowNs - from) / 1e9).toBeGreaterThan(6);
    expect((world.nowNs - from) / 1e9).toBeLessThan(12);
    expect(conditions(world)).toEqual([]);
    const killing = world.api.view.list<EventObject>('Event').filter((event) => event.reason === 'Killing');
    expect(killing.map((event) => [event.message, event.count])).toEqual([['Stopping container web', 1]]);
    expect(runLine(world, `kubectl exec client -- curl -s -m 1 ${ip}`).exitCode).not.toBe(0);
  });

  it('stops when its grace is over, whatever the hook still wants', () => {
    const world = start(', lifecycle: {preStop: {exec: {command: [sh, -c, sleep 60]}}}', '  terminationGracePeriodSeconds: 5\n');
    runLine(world, 'kubectl delete pod web --wait=false');
    world.elapse(4_000);
    expect(pod(world)).toBeDefined();
    world.elapse(2_500);
    expect(pod(world)).toBeUndefined();
  });

  it('goes at once when it is forced, also while it terminates', () => {
    const world = start(', lifecycle: {preStop: {sleep: {seconds: 20}}}');
    runLine(world, 'kubectl delete pod web --wait=false');
    expect(pod(world)).toBeDefined();
    const { output } = runLine(world, 'kubectl delete pod web --grace-period=0 --force');
    expect(output).toBe(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\npod "web" force deleted from default namespace\n',
    );
    expect(pod(world)).toBeUndefined();
  });

  it('holds its namespace until it has stopped', () => {
    const world = openArticle();
    runLine(world, 'kubectl create namespace shop');
    runLine(world, `kubectl apply -n shop -f - <<X\n${text(', lifecycle: {preStop: {sleep: {seconds: 10}}}')}X`);
    runLine(world, 'kubectl delete namespace shop --wait=false');
    expect(runLine(world, 'kubectl get namespace shop --no-headers').output).toMatch(/^shop +Terminating/);
    world.elapse(12_000);
    expect(world.api.view.find('Namespace/shop')).toBeUndefined();
  });
});
