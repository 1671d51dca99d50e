import { describe, expect, it } from 'vitest';
import { RecordStore } from '../base/record-store.ts';
import { defineAgent, defineController } from './define.ts';
import { nodeController, type PodObject, setController } from './testing/kinds.ts';
import { chattering, podText, setText, testServer } from './testing/server.ts';
import type { Controller } from './types.ts';

interface Line {
  readonly id: string;
  readonly text: string;
}

/** One line a pod, and one line a node that all its pods share. */
const lines = defineAgent<Line>({
  name: 'lines',
  watches: ['Pod'],
  keysFor: (changed) => [`${changed.metadata.namespace}/${changed.metadata.name}`],
  keys: (view) => view.list('Pod').map((one) => `${one.metadata.namespace}/${one.metadata.name}`),
  render(key, view) {
    const pod = view.find<PodObject>(`Pod/${key}`);
    if (pod === undefined) return { records: [] };
    const node = pod.spec.nodeName ?? 'none';
    const records = [
      { id: `pod ${key}`, text: `${pod.status?.phase}` },
      { id: `node ${node}`, text: node },
    ];
    if (pod.spec.containers[0]?.image !== 'mystery') return { records };
    return {
      records,
      diagnostics: [
        { key: `Pod/${key}`, path: 'spec.containers[0].image', diagnostic: { severity: 'info', code: 'unknown-image', message: 'mystery is simulated' } },
      ],
    };
  },
});

describe('settle', () => {
  it('runs controllers to a fixpoint, then agents', () => {
    const records = new RecordStore<Line>();
    const { api } = testServer([setController, nodeController], [lines], records);
    api.create(setText('web', 3));
    expect(api.settle().diagnostics).toEqual([]);
    const pods = api.view.list<PodObject>('Pod', 'default');
    expect(pods.map((one) => [one.spec.nodeName, one.status?.phase])).toEqual(Array(3).fill(['node01', 'Running']));
    expect(api.view.find('ReplicaSet/default/web')?.status).toEqual({ replicas: 3, ready: 3 });
    expect([...records.values()].map((one) => one.id)).toEqual([
      `pod default/${pods[0]?.metadata.name}`,
      'node node01',
      `pod default/${pods[1]?.metadata.name}`,
      `pod default/${pods[2]?.metadata.name}`,
    ]);
    expect(api.settle()).toEqual({ rounds: 0, diagnostics: [] });
  });

  it('wakes a set once for a thousand new pods', () => {
    let wakes = 0;
    const counting: Controller = {
      ...setController,
      reconcile(key, context) {
        wakes += 1;
        setController.reconcile(key, context);
      },
    };
    const { api } = testServer([counting, nodeController]);
    api.create(setText('web', 1000));
    expect(api.settle().rounds).toBeLessThan(10);
    expect(wakes).toBeLessThan(10);
    expect(api.view.select('Pod', 'default', { app: 'web' })).toHaveLength(1000);
  });

  it('names controllers that undo each other instead of hanging', () => {
    const fight = (name: string) =>
      defineController({
        name,
        watches: ['Pod'],
        keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
        reconcile(key, context) {
          const pod = context.view.find<PodObject>(key);
          if (pod !== undefined) context.update({ ...pod, metadata: { ...pod.metadata, labels: { by: name } } });
        },
      });
    const { api } = testServer([fight('red'), fight('blue')]);
    api.create(podText('a'));
    const { rounds } = api.settle();
    expect(rounds).toBeLessThan(20);
    const message = "blue (Pod/default/a) and red (Pod/default/a) keep undoing each other's changes of Pod/default/a: stopped after 12 times";
    expect(api.findings()).toMatchObject([{ key: 'Pod/default/a', diagnostic: { severity: 'error', code: 'hot-loop', message } }]);
  });

  it('names them also when each of them takes its time', () => {
    const slow = (name: string, other: string) =>
      defineController({
        name,
        watches: ['Pod'],
        keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
        reconcile(key, context) {
          const pod = context.view.find<PodObject>(key);
          if (pod === undefined) return;
          if (pod.metadata.labels?.by === other || pod.metadata.labels === undefined) context.requeueAfter(key, 1e9);
          if (context.nowNs % 2e9 === (name === 'red' ? 0 : 1e9)) context.update({ ...pod, metadata: { ...pod.metadata, labels: { by: name } } });
        },
      });
    const { api, clock } = testServer([slow('red', 'blue'), slow('blue', 'red')]);
    api.create(podText('a', { labels: { by: 'blue' } }));
    const snapshotAt5 = (): ReturnType<typeof api.snapshot> | undefined => {
      let snapshot: ReturnType<typeof api.snapshot> | undefined;
      for (let second = 0; second < 40; second += 1) {
        clock.nowNs = second * 1e9;
        api.settle();
        if (second === 5) snapshot = api.snapshot();
      }
      return snapshot;
    };
    const snapshot = snapshotAt5();
    expect(api.findings().map((one) => one.diagnostic.code)).toEqual(['hot-loop']);
    if (snapshot !== undefined) api.restore(snapshot);
    expect(api.findings()).toEqual([]);
  });

  it('tells of a user who is undone again and again, and stops nobody', () => {
    const stubborn = defineController({
      name: 'stubborn',
      watches: ['Pod'],
      keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
      reconcile(key, context) {
        const pod = context.view.find<PodObject>(key);
        if (pod?.metadata.labels?.by === 'user') context.update({ ...pod, metadata: { ...pod.metadata, labels: { by: 'stubborn' } } });
      },
    });
    const { api } = testServer([stubborn]);
    api.create(podText('a', { labels: { by: 'stubborn' } }));
    for (let i = 0; i < 10; i += 1) {
      api.patch('Pod/default/a', { metadata: { labels: { by: 'user' } } }, 'merge');
      api.settle();
    }
    expect(api.view.find('Pod/default/a')?.metadata.labels).toEqual({ by: 'stubborn' });
    expect(api.findings()[0]?.diagnostic.message).toBe(
      "a user and stubborn (Pod/default/a) keep undoing each other's changes of Pod/default/a: 12 times so far",
    );
  });

  it('gives up where objects never come back to what they were', () => {
    const count = defineController({
      name: 'counting',
      watches: ['Pod'],
      keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
      reconcile(key, context) {
        const pod = context.view.find<PodObject>(key);
        const next = String(Number(pod?.metadata.labels?.n ?? 0) + 1);
        if (pod !== undefined) context.update({ ...pod, metadata: { ...pod.metadata, labels: { n: next } } });
      },
    });
    const { api } = testServer([count]);
    api.create(podText('a'));
    const { diagnostics } = api.settle();
    expect(diagnostics.map((one) => one.message)).toEqual(['controllers did not come to rest within 1000 rounds: counting (Pod/default/a)']);
  });

  it('tells writes that the server refused, once', () => {
    const broken = defineController({
      name: 'broken',
      watches: ['ReplicaSet'],
      keysFor: (changed) => [`ReplicaSet/default/${changed.metadata.name}`],
      reconcile: (_, context) => {
        for (let i = 0; i < 3; i += 1) expect(context.create(podText('Bad Name'))).toBeUndefined();
      },
    });
    const { api } = testServer([broken]);
    api.create(setText('web', 1));
    expect(api.settle().diagnostics.map((one) => one.code)).toEqual(['controller-write']);
  });

  it('calls a controller again when its time has come', () => {
    const times: number[] = [];
    const late = defineController({
      name: 'late',
      watches: ['Pod'],
      keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
      reconcile(key, context) {
        times.push(context.nowNs);
        if (context.nowNs === 0) {
          context.requeueAfter(key, 9e9);
          context.requeueAfter(key, 5e9);
        }
      },
    });
    const { api, clock } = testServer([late]);
    api.create(podText('a'));
    api.settle();
    expect(api.nextDueNs).toBe(5e9);
    clock.nowNs = 4e9;
    api.settle();
    clock.nowNs = 5e9;
    api.settle();
    expect(times).toEqual([0, 5e9]);
    expect(api.nextDueNs).toBeUndefined();
  });

  it('counts repeated events together', () => {
    const chatty = defineController({
      name: 'chatty',
      watches: ['Pod'],
      keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
      reconcile(key, context) {
        const pod = context.view.find(key);
        if (pod !== undefined) context.event(pod, 'Warning', 'Failed', 'no room', 'chatty');
      },
    });
    const { api, clock } = testServer([chatty]);
    const pod = api.create(podText('a'));
    api.settle();
    clock.nowNs = 30e9;
    api.patch('Pod/default/a', { metadata: { labels: { x: 'y' } } }, 'merge');
    api.settle();
    const events = api.view.list('Event', 'default');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      count: 2,
      reason: 'Failed',
      type: 'Warning',
      firstTimestamp: '2026-04-04T09:00:00Z',
      lastTimestamp: '2026-04-04T09:00:30Z',
      involvedObject: { kind: 'Pod', name: 'a', uid: pod.ok ? pod.value.metadata.uid : '' },
      source: { component: 'chatty' },
    });
  });
});

describe('events', () => {
  it('are forgotten an hour after they were last told', () => {
    const { api, clock } = testServer([setController, nodeController]);
    api.create(setText('web', 2));
    api.settle();
    expect(api.view.list('Event')).toHaveLength(2);
    clock.nowNs = 3600e9;
    api.settle();
    expect(api.view.list('Event')).toHaveLength(2);
    clock.nowNs = 3661e9;
    api.settle();
    expect(api.view.list('Event')).toEqual([]);
  });

  it('never grow beyond ten thousand, and the newest stay', () => {
    const { api } = chattering(() => ['ready']);
    for (let i = 0; i < 10_100; i += 1) api.create(podText(`p${i}`));
    api.settle();
    api.settle();
    const events = api.view.list('Event');
    expect(events).toHaveLength(10_000);
    expect(events.some((one) => one.metadata.name.startsWith('p0.'))).toBe(false);
  });
});

describe('the agent runner', () => {
  it('puts only what differs and keeps the identity of the rest', () => {
    const records = new RecordStore<Line>();
    const { api } = testServer([], [lines], records);
    api.create(podText('a', {}, { nodeName: 'n1' }));
    api.create(podText('b', {}, { nodeName: 'n1' }));
    api.settle();
    const changes: string[] = [];
    records.listen((change) => changes.push(`${change.before === undefined ? '+' : change.after === undefined ? '-' : '~'}${change.id}`));
    api.updateStatus({ ...podText('a'), status: { phase: 'Running' } });
    api.settle();
    expect(changes).toEqual(['~pod default/a']);
  });

  it('removes a shared record with the last key that renders it', () => {
    const records = new RecordStore<Line>();
    const { api } = testServer([], [lines], records);
    api.create(podText('a', {}, { nodeName: 'n1' }));
    api.create(podText('b', {}, { nodeName: 'n1' }));
    api.settle();
    api.remove('Pod/default/a');
    api.settle();
    expect(records.has('node n1')).toBe(true);
    api.remove('Pod/default/b');
    api.settle();
    expect(records.size).toBe(0);
  });

  it('replaces a record that moves from one key to another, and does not remove it in between', () => {
    const records = new RecordStore<Line>();
    const { api } = testServer([], [lines], records);
    api.create(podText('a', {}, { nodeName: 'n1' }));
    api.settle();
    const changes: string[] = [];
    records.listen((change) => changes.push(change.id));
    api.remove('Pod/default/a');
    api.create(podText('b', {}, { nodeName: 'n1' }));
    api.settle();
    expect(changes).not.toContain('node n1');
  });

  it('collects what agents say and forgets it with the object', () => {
    const { api } = testServer([], [lines], new RecordStore<Line>());
    api.create(podText('a', {}, { containers: [{ name: 'x', image: 'mystery' }] }));
    api.settle();
    expect(api.findings()).toEqual([
      { key: 'Pod/default/a', path: 'spec.containers[0].image', diagnostic: { severity: 'info', code: 'unknown-image', message: 'mystery is simulated' } },
    ]);
    api.remove('Pod/default/a');
    api.settle();
    expect(api.findings()).toEqual([]);
  });
});

describe('snapshot and restore', () => {
  it('go back to the moment, and the same steps give the same objects again', () => {
    const records = new RecordStore<Line>();
    const { api } = testServer([setController, nodeController], [lines], records);
    api.create(setText('web', 3));
    api.settle();
    const [before, recordsBefore] = [api.snapshot(), records.snapshot()];
    const steps = () => {
      api.patch('ReplicaSet/default/web', { spec: { replicas: 5 } }, 'merge');
      api.settle();
      const gone = api.view.list('Pod')[0]?.metadata.name ?? '';
      api.remove(`Pod/default/${gone}`);
      api.settle();
      return JSON.stringify([api.view.list('Pod'), api.view.list('ReplicaSet'), api.view.list('Event'), [...records.values()]]);
    };
    const first = steps();
    api.restore(before);
    records.restore(recordsBefore);
    expect(api.view.list('Pod')).toHaveLength(3);
    expect(api.view.owned('Pod', api.view.find('ReplicaSet/default/web')?.metadata.uid ?? '')).toHaveLength(3);
    expect(steps()).toBe(first);
  });
});
