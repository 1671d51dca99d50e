/** Probes as packets, and what follows from them: readiness, endpoints, restarts, back-off. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../kube/pod/types.ts';
import type { EndpointSlice } from '../../kube/service/types.ts';
import type { EventObject } from '../../objects/events.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const podText = (name: string, container: string, spec = '') => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: probed}}
spec:
  nodeName: node01
${spec}  containers:
  - {name: web, ${container}}
`;
const serviceText = 'apiVersion: v1\nkind: Service\nmetadata: {name: probed}\nspec: {selector: {app: probed}, ports: [{port: 80}]}\n';

function apply(world: World, text: string): void {
  const { stderr } = runLine(world, `kubectl apply -f - <<X\n${text}X`);
  expect(stderr).toBe('');
}
const pod = (world: World, name: string) => world.api.view.find<Pod>(`Pod/default/${name}`) as Pod;
const container = (world: World, name: string) => pod(world, name).status?.containerStatuses?.[0];
const events = (world: World, name: string, reason: string) =>
  world.api.view
    .list<EventObject>('Event')
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map((event) => event.message);
const ready = (world: World) =>
  world.api.view
    .list<EndpointSlice>('EndpointSlice')
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'probed')
    .flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => endpoint.conditions?.ready));

describe('a readiness probe', () => {
  it('is a request from the node, and makes the pod ready with its first good answer', () => {
    const world = openArticle();
    const from = world.headSeq;
    apply(world, podText('web', 'image: nginx, readinessProbe: {httpGet: {path: /, port: 80}}'));
    expect([container(world, 'web')?.ready, container(world, 'web')?.started]).toEqual([true, true]);
    const request = world.engine.events(from, world.headSeq).find((event) => event.step.kind === 'created' && event.step.by === 'kubelet, readiness probe');
    const ip = request?.layers.find((layer) => layer.protocol === 'ipv4');
    expect([request?.netns, ip?.protocol === 'ipv4' ? ip.dst : '']).toEqual(['node01/netns/root', pod(world, 'web').status?.podIP]);
    expect(runLine(world, 'kubectl logs web').output).toMatch(/"GET \/ HTTP\/1\.1" 200 \d+ "-" "kube-probe\/1\.35" "-"\n$/);
  });

  it('that fails keeps the pod out of its Service, and says why in the kubelet’s words', () => {
    const world = openArticle();
    apply(world, `${podText('web', 'image: nginx, readinessProbe: {httpGet: {path: /healthz, port: 80}}')}---\n${serviceText}`);
    world.elapse(25_000);
    expect([container(world, 'web')?.ready, ready(world)]).toEqual([false, [false]]);
    expect(events(world, 'web', 'Unhealthy')).toEqual(['Readiness probe failed: HTTP probe failed with statuscode: 404']);
    // What probers put into the kubelet's letterbox it takes out again: nobody's quarrel.
    world.elapse(200_000);
    expect(world.api.findings().filter((one) => one.diagnostic.code === 'hot-loop')).toEqual([]);
    expect(pod(world, 'web').status?.conditions?.find((one) => one.type === 'Ready')?.message).toBe('containers with unready status: [web]');
  });

  it('takes a pod that stops answering out of its Service, and back when it answers again', () => {
    const world = openArticle();
    apply(world, `${podText('web', 'image: nginx, readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 5, failureThreshold: 2}')}---\n${serviceText}`);
    expect(ready(world)).toEqual([true]);
    const ip = pod(world, 'web').status?.podIP ?? '';
    runLine(world, `ssh node01 iptables -I OUTPUT -d ${ip} -j DROP`);
    world.elapse(8_000);
    expect(ready(world)).toEqual([true]);
    world.elapse(8_000);
    expect(ready(world)).toEqual([false]);
    expect(events(world, 'web', 'Unhealthy')).toEqual([`Readiness probe failed: dial tcp ${ip}:80: i/o timeout`]);
    runLine(world, `ssh node01 iptables -D OUTPUT -d ${ip} -j DROP`);
    world.elapse(6_000);
    expect(ready(world)).toEqual([true]);
  });
});

describe('a liveness probe', () => {
  it('restarts the container after failureThreshold failures, at first at once and then with back-off', () => {
    const world = openArticle();
    apply(world, podText('web', 'image: nginx, livenessProbe: {httpGet: {port: 81}, periodSeconds: 5}'));
    const ip = pod(world, 'web').status?.podIP;
    world.elapse(9_000);
    expect(container(world, 'web')?.restartCount).toBe(0);
    world.elapse(3_000);
    expect(container(world, 'web')).toMatchObject({ restartCount: 1, ready: true, lastState: { terminated: { exitCode: 0, reason: 'Completed' } } });
    expect(pod(world, 'web').status?.podIP).toBe(ip);
    expect(events(world, 'web', 'Killing')).toEqual(['Container web failed liveness probe, will be restarted']);
    expect(events(world, 'web', 'Unhealthy')).toEqual([`Liveness probe failed: Get "http://${ip}:81/": dial tcp ${ip}:81: connect: connection refused`]);
    world.elapse(11_000);
    expect(container(world, 'web')?.state?.waiting?.reason).toBe('CrashLoopBackOff');
    expect(container(world, 'web')?.state?.waiting?.message).toMatch(/^back-off 10s restarting failed container=web pod=web_default\(/);
    expect(runLine(world, `kubectl exec client -- curl -s -m 1 ${ip}`).exitCode).toBe(7);
    world.elapse(11_000);
    expect(container(world, 'web')?.restartCount).toBe(2);
    expect(runLine(world, `kubectl exec client -- curl -s -m 1 ${ip}`).exitCode).toBe(0);
  });

  it('ends the pod when its policy is not to restart', () => {
    const world = openArticle();
    apply(world, podText('web', 'image: nginx, livenessProbe: {tcpSocket: {port: 81}, periodSeconds: 1}', '  restartPolicy: Never\n'));
    world.elapse(5_000);
    expect(pod(world, 'web').status?.phase).toBe('Succeeded');
    expect(events(world, 'web', 'Killing')).toEqual(['Container web failed liveness probe']);
  });
});

describe('a startup probe', () => {
  it('holds the others back until it succeeds', () => {
    const world = openArticle();
    const probes = 'startupProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 12, periodSeconds: 5}, livenessProbe: {tcpSocket: {port: 81}, periodSeconds: 1}';
    apply(world, podText('web', `image: nginx, ${probes}`));
    world.elapse(14_000);
    expect([container(world, 'web')?.started, container(world, 'web')?.ready, container(world, 'web')?.restartCount]).toEqual([false, false, 0]);
    world.elapse(1_500);
    expect([container(world, 'web')?.started, container(world, 'web')?.ready]).toEqual([true, true]);
    world.elapse(5_000);
    expect(container(world, 'web')?.restartCount).toBeGreaterThan(0);
  });
});

describe('a kubelet that has stopped', () => {
  it('probes no more: its pods stay as they were last reported', () => {
    const world = openArticle();
    apply(world, podText('web', 'image: nginx, readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}'));
    runLine(world, 'kubectl annotate node node01 kubehop.dev/stopped=kubelet');
    world.elapse(2_000);
    const from = world.headSeq;
    world.elapse(5_000);
    expect(world.engine.events(from, world.headSeq).filter((event) => event.step.kind === 'created' && event.step.by.startsWith('kubelet'))).toEqual([]);
    expect(container(world, 'web')?.ready).toBe(true);
  });
});

describe('probes and the story', () => {
  it('are in the log, in the background', () => {
    const world = openArticle();
    apply(world, podText('web', 'image: nginx, readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}'));
    world.elapse(500);
    const from = world.headSeq;
    world.elapse(5_000);
    const hops = world.hops(from, world.headSeq).filter((hop) => hop.event.packetId >= 0);
    expect(hops.length).toBeGreaterThan(50);
    expect(hops.filter((hop) => !hop.background).map((hop) => `${hop.event.seq} ${hop.title}`)).toEqual([]);
  });

  it('let the world come to rest, replay to the byte, and show their past', () => {
    const world = openArticle();
    apply(world, podText('web', 'image: nginx, livenessProbe: {tcpSocket: {port: 81}, periodSeconds: 5}, readinessProbe: {tcpSocket: {port: 80}}'));
    world.elapse(60_000);
    runLine(world, 'kubectl get pods');
    world.elapse(60_000);
    const again = openArticle({ inputs: world.document().inputs });
    again.elapse((world.nowNs - again.nowNs) / 1e6);
    expect(JSON.stringify(again.engine.events(0, again.headSeq))).toBe(JSON.stringify(world.engine.events(0, world.headSeq)));
    const before = JSON.stringify(world.inspect({ kind: 'object', key: 'Pod/default/web' }));
    const middle = Math.floor(world.headSeq / 2);
    world.inspect({ kind: 'object', key: 'Pod/default/web' }, middle);
    expect(JSON.stringify(world.inspect({ kind: 'object', key: 'Pod/default/web' }))).toBe(before);
    runLine(world, `kubectl delete pod web`);
    world.elapse(120_000);
    expect(world.hasPending).toBe(false);
  });
});
