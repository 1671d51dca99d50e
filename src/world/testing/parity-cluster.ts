/** One cluster twice: in the simulation and on this machine's kernel, and the same request in both, compared packet by packet, table by table. */
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import type { Chain } from '../../net/records.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import type { DocumentFile } from '../document.ts';
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
import type { ParityFlow } from './parity-flows.ts';
import { type Counters, KernelCluster } from './parity-kernel.ts';

export const NODES = ['controlplane/netns/root', 'node01/netns/root'];
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

export class ParityCluster {
  readonly world: World;
  readonly engine: ParityEngine;
  readonly kernel: KernelCluster;
  readonly names: Names;
  readonly #files: readonly DocumentFile[];
  /** As the last run left them. */
  #counters: readonly Counters[] | undefined;

  constructor(files: readonly DocumentFile[]) {
    this.#files = files;
    this.world = openArticle({ files });
    // What routers say to each other by themselves is nobody's request; what they have learnt stands in the tables.
    for (const record of [...this.world.records.values()]) if (record.kind === 'process' && record.app === 'bird') this.world.records.remove(record.id);
    this.engine = new ParityEngine(this.world);
    this.kernel = new KernelCluster(this.engine.netnses());
    const macs = this.engine.macNames();
    this.names = { traceName: exportedNetnsName, macName: (mac) => macs.get(mac) ?? mac };
  }

  async build(): Promise<void> {
    // Asked in a world of their own, so that nothing is learnt in this one.
    const probes = probesFor(openArticle({ files: this.#files }));
    await this.kernel.build(exportNetns(this.world.records.values(), probes));
    // What fresh devices announce by themselves (IGMP) goes by first.
    await new Promise((resolve) => setTimeout(resolve, 1200));
  }

  #words(word: string): string {
    return word.replace('WEB', this.engine.addressOf('web')).replace('LOCAL', this.engine.addressOf('local'));
  }

  /** Lines of iptables-save, sorted: those of the kernel, and ours. */
  rules(netns: string): readonly [real: readonly string[], ours: readonly string[]] {
    const chains = [...this.world.records.values()].filter((one): one is Chain => one.kind === 'chain' && one.netns === netns);
    const plain = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    // Policy counters are the kernel's own.
    const real = plain(this.kernel.run(netns, 'iptables-save')).map((line) => line.replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1 [0:0]'));
    return [real.sort(), plain(formatIptablesSave(chains, { date: '' })).sort()];
  }

  /** Lines of ip route: those of the kernel, and ours. */
  routes(netns: string): readonly [real: readonly string[], ours: readonly string[]] {
    const host = netns.split('/')[0] as string;
    this.world.openSession(host, { host });
    const from = this.world.terminalLength;
    this.world.command(host, 'ip route');
    const ours = this.world.terminalFrom(from).flatMap((one) => (one.kind === 'stdout' ? [one.text] : []));
    const trimmed = (text: string): string[] => text.split('\n').map((line) => line.trimEnd());
    return [trimmed(this.kernel.run(netns, 'ip', 'route')), trimmed(ours.join(''))];
  }

  /** What differs between both; empty when all is the same. `cold`: with empty neighbour tables. */
  async compare(flow: ParityFlow, cold: boolean): Promise<readonly unknown[]> {
    const { engine, kernel, names } = this;
    const nodes = NODES;
    engine.forget(cold);
    kernel.forget(cold, nodes);
    const before = { ours: nodes.map((one) => engine.counters(one)), theirs: this.#counters ?? kernel.read(nodes).map((one) => one.counters) };
    const ours = engine.run(
      flow,
      flow.command.map((word) => this.#words(word)),
    );
    const request = {
      ...flow.kernel,
      netns: engine.netnsOf(flow.from),
      ip: this.#words(flow.kernel.ip),
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
    this.#counters = after.map((one) => one.counters);
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
  }

  set(name: string, value: number): void {
    for (const node of NODES) {
      this.engine.setSysctl(node, name, value);
      this.kernel.setSysctl(node, name, value);
    }
  }
}
