/** The control plane as it happens: a scaled Deployment goes from kubectl through the controllers to the kubelet, the CNI and kube-proxy; who hears late is seen to be behind. */
import { expect, it } from 'vitest';
import { controlPlane } from './control-plane.ts';
import { openArticle, runLine } from './testing/article.ts';

const world = openArticle();

it('tells a scaled Deployment step by step, from kubectl to the rules on each node', () => {
  const { revision } = controlPlane(world);
  expect(controlPlane(world).steps).toEqual([]);
  runLine(world, 'kubectl scale deployment web --replicas=4');
  const now = controlPlane(world);
  const told = now.steps.map((step) => `${step.by} ${step.verb} ${step.objectKey?.replace(/-[a-z0-9]{8,10}(-[a-z0-9]{5})?$/, '-…') ?? step.host}`);
  const at = (words: string) => told.indexOf(words);
  const chain = [
    'kubectl updates Deployment/default/web',
    'deployment-controller updates ReplicaSet/default/web-…',
    'replicaset-controller creates Pod/default/web-…',
    'kube-scheduler updates Pod/default/web-…',
    'kubelet updates Pod/default/web-…',
    'kubelet writes node01',
    'kube-proxy writes controlplane',
  ];
  expect(chain.map((words) => at(words)).every((place, index, all) => place >= 0 && (index === 0 || place > (all[index - 1] ?? 0)))).toBe(true);
  expect(now.steps[at(chain[0] ?? '')]?.detail).toBe('replicas 3 → 4');
  expect(now.steps[at(chain[3] ?? '')]?.detail).toBe('on node01');
  expect(told.some((words) => words.startsWith('endpointslice-controller updates EndpointSlice/'))).toBe(true);
  expect(now.revision).toBeGreaterThan(revision);
  expect(now.watchers.find((one) => one.component === 'kube-scheduler')).toMatchObject({ seen: now.revision, waiting: 0 });
});

it('says of a kube-proxy that does not listen which revision it has seen and how many objects it is behind', () => {
  const before = controlPlane(world).revision;
  runLine(world, 'kubectl annotate node node01 kubehop.dev/stopped=kube-proxy');
  runLine(world, 'kubectl scale deployment web --replicas=5');
  const { watchers, revision } = controlPlane(world);
  const late = watchers.filter((one) => one.waiting > 0);
  expect(late.map(({ component, host, stopped }) => ({ component, host, stopped }))).toEqual([{ component: 'kube-proxy', host: 'node01', stopped: true }]);
  expect(late[0]?.seen).toBeGreaterThanOrEqual(before);
  expect(late[0]?.seen).toBeLessThan(revision);
});

it('shows an earlier moment as it was then', () => {
  const seq = controlPlane(world).steps.find((step) => step.detail === 'replicas 4 → 5')?.seq ?? 0;
  const then = controlPlane(world, seq - 1);
  expect(then.steps.some((step) => step.detail === 'replicas 4 → 5')).toBe(false);
  expect(then.steps.some((step) => step.detail === 'replicas 3 → 4')).toBe(true);
});
