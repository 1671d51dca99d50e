/** What is seen from near: the words of a box are those of its device, its routes and rules, and never more than fit into it. */
import { describe, expect, it } from 'vitest';
import { openArticle } from '../../../world/testing/article.ts';
import { buildScene } from '../layout.ts';
import type { Item } from '../scene.ts';
import { closeItems, MAX_TABLES, wantedTables } from './close-layer.ts';
import { type CloseWorld, closeWords, fitted } from './close-words.ts';

const world = openArticle();
const topology = world.topology();
const scene = buildScene(topology, { density: 'full', direction: 'row' });
const devicesOf = new Map(topology.netnses.map((netns) => [netns.id, topology.devices.filter((device) => device.netns === netns.id)]));
const tables = new Map(
  topology.netnses.flatMap((netns) => {
    const found = world.inspect({ kind: 'netns', id: netns.id });
    return found?.kind === 'netns' ? [[netns.id, found] as const] : [];
  }),
);
const near: CloseWorld = { deviceById: new Map(topology.devices.map((device) => [device.id, device])), devicesOf, tables };
const item = (id: string): Item => {
  const found = scene.itemById.get(id);
  if (found === undefined) throw new Error(`no box ${id}`);
  return found;
};

describe('a box that is looked at from near', () => {
  it('says a device’s state, addresses and MTU, and the head of a tunnel’s forwarding table', () => {
    const words = closeWords(item('node01/netns/root/device/flannel.1'), near);
    expect(words).toMatchObject({ title: 'flannel.1', state: 'UP', good: true });
    expect(words?.lines.slice(0, 2)).toEqual(['10.244.1.0/32', 'mtu 1450 · vxlan id 1']);
    expect(words?.rows[0]).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2} dst 172\.30\.1\.2$/);
  });

  it('shows routes as `ip route` prints them, the rules of a hook by table without comments, and who listens in a pod', () => {
    expect(closeWords(item('node01/netns/root#route'), near)?.rows).toEqual(tables.get('node01/netns/root')?.routes.map((route) => route.text));
    const pre = closeWords(item('node01/netns/root#PREROUTING'), near);
    expect(pre?.rows).toContain('nat: -j KUBE-SERVICES');
    const web = topology.netnses.find((netns) => netns.title.startsWith('web-'));
    expect(closeWords(item(web?.id ?? ''), near)?.rows).toContainEqual(expect.stringMatching(/^tcp .*:80 nginx/));
  });

  it('counts what has no room, and cuts no word in two lines', () => {
    const words = { title: '', state: '', good: true, lines: ['one'], rows: ['two', 'three', 'a row that is far too long'] };
    expect(fitted(words, 10, 9, true).map((one) => one.text)).toEqual(['one', 'two', 'three', 'a row tha…']);
    expect(fitted(words, 10, 3, true).map((one) => one.text)).toEqual(['one', 'two', '… 2 more']);
    expect(fitted(words, 10, 9, false).map((one) => one.text)).toEqual(['one']);
    expect(fitted(words, 10, 0, true)).toEqual([]);
  });

  it('asks for the tables of few netnses, the middle of the picture first', () => {
    const room = item('node01').rect;
    const view = { x: -room.x * 2.5, y: -room.y * 2.5, zoom: 2.5, width: room.w * 2.5, height: room.h * 2.5, ratio: 1 };
    const items = closeItems(scene, view);
    expect(items.length).toBeGreaterThan(10);
    const wanted = wantedTables(items, near, view);
    expect(wanted.length).toBeLessThanOrEqual(MAX_TABLES);
    expect(wanted).toContain('node01/netns/root');
    expect(wanted.every((id) => id.startsWith('node01/'))).toBe(true);
  });
});
