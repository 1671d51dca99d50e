/** Boxes cross the channel as differences: who is told them comes to the same picture, in the same order, and what did not change is the same reference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShellSessions } from '../shell/shell.ts';
import { articleFiles } from '../world/testing/article.ts';
import type { NetnsView, Topology } from '../world/views.ts';
import { World } from '../world/world.ts';
import { fullEquipment } from './full-equipment.ts';
import type { FromWorker } from './protocol.ts';
import { PlaygroundServer } from './server.ts';
import { changedTopology } from './topology-change.ts';
import { topologyChange } from './topology-difference.ts';
import { topologyParts } from './topology-parts.ts';

const view = (id: number, ready: boolean): NetnsView => ({
  id: `node01/netns/${id}`,
  hostId: 'node01',
  type: 'pod',
  title: `pod-${id}`,
  ip: '',
  ready,
  containers: [],
  labels: {},
});
const pictures = fc
  .uniqueArray(fc.record({ id: fc.nat(12), ready: fc.boolean() }), { selector: (one) => one.id, maxLength: 10 })
  .map((list) => list.map((one) => view(one.id, one.ready)));
const topologyOf = (netnses: readonly NetnsView[]): Topology => ({ hosts: [], netnses, devices: [], services: [] });

describe('what crosses the channel', () => {
  it('gives the picture again, whatever came, went, changed or stands elsewhere', () => {
    fc.assert(
      fc.property(pictures, pictures, (before, after) => {
        // What is alike is the same view, as in a world.
        const now = after.map((one) => before.find((old) => old.id === one.id && old.ready === one.ready) ?? one);
        const change = topologyChange(topologyOf(before), topologyOf(now));
        expect(changedTopology(topologyOf(before), change).netnses).toEqual(now);
      }),
      { numRuns: 200 },
    );
  });

  it('is one box when one pod of many has become ready, and nothing when nothing has', () => {
    const before = topologyOf(Array.from({ length: 50 }, (_, id) => view(id, id !== 7)));
    const now = topologyOf(before.netnses.map((one) => (one.ready ? one : { ...one, ready: true })));
    expect(topologyChange(before, now)).toEqual({ netnses: { put: [view(7, true)] } });
    expect(changedTopology(now, topologyChange(now, now))).toBe(now);
  });

  it('crosses in parts where very many boxes changed, and comes to the same', () => {
    const all = Array.from({ length: 4_000 }, (_, id) => view(id, false));
    const before = topologyOf([...all.slice(0, 1_000), view(9_999, true)]);
    const now: Topology = { ...topologyOf(all.map((one) => (one.title.endsWith('3') ? { ...one, ready: true } : one))), coming: true };
    for (const from of [undefined, before]) {
      const parts = topologyParts(topologyChange(from, now));
      expect(parts.length).toBeGreaterThan(2);
      expect(Math.max(...parts.map(({ netnses }) => netnses?.put.length ?? 0))).toBeLessThan(2_000);
      expect(parts.reduce<Topology | undefined>((told, part) => changedTopology(told, part), from)).toEqual(now);
    }
    expect(topologyParts({ hosts: [] })).toEqual([{ hosts: [] }]);
  });

  it('shows pods that have a node and no netns yet as pending, without an address', () => {
    const told: Topology[] = [];
    const world = World.open({
      parts: fullEquipment.parts,
      document: { version: 1, seed: 1, files: articleFiles(), inputs: [], positions: {} },
      baseFiles: [],
      createShell: (host) => new ShellSessions(host, fullEquipment.tools),
      onComing: (boxes) => told.push(boxes()),
    });
    const webs = (one: Topology | undefined) => one?.netnses.filter((netns) => netns.title.startsWith('web-')) ?? [];
    const pending = webs(told.find((one) => webs(one).length === 3));
    expect(pending.map(({ phase, ip, ready }) => ({ phase, ip, ready }))).toEqual(
      Array.from({ length: 3 }, () => ({ phase: 'Pending', ip: '', ready: false })),
    );
    // They become the boxes that stay.
    expect(webs(world.topology()).map((one) => one.id)).toEqual(pending.map((one) => one.id));
  });

  it('shows a world that comes up: first its nodes, not ready yet, and at last all of it', async () => {
    let clock = 0;
    const told: Topology[] = [];
    let last: Topology | undefined;
    const server = new PlaygroundServer({
      equipment: fullEquipment,
      isApart: true,
      post: (message: FromWorker) => {
        if (message.type !== 'update') return;
        if (message.change !== undefined) last = changedTopology(last, message.change);
        if (message.update.coming === true && last !== undefined) told.push(last);
      },
      // Each look at the clock finds it a second on: every picture is due.
      now: () => {
        clock += 1_000;
        return clock;
      },
      later: () => 0,
      cancel: () => undefined,
    });
    await server.receive({ id: 1, name: 'open', args: [{ version: 1, seed: 1, files: articleFiles(), inputs: [], positions: {} }, []] });
    expect(told[0]?.hosts.filter((host) => host.role === 'node').map((host) => host.ready)).toEqual([false, false]);
    expect(last?.netnses.filter((netns) => netns.title.startsWith('web-')).map((netns) => netns.ready)).toEqual([true, true, true]);
  });
});
