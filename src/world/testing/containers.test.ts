/** Containers whose commands run: what they write, send and end with; their probes, hooks, init containers and sidecars. */
import { describe, expect, it } from 'vitest';
import { allStatuses } from '../../kube/pod/containers.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { EventObject } from '../../objects/events.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const script = (name: string, text: string, more = '', image = 'busybox') =>
  `{name: ${name}, image: ${image}, command: [sh, -c, '${text.replaceAll("'", "''")}']${more}}`;
const podText = (name: string, containers: string, spec = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec:\n  nodeName: node01\n${spec}  containers: [${containers}]\n`;

function apply(world: World, text: string): void {
  expect(runLine(world, `kubectl apply -f - <<'X'\n${text}X`).stderr).toBe('');
}
const pod = (world: World, name: string) => world.api.view.find<Pod>(`Pod/default/${name}`) as Pod;
const status = (world: World, name: string, container = name) => allStatuses(pod(world, name)).find((one) => one.name === container);
const row = (world: World, name: string) =>
  runLine(world, `kubectl get pod ${name} --no-headers`)
    .output.trim()
    .split(/\s{2,}/)
    .slice(1, 4);
const events = (world: World, name: string) =>
  world.api.view
    .list<EventObject>('Event')
    .filter((event) => event.involvedObject.name === name)
    .map((event) => `${event.reason}: ${event.message}`);
const logs = (world: World, words: string) => runLine(world, `kubectl logs ${words}`).output;

describe('a container’s command', () => {
  it('is a program that writes its log, sends packets and sleeps', () => {
    const world = openArticle();
    apply(world, podText('loop', script('loop', 'i=0; while true; do i=$((i+1)); echo turn $i; wget -qO- web-service; sleep 5; done')));
    const from = world.headSeq;
    world.elapse(11_000);
    expect(logs(world, 'loop')).toMatch(/^turn 1\nHello from web-\S+\nturn 2\nHello from web-\S+\nturn 3\nHello from web-\S+\n$/);
    expect(logs(world, 'loop --tail=1 --timestamps')).toMatch(/^2026-04-04T09:15:10\.\d{9}Z Hello from web-/);
    expect(logs(world, 'loop --since=4s')).toMatch(/^turn 3\n/);
    const netns = 'node01/netns/loop.default';
    expect(world.engine.events(from, world.headSeq).some((event) => event.netns === netns && event.step.kind === 'created')).toBe(true);
  });

  it('ends with its exit code: Completed, Error, CrashLoopBackOff', () => {
    const world = openArticle();
    apply(world, podText('once', script('once', 'echo done; exit 0'), '  restartPolicy: Never\n'));
    apply(world, podText('fails', script('fails', 'echo no >&2; sleep 2; exit 3'), '  restartPolicy: Never\n'));
    apply(world, podText('loops', script('loops', 'echo run; sleep 1; exit 1')));
    world.elapse(20_000);
    expect([row(world, 'once'), row(world, 'fails')]).toEqual([
      ['0/1', 'Completed', '0'],
      ['0/1', 'Error', '0'],
    ]);
    expect(status(world, 'fails')?.state?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect([pod(world, 'once').status?.phase, pod(world, 'fails').status?.phase]).toEqual(['Succeeded', 'Failed']);
    expect([logs(world, 'once'), logs(world, 'fails')]).toEqual(['done\n', 'no\n']);
    expect(row(world, 'loops')[1]).toBe('CrashLoopBackOff');
    expect([logs(world, 'loops'), logs(world, 'loops --previous')]).toEqual(['run\n', 'run\n']);
  });

  it('that never lets time pass is stopped at a bound, in words of its log', () => {
    const world = openArticle();
    apply(world, podText('hog', script('hog', 'while true; do n=$((n+1)); done'), '  restartPolicy: Never\n'));
    world.elapse(1_000);
    expect(status(world, 'hog')?.state?.terminated?.exitCode).toBe(137);
    expect(logs(world, 'hog')).toBe('kubehop: stopped: too much was done in which no time passed (add a `sleep` to the loop)\n');
  });

  it('that nobody here can run leaves the container running, and the editor says so', () => {
    const world = openArticle();
    world.edit('perl.yaml', podText('pi', '{name: pi, image: busybox, command: [crond, -f]}'));
    world.elapse(2_000);
    expect(row(world, 'pi')).toEqual(['1/1', 'Running', '0']);
    expect(world.api.findings().map((one) => one.diagnostic.message)).toContain('command "crond" is not simulated: the container runs and does nothing');
  });

  it('makes a Job complete', () => {
    const world = openArticle();
    apply(
      world,
      `apiVersion: batch/v1\nkind: Job\nmetadata: {name: ask}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [${script('ask', 'for i in 1 2 3; do wget -qO- web-service; sleep 1; done')}]\n`,
    );
    world.elapse(6_000);
    expect(runLine(world, 'kubectl get job ask --no-headers').output).toMatch(/^ask +Complete +1\/1 /);
    expect(logs(world, 'job/ask').match(/^Hello from web-/gm)?.length).toBe(3);
  });

  it('runs again to the byte, and in the past', () => {
    const world = openArticle();
    apply(world, podText('loop', script('loop', 'trap "echo bye; exit 0" TERM; while true; do wget -qO- web-service | grep -c Hello; sleep 1 & wait; done')));
    world.elapse(5_000);
    runLine(world, 'kubectl logs loop');
    const middle = world.headSeq;
    runLine(world, 'kubectl delete pod loop --wait=false');
    world.elapse(5_000);
    const again = openArticle({ inputs: world.document().inputs });
    again.elapse((world.nowNs - again.nowNs) / 1e6);
    expect(JSON.stringify(again.engine.events(0, again.headSeq))).toBe(JSON.stringify(world.engine.events(0, world.headSeq)));
    const before = JSON.stringify(world.engine.events(0, world.headSeq));
    world.inspect({ kind: 'object', key: 'Pod/default/loop' }, middle - 5);
    world.elapse(3_000);
    again.elapse(3_000);
    expect(JSON.stringify(world.engine.events(0, world.headSeq))).toBe(JSON.stringify(again.engine.events(0, again.headSeq)));
    expect(JSON.stringify(world.engine.events(0, world.headSeq)).startsWith(before.slice(0, -1))).toBe(true);
  });
});

describe('SIGTERM', () => {
  const stop = (world: World, name: string): number => {
    const from = world.nowNs;
    runLine(world, `kubectl delete pod ${name}`);
    return Math.round((world.nowNs - from) / 1e9);
  };

  it('is not noticed by a shell as process 1: it is killed when the grace is over', () => {
    const world = openArticle();
    apply(world, podText('deaf', script('deaf', 'while true; do echo here; sleep 1; done'), '  terminationGracePeriodSeconds: 7\n'));
    expect(stop(world, 'deaf')).toBe(7);
    apply(world, podText('sleeper', '{name: sleeper, image: busybox, command: [sleep, "3600"]}'));
    expect(stop(world, 'sleeper')).toBe(30);
  });

  it('runs a trap, as soon as the command in the foreground has ended', () => {
    const world = openArticle();
    apply(world, podText('polite', script('polite', 'trap "echo leaving; exit 0" TERM; while true; do sleep 3; done')));
    world.elapse(1_000);
    runLine(world, 'kubectl delete pod polite --wait=false');
    world.elapse(500);
    expect(logs(world, 'polite')).toBe('');
    world.elapse(2_000);
    expect(pod(world, 'polite')).toBeUndefined();
    apply(world, podText('quick', script('quick', 'trap "exit 0" TERM; sleep 3600 & wait $!')));
    expect(stop(world, 'quick')).toBeLessThan(2);
  });
});

describe('exec probes', () => {
  it('restart the container of the Kubernetes documentation’s example', () => {
    const world = openArticle();
    const probe = ', livenessProbe: {exec: {command: [cat, /tmp/healthy]}, initialDelaySeconds: 5, periodSeconds: 5}';
    apply(world, podText('liveness-exec', script('liveness', 'touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600', probe)));
    world.elapse(34_000);
    expect(status(world, 'liveness-exec', 'liveness')).toMatchObject({ restartCount: 0, ready: true });
    world.elapse(12_000);
    expect(events(world, 'liveness-exec')).toEqual(
      expect.arrayContaining([
        "Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory",
        'Killing: Container liveness failed liveness probe, will be restarted',
      ]),
    );
    // The shell takes no notice of SIGTERM: 30 seconds pass before the restart.
    expect(status(world, 'liveness-exec', 'liveness')).toMatchObject({ restartCount: 0, state: { running: {} } });
    world.elapse(33_000);
    expect(status(world, 'liveness-exec', 'liveness')).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'Error' } } });
    expect(runLine(world, 'kubectl exec liveness-exec -- ls /tmp').output).toBe('healthy\n');
  });

  it('fail when the command takes longer than timeoutSeconds', () => {
    const world = openArticle();
    apply(world, podText('slow', '{name: slow, image: nginx, readinessProbe: {exec: {command: [sleep, "5"]}, timeoutSeconds: 2}}'));
    world.elapse(4_000);
    expect(events(world, 'slow')).toContain('Unhealthy: Readiness probe failed: command timed out: "sleep 5" timed out after 2s');
    expect(row(world, 'slow')[0]).toBe('0/1');
  });
});

describe('lifecycle hooks', () => {
  it('run in the container after its start and before its stop', () => {
    const world = openArticle();
    const hooks =
      ', lifecycle: {postStart: {exec: {command: [sh, -c, "echo started > /tmp/state"]}}, preStop: {exec: {command: [sh, -c, "wget -qO /dev/null http://web-service; sleep 4"]}}}';
    apply(world, podText('web', `{name: web, image: "nginx:alpine"${hooks}}`));
    expect(row(world, 'web')).toEqual(['1/1', 'Running', '0']);
    expect(runLine(world, 'kubectl exec web -- cat /tmp/state').output).toBe('started\n');
    const from = world.nowNs;
    const seq = world.headSeq;
    runLine(world, 'kubectl delete pod web');
    expect((world.nowNs - from) / 1e9).toBeCloseTo(4, 0);
    expect(world.engine.events(seq, world.headSeq).some((event) => event.netns === 'node01/netns/web.default' && event.step.kind === 'created')).toBe(true);
  });

  it('that fail are told: a container whose postStart fails is killed', () => {
    const world = openArticle();
    apply(
      world,
      podText('web', '{name: web, image: nginx, lifecycle: {postStart: {exec: {command: [cat, /none]}}, preStop: {httpGet: {port: 81, path: /bye}}}}'),
    );
    world.elapse(3_000);
    expect(events(world, 'web')).toEqual(
      expect.arrayContaining(['FailedPostStartHook: PostStartHook failed', 'Killing: FailedPostStartHook', 'FailedPreStopHook: PreStopHook failed']),
    );
    expect(status(world, 'web')?.restartCount).toBeGreaterThan(0);
  });
});

describe('init containers and sidecars', () => {
  const init = (...containers: readonly string[]) => `  initContainers: [${containers.join(', ')}]\n`;

  it('run one after the other before the others', () => {
    const world = openArticle();
    apply(world, podText('app', '{name: app, image: nginx}', init(script('one', 'echo first; sleep 3'), script('two', 'echo second; sleep 3'))));
    expect(row(world, 'app')).toEqual(['0/1', 'Init:0/2', '0']);
    world.elapse(4_000);
    expect(row(world, 'app')).toEqual(['0/1', 'Init:1/2', '0']);
    expect(pod(world, 'app').status?.conditions?.find((one) => one.type === 'Initialized')?.message).toBe('containers with incomplete status: [two]');
    expect(logs(world, 'app')).toBe(
      'Defaulted container "app" out of: app, one (init), two (init)\nError from server (BadRequest): container "app" in pod "app" is waiting to start: PodInitializing\n',
    );
    world.elapse(4_000);
    expect(row(world, 'app')).toEqual(['1/1', 'Running', '0']);
    expect(logs(world, 'app -c one')).toBe('first\n');
  });

  it('that fail are tried again with back-off, or end a pod that never restarts', () => {
    const world = openArticle();
    apply(world, podText('app', '{name: app, image: nginx}', init(script('check', 'nslookup nowhere.default.svc.cluster.local || exit 1'))));
    world.elapse(1_000);
    expect(row(world, 'app')[1]).toMatch(/^Init:(Error|CrashLoopBackOff|0\/1)$/);
    world.elapse(8_000);
    expect(row(world, 'app')[1]).toBe('Init:CrashLoopBackOff');
    apply(world, podText('never', '{name: app, image: nginx}', `  restartPolicy: Never\n${init(script('check', 'echo no; exit 1'))}`));
    world.elapse(2_000);
    expect([row(world, 'never')[1], pod(world, 'never').status?.phase]).toEqual(['Init:Error', 'Failed']);
  });

  it('a sidecar starts first, counts as ready, and is the last to stop', () => {
    const world = openArticle();
    const probe = ', startupProbe: {exec: {command: [test, -f, /tmp/up]}, periodSeconds: 1, failureThreshold: 9}';
    const side = script(
      'side',
      'trap "echo side leaves; exit 0" TERM; sleep 3; touch /tmp/up; while true; do sleep 1; done',
      `, restartPolicy: Always${probe}`,
    );
    apply(world, podText('app', script('app', 'trap "sleep 5; exit 0" TERM; echo app starts; while true; do sleep 1; done'), init(side)));
    world.elapse(1_000);
    expect(row(world, 'app')).toEqual(['0/2', 'Init:0/1', '0']);
    world.elapse(4_000);
    expect(row(world, 'app')).toEqual(['2/2', 'Running', '0']);
    runLine(world, 'kubectl delete pod app --wait=false');
    world.elapse(3_000);
    expect([status(world, 'app')?.state?.running, status(world, 'app', 'side')?.state?.running].map((one) => one !== undefined)).toEqual([true, true]);
    expect(logs(world, 'app -c side')).toBe('');
    world.elapse(5_000);
    expect(pod(world, 'app')).toBeUndefined();
  });

  it('a sidecar does not keep a pod from completing', () => {
    const world = openArticle();
    apply(
      world,
      podText(
        'job',
        script('work', 'echo work; sleep 2'),
        `  restartPolicy: Never\n${init(script('side', 'trap "exit 0" TERM; while true; do sleep 1; done', ', restartPolicy: Always'))}`,
      ),
    );
    expect(row(world, 'job')).toEqual(['2/2', 'Running', '0']);
    world.elapse(5_000);
    expect([row(world, 'job'), pod(world, 'job').status?.phase]).toEqual([['0/2', 'Completed', '0'], 'Succeeded']);
  });
});
