import { describe, expect, it } from 'vitest';
import { alignJourneys } from './align-journeys.ts';
import { factRows, roadFacts } from './road-facts.ts';
import { articleFiles, openArticle, runLine } from './testing/article.ts';
import type { World } from './world.ts';

const COMMAND = 'kubectl exec client -- curl -s web-service';

function run(world: World, line: string) {
  const from = world.headSeq;
  runLine(world, line);
  return world.hops(from, world.headSeq).filter((hop) => !hop.background);
}

describe('one request over an overlay and over the underlay', () => {
  const files = articleFiles();
  const overlay = openArticle();
  const underlay = openArticle({ files: files.map((file) => ({ ...file, text: file.text.replace('"Type": "vxlan"', '"Type": "host-gw"') })) });
  const [left, right] = [run(overlay, COMMAND), run(underlay, COMMAND)];
  const alignment = alignJourneys(left, right);

  it('has the same packets, in the same order', () => {
    expect(alignment.packets.length).toBeGreaterThan(5);
    expect(alignment.packets.every((packet) => packet.left !== undefined && packet.right !== undefined)).toBe(true);
  });

  it('parts at the route to the other node, and the tunnel is what one side has more', () => {
    const { first } = alignment;
    expect(left[first?.left ?? -1]?.summary).toContain('dev flannel.1');
    expect(right[first?.right ?? -1]?.summary).toContain('dev eth0');
    const more = alignment.packets.flatMap((packet) =>
      packet.hops.filter((row) => row.difference === 'only-left').map((row) => left[row.left ?? -1]?.event.step.kind),
    );
    expect(more).toContain('encapsulated');
    expect(more).toContain('decapsulated');
    expect(alignment.packets.flatMap((packet) => packet.hops).filter((row) => row.difference === 'only-right')).toEqual([]);
  });

  it('weighs 50 bytes a frame more, and asks less of the network between the nodes', () => {
    const roads = [roadFacts(left, overlay.topology()), roadFacts(right, underlay.topology())] as const;
    expect(roads[0]).toMatchObject({ tunnels: ['VXLAN, VNI 1'], overheadBytes: 50, mtuBytes: 1450, mssBytes: 1410, podAddresses: [] });
    expect(roads[1]).toMatchObject({ tunnels: [], overheadBytes: 0, mtuBytes: 1500, mssBytes: 1460, outcome: 'delivered' });
    expect(roads[1].podAddresses.length).toBeGreaterThan(0);
    expect(roads[0].frames).toBe(roads[1].frames);
    expect(roads[0].frameBytes - roads[1].frameBytes).toBe(50 * roads[0].frames);
    expect(factRows(roads)[1]).toEqual(['wrapped in', 'VXLAN, VNI 1', 'nothing: pods’ packets as they are']);
    expect(factRows(roads)).toContainEqual(['must let pass', 'UDP port 8472', 'all that pods send, from their addresses']);
  });

  it('parts nowhere from itself', () => {
    expect(alignJourneys(left, left).first).toBeUndefined();
  });

  it('ends differently where a firewall drops the tunnel', () => {
    runLine(overlay, 'ssh node01 iptables -I INPUT -p udp --dport 8472 -j DROP');
    const dropped = run(overlay, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3');
    const fine = run(underlay, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3');
    expect(alignJourneys(fine, dropped).packets[0]?.hops.some((row) => row.difference === 'outcome' || row.difference === 'only-left')).toBe(true);
    expect(roadFacts(dropped, overlay.topology()).outcome).toContain('NETFILTER_DROP');
  });
});
