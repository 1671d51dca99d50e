import { describe, expect, it } from 'vitest';
import { capsuleOf, isReply } from './capsule.ts';
import { Journey, type Traveller } from './journey.ts';
import { buildScene } from './layout.ts';
import { contains, type Scene } from './scene.ts';
import { articleTopology, crowdHops, curlHops, dropHops, podId } from './testing/article.ts';
import { wayBetween } from './ways.ts';

const scenes: readonly (readonly [string, Scene])[] = (['full', 'compact'] as const).flatMap((density) =>
  (['row', 'column'] as const).map((direction) => [`${density} ${direction}`, buildScene(articleTopology(), { density, direction })] as const),
);

const at = (journey: Journey, index: number, fraction: number): Traveller[] => {
  const seen: Traveller[] = [];
  journey.travellers({ index, fraction }, (one) => seen.push({ ...one }));
  return seen;
};

describe.each(scenes)('a packet on the scene (%s)', (_, scene) => {
  const hops = curlHops();
  const journey = new Journey(scene, hops);

  it('stands somewhere at each hop, and each way begins where the one before ended', () => {
    hops.forEach((hop, index) => {
      const anchor = journey.anchor(index);
      expect(anchor, hop.place).toBeDefined();
      const track = journey.track(index);
      const before = journey.previousOf(index);
      if (before < 0) expect(track).toBeUndefined();
      if (before < 0 || track === undefined) return;
      expect(track.points[0]).toEqual(journey.anchor(before));
      expect(track.points[track.points.length - 1]).toEqual(anchor);
    });
  });

  it('never leaves the picture', () => {
    const { x, y, w, h } = scene.bounds;
    const ground = { x: x - 40, y: y - 40, w: w + 80, h: h + 80 };
    hops.forEach((_hop, index) => {
      for (const point of journey.track(index)?.points ?? []) expect(contains(ground, point), JSON.stringify(point)).toBe(true);
    });
  });

  it('takes only ways along the axes, as wires are drawn', () => {
    hops.forEach((hop, index) => {
      const points = journey.track(index)?.points ?? [];
      for (let i = 1; i < points.length; i += 1) {
        const [a, b] = [points[i - 1], points[i]];
        if (a === undefined || b === undefined) continue;
        // Inside a pod and on the last piece to a card's own centre a small slant is allowed.
        const slanted = Math.min(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
        expect(slanted, `${hop.place}: ${JSON.stringify([a, b])}`).toBeLessThan(12);
      }
    });
  });
});

describe('ways', () => {
  const scene = buildScene(articleTopology(), { density: 'full', direction: 'row' });
  const web = podId('node01', 'web-64c966cf88-4x8xq');

  it('between pods of one node pass their bridge and nothing below it', () => {
    const way = wayBetween(scene, `${podId('node01', 'web-64c966cf88-n66tm')}/device/eth0`, `${web}/device/eth0`);
    const bridge = scene.itemById.get('node01/netns/root/device/cni0')?.rect;
    expect(Math.max(...way.map((point) => point.y))).toBeLessThanOrEqual((bridge?.y ?? 0) + (bridge?.h ?? 0));
  });

  it('between nodes pass the underlay', () => {
    const way = wayBetween(scene, 'controlplane/netns/root/device/eth0', 'node01/netns/root/device/eth0');
    const underlay = scene.itemById.get('underlay/netns/root/device/br0')?.rect;
    expect(way.some((point) => underlay !== undefined && contains(underlay, point))).toBe(true);
  });

  it('from a place to itself are a point, and to nowhere are empty', () => {
    expect(wayBetween(scene, web, web)).toHaveLength(1);
    expect(wayBetween(scene, web, 'mars')).toEqual([]);
  });
});

describe('travellers', () => {
  const scene = buildScene(articleTopology(), { density: 'full', direction: 'row' });

  it('are one packet while one is on its way, and none before the first hop', () => {
    const journey = new Journey(scene, curlHops());
    expect(at(journey, -1, 0)).toEqual([]);
    expect(at(journey, 7, 0).map((one) => one.hop)).toEqual([7]);
  });

  it('are the same whether one played there, stepped back there or jumped there', () => {
    const hops = crowdHops(12);
    const played = new Journey(scene, hops);
    const target = 90;
    for (let i = 0; i <= target; i += 1) at(played, i, 0);
    const back = new Journey(scene, hops);
    at(back, target + 1, 0);
    const jumped = new Journey(scene, hops);
    const sorted = (list: Traveller[]) => [...list].sort((a, b) => a.hop - b.hop);
    expect(sorted(at(back, target, 0.5))).toEqual(sorted(at(jumped, target, 0.5)));
    expect(sorted(at(played, target, 0.5))).toEqual(sorted(at(jumped, target, 0.5)));
  });

  it('move between their hops and end where the next hop is', () => {
    const journey = new Journey(scene, curlHops());
    const start = at(journey, 9, 0)[0];
    const end = at(journey, 9, 0.9999)[0];
    const anchor = journey.anchor(10);
    const rest = journey.rest(10);
    expect(start?.x).not.toBe(end?.x);
    expect(end?.x).toBeCloseTo((anchor?.x ?? 0) + rest.x, 0);
    expect(end?.y).toBeCloseTo((anchor?.y ?? 0) + rest.y, 0);
  });

  it('that were dropped stay for a while as a cross, then fade', () => {
    const drop = dropHops();
    const later = curlHops().map((hop, i) => ({ ...hop, event: { ...hop.event, seq: 10_000 + i } }));
    const journey = new Journey(scene, [...drop, ...later]);
    const dropped = drop.length - 1;
    expect(capsuleOf(drop[dropped] as (typeof drop)[number]).dropped).toBe(true);
    expect(at(journey, dropped, 0).find((one) => one.hop === dropped)?.alpha).toBe(1);
    expect(at(journey, dropped + 3, 0).find((one) => one.hop === dropped)?.alpha).toBeCloseTo(0.5);
    expect(at(journey, dropped + 8, 0).some((one) => one.hop === dropped)).toBe(false);
  });
});

describe('capsules', () => {
  it('tell an answer from a question, also inside a tunnel', () => {
    const hops = curlHops();
    const synAckInTunnel = hops.find((hop) => hop.label === 'SYN-ACK' && hop.family === 'tunnel');
    expect(synAckInTunnel && capsuleOf(synAckInTunnel)).toMatchObject({ tunnelled: true, reply: true, tone: 'l4' });
    expect(isReply(hops[0]?.event.layers ?? [])).toBe(false);
    expect(isReply([{ protocol: 'arp', operation: 'reply', senderMac: '', senderIp: '', targetMac: '', targetIp: '' }])).toBe(true);
    expect(isReply([{ protocol: 'icmp', type: 0, code: 0, text: 'echo reply' }])).toBe(true);
  });
});
