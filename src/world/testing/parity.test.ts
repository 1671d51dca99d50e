/** The kernel as the judge: the article's cluster exported and built for real, the same requests made in it and in the simulation, hop by hop. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import type { Chain } from '../../net/records.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { exportNetns } from '../export-netns.ts';
import { probesFor } from '../export-netns-probes.ts';
import { exportedNetnsName } from '../export-netns-text.ts';
import {
  compareArp,
  compareConnections,
  compareHops,
  type Names,
  type NodeConnections,
  type RecordedPacket,
  recordedPackets,
  Symbols,
} from '../recorded/compare-hops.ts';
import type { World } from '../world.ts';
import { openArticle } from './article.ts';
import { arpOf, eventsOf, Symbolizer } from './parity-compare.ts';
import { ParityEngine } from './parity-engine.ts';
import { FLOWS, type ParityFlow, parityFiles } from './parity-flows.ts';
import { type Counters, KernelCluster, whyNot } from './parity-kernel.ts';

const reason = whyNot();
if (reason !== undefined) process.stderr.write(`kubehop: the comparison with this machine's own kernel is skipped: ${reason}.\n`);

const NODES = ['controlplane/netns/root', 'node01/netns/root'];
/** Ports that mean the same on both sides; others are chosen by somebody. */
const KNOWN_PORTS = [6443, 8080, 8081, 8472, 10250, 30080, 30081];

const ACK = 'TCP ACK';
const onAWire = (event: TraceEvent): boolean => event.step.kind === 'received' || event.step.kind === 'transmitted' || event.step.kind === 'created';

/** Events of the packets that the client's namespace made, or of the others. */
function oneWay(events: readonly TraceEvent[], way: 'forth' | 'back', client: string): TraceEvent[] {
  const origins = new Map<number, string>();
  for (const event of events) if (onAWire(event) && !origins.has(event.packetId)) origins.set(event.packetId, event.netns);
  return events.filter((event) => (origins.get(event.packetId) === client) === (way === 'forth'));
}

const labels = (packets: readonly RecordedPacket[]): string =>
  packets
    .filter((one) => one.hops.length > 0 && one.label !== ACK)
    .map((one) => one.label)
    .sort()
    .join(', ');

const acknowledgements = (events: readonly TraceEvent[], names: Names): number => recordedPackets(events, names).filter((one) => one.label === ACK).length;

describe.skipIf(reason !== undefined)('the article’s cluster, built on this machine’s kernel', () => {
  let world: World;
  let engine: ParityEngine;
  let kernel: KernelCluster;
  let names: Names;
  const words = (word: string): string => word.replace('WEB', engine.addressOf('web')).replace('LOCAL', engine.addressOf('local'));

  beforeAll(async () => {
    world = openArticle({ files: parityFiles() });
    // Asked in a world of their own, so that nothing is learnt in this one.
    const probes = probesFor(openArticle({ files: parityFiles() }));
    engine = new ParityEngine(world);
    kernel = new KernelCluster(engine.netnses());
    const macs = engine.macNames();
    names = { traceName: exportedNetnsName, macName: (mac) => macs.get(mac) ?? mac };
    await kernel.build(exportNetns(world.records.values(), probes));
    // What fresh devices announce by themselves (IGMP) goes by first.
    await new Promise((resolve) => setTimeout(resolve, 1200));
  }, 60_000);
  afterAll(() => kernel.down());

  it.each(NODES)('prints the same rules in iptables-save: %s', (netns) => {
    const chains = [...world.records.values()].filter((one): one is Chain => one.kind === 'chain' && one.netns === netns);
    const plain = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    // Policy counters are the kernel's own.
    const real = plain(kernel.run(netns, 'iptables-save')).map((line) => line.replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1 [0:0]'));
    expect(real.sort()).toEqual(plain(formatIptablesSave(chains, { date: '' })).sort());
  });

  it.each(NODES)('prints the same routes in ip route: %s', (netns) => {
    const host = netns.split('/')[0] as string;
    world.openSession(host, { host });
    const from = world.terminalLength;
    world.command(host, 'ip route');
    const ours = world.terminalFrom(from).flatMap((one) => (one.kind === 'stdout' ? [one.text] : []));
    const trimmed = (text: string): string[] => text.split('\n').map((line) => line.trimEnd());
    expect(trimmed(kernel.run(netns, 'ip', 'route'))).toEqual(trimmed(ours.join('')));
  });

  /** As the last run left them. */
  let counters: readonly Counters[] | undefined;

  const compare = async (flow: ParityFlow, cold: boolean): Promise<unknown[]> => {
    const nodes = NODES;
    engine.forget(cold);
    kernel.forget(cold, nodes);
    const before = { ours: nodes.map((one) => engine.counters(one)), theirs: counters ?? kernel.read(nodes).map((one) => one.counters) };
    const ours = engine.run(flow, flow.command.map(words));
    const request = {
      ...flow.kernel,
      netns: engine.netnsOf(flow.from),
      ip: words(flow.kernel.ip),
      ttl: flow.kernel.ttl ?? 64,
      size: flow.kernel.size ?? 56,
      dontFragment: flow.kernel.dontFragment !== false,
    };
    const theirs = await kernel.request({
      ...request,
      payload: ours.payload,
      expect: ours.answerBytes,
      timeout: flow.seconds ?? 0.9,
    });
    const events = eventsOf(theirs.frames);
    const symbolizer = new Symbolizer(KNOWN_PORTS);
    const symbols = new Symbols();
    const differences: unknown[] = [];
    for (const way of ['forth', 'back'] as const) {
      // When a server acknowledges by itself, and when with its next segment, is a question of microseconds.
      const recorded = symbolizer.packets(oneWay(events, way, request.netns), names).filter((one) => way === 'forth' || one.label !== ACK);
      const actual = oneWay(ours.events, way, request.netns);
      differences.push(...compareHops(symbols, recorded, actual, names));
      // Acknowledgements may wait for each other, everything else must be there as often.
      const expectedLabels = labels(recorded);
      const actualLabels = labels(recordedPackets(actual, names));
      if (expectedLabels !== actualLabels) differences.push({ where: `packets ${way}`, expected: expectedLabels, actual: actualLabels });
    }
    if ((events.length === 0) !== (flow.silent === true))
      differences.push({ where: 'frames', expected: flow.silent === true ? 0 : 'some', actual: events.length });
    if (flow.anyResult !== true && (theirs.result === 'ok') !== ours.succeeded)
      differences.push({ where: 'result', expected: theirs.result, actual: ours.output });
    // Once as itself and once inside a tunnel.
    const slack = 2 * Math.abs(acknowledgements(events, names) - acknowledgements(ours.events, names));
    const after = kernel.read(nodes);
    counters = after.map((one) => one.counters);
    const tables: NodeConnections[] = [];
    nodes.forEach((node, i) => {
      const recorded = (after[i]?.connections ?? []).flatMap((line) => symbolizer.connection(line) ?? []);
      tables.push({ node: exportedNetnsName(node), recorded, actual: engine.connections(node) });
      const ourCounters = engine.counters(node);
      for (const [rule, packets] of after[i]?.counters ?? []) {
        const expected = packets - (before.theirs[i]?.get(rule) ?? 0);
        const actual = (ourCounters.get(rule) ?? 0) - (before.ours[i]?.get(rule) ?? 0);
        if (Math.abs(expected - actual) > slack) differences.push({ where: `${exportedNetnsName(node)} counter of ${rule}`, expected, actual });
      }
    });
    differences.push(...compareConnections(symbols, tables, () => false));
    differences.push(...compareArp(arpOf(events, names), ours.events, names));
    return differences;
  };

  const set = (name: string, value: number): void => {
    for (const node of NODES) {
      engine.setSysctl(node, name, value);
      kernel.setSysctl(node, name, value);
    }
  };

  // A real machine is sometimes late: a difference is one that comes back.
  it.each(FLOWS)('$name', { timeout: 30_000, retry: 3 }, async (flow) => {
    if (flow.sysctl !== undefined) set(flow.sysctl.name, flow.sysctl.value);
    try {
      expect(await compare(flow, true), 'with empty neighbour tables').toEqual([]);
      if (flow.warm === true) expect(await compare(flow, false), 'with warm neighbour tables').toEqual([]);
    } finally {
      if (flow.sysctl !== undefined) set(flow.sysctl.name, flow.sysctl.normal);
    }
  });

  // Last: it leaves traces in session affinity.
  it('answers every probe as the simulation does', () => {
    expect(kernel.check()).toContain('No differences.');
  });
});
