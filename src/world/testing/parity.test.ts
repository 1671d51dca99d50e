/** The kernel as the judge: the article's cluster exported and built for real, the same requests made in it and in the simulation, hop by hop. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import type { Chain } from '../../net/records.ts';
import { compareArp, compareConnections, compareHops, type Names, Symbols } from '../../net/testing/compare-hops.ts';
import { exportNetns } from '../export-netns.ts';
import { probesFor } from '../export-netns-probes.ts';
import { exportedNetnsName } from '../export-netns-text.ts';
import { openArticle } from './article.ts';
import { arpOf, eventsOf, Symbolizer } from './parity-compare.ts';
import { ParityEngine } from './parity-engine.ts';
import { FLOWS, type ParityFlow, parityFiles } from './parity-flows.ts';
import { KernelCluster, whyNot } from './parity-kernel.ts';

const reason = whyNot();
if (reason !== undefined) console.warn(`kubehop: the comparison with this machine's own kernel is skipped: ${reason}.`);

/** Ports that mean the same on both sides; others are chosen by somebody. */
const KNOWN_PORTS = [6443, 8472, 10250, 30080];

describe.skipIf(reason !== undefined)('the article’s cluster, built on this machine’s kernel', () => {
  const world = openArticle({ files: parityFiles() });
  const engine = new ParityEngine(world);
  const kernel = new KernelCluster(engine.netnses());
  const macs = engine.macNames();
  const names: Names = { traceName: exportedNetnsName, macName: (mac) => macs.get(mac) ?? mac };
  const words = (word: string): string => word.replace('WEB', engine.addressOf('web')).replace('LOCAL', engine.addressOf('local'));

  beforeAll(() => kernel.build(exportNetns(world.records.values(), probesFor(openArticle({ files: parityFiles() })))), 60_000);
  afterAll(() => kernel.down());

  it('answers every probe as the simulation does', () => {
    expect(kernel.check()).toContain('\n0 differences');
  });

  it.each(engine.nodes())('prints the same rules in iptables-save: %s', (netns) => {
    const chains = [...world.records.values()].filter((one): one is Chain => one.kind === 'chain' && one.netns === netns);
    const plain = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    // Policy counters are the kernel's own.
    const real = plain(kernel.run(netns, 'iptables-save')).map((line) => line.replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1 [0:0]'));
    expect(real.sort()).toEqual(plain(formatIptablesSave(chains, { date: '' })).sort());
  });

  it.each(engine.nodes())('prints the same routes in ip route: %s', (netns) => {
    const host = netns.split('/')[0] as string;
    world.openSession(host, { host });
    const from = world.terminalLength;
    world.command(host, 'ip route');
    const ours = world.terminalFrom(from).flatMap((one) => (one.kind === 'stdout' ? [one.text] : []));
    const trimmed = (text: string): string[] => text.split('\n').map((line) => line.trimEnd());
    expect(trimmed(kernel.run(netns, 'ip', 'route'))).toEqual(trimmed(ours.join('')));
  });

  const compare = async (flow: ParityFlow, cold: boolean): Promise<unknown[]> => {
    const nodes = engine.nodes();
    engine.forget(cold);
    kernel.forget(cold, nodes);
    const before = nodes.map((one) => ({ ours: engine.counters(one), theirs: kernel.counters(one) }));
    const ours = engine.run(flow, flow.command.map(words));
    const request = { ...flow.kernel, ip: words(flow.kernel.ip), ttl: flow.kernel.ttl ?? 64, size: flow.kernel.size ?? 56 };
    const theirs = await kernel.request({
      ...request,
      netns: engine.netnsOf(flow.from),
      payload: ours.payload,
      expect: ours.answerBytes,
      timeout: flow.seconds ?? 0.9,
    });
    const events = eventsOf(theirs.frames);
    const symbolizer = new Symbolizer(KNOWN_PORTS);
    const symbols = new Symbols();
    const differences: unknown[] = compareHops(symbols, symbolizer.packets(events, names), ours.events, names);
    if ((theirs.result === 'ok') !== ours.succeeded) differences.push({ where: 'result', expected: theirs.result, actual: ours.output });
    nodes.forEach((node, i) => {
      const recorded = kernel.run(node, 'conntrack', '-L').split('\n').flatMap((line) => symbolizer.connection(line) ?? []);
      differences.push(...compareConnections(symbols, exportedNetnsName(node), recorded, engine.connections(node), () => false));
      const after = { ours: engine.counters(node), theirs: kernel.counters(node) };
      for (const [rule, packets] of after.theirs) {
        const expected = packets - (before[i]?.theirs.get(rule) ?? 0);
        const actual = (after.ours.get(rule) ?? 0) - (before[i]?.ours.get(rule) ?? 0);
        if (expected !== actual) differences.push({ where: `${exportedNetnsName(node)} counter of ${rule}`, expected, actual });
      }
    });
    differences.push(...compareArp(arpOf(events, names), ours.events, names));
    return differences;
  };

  it.each(FLOWS)('$name', async (flow) => {
    expect(await compare(flow, true), 'with empty neighbour tables').toEqual([]);
    if (flow.once !== true) expect(await compare(flow, false), 'with warm neighbour tables').toEqual([]);
  }, 30_000);
});
