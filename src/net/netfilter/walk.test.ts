import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Network } from '../network.ts';
import { fakeUserland } from '../testing/fake-userland.ts';
import { addFlannel, addPod, WorldBuilder } from '../testing/world-builder.ts';

const NODE = 'node1/netns/root';
const CHAIN = `${NODE}/chain/filter/LONG`;

const ips = ['10.244.0.6', '10.244.0.7', '10.96.0.1', '10.96.0.2', '10.96.0.3'];
const ruleArbitrary = fc
  .record({
    destination: fc.constantFrom('', ...ips.map((ip) => `-d ${ip}/32`), ...ips.map((ip) => `! -d ${ip}/32`), '-d 10.96.0.0/30'),
    match: fc.constantFrom(
      '',
      '-p udp -m udp --dport 80',
      '-p udp -m udp --dport 81',
      '-p udp -m udp ! --dport 80',
      '-p tcp -m tcp --dport 80',
      '-p udp -m multiport ! --dports 80,90:95',
      '! -p tcp',
      '-p udp -m udp --dport 80:81',
    ),
    more: fc.constantFrom(
      '',
      '-m mark --mark 0x1/0x1',
      '-m addrtype --dst-type LOCAL',
      '-m statistic --mode nth --every 2 --packet 0',
      '-m length --length 0:40',
      '-m ttl --ttl-eq 64',
      '-m conntrack --ctstate NEW --ctorigdst 10.244.0.0/16',
      '-m set --match-set S dst,dst',
      '-m recent --name R --update --hitcount 2',
      '-m recent --name R --set',
      '-m limit --limit 1/hour --limit-burst 2',
      '-m hashlimit --hashlimit-name h --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode dstip',
      '-m quota --quota 100',
      '-m iprange --dst-range 10.244.0.6-10.244.0.7',
      '-m connmark --mark 0x1',
      '-m owner --socket-exists',
      '-m comment --comment x',
    ),
    end: fc.constantFrom(
      '-j MARK --set-xmark 0x1/0x1',
      '-j MARK --set-xmark 0x0/0x1',
      '-j CONNMARK --set-xmark 0x1/0x1',
      '-j SET --add-set S dst,dst',
      '-j LOG',
      '-j SUB',
      '-g SUB',
      '-j RETURN',
      '-j ACCEPT',
      '-j DROP',
      '',
      '',
    ),
  })
  .map((r) => [r.destination, r.match, r.more, r.end].filter((w) => w !== '').join(' '));

interface Run {
  readonly verdicts: readonly boolean[];
  readonly counters: unknown;
  readonly matched: readonly string[];
  /** Of every event: both walks take the simulated kernel the same time. */
  readonly timesNs: readonly number[];
}

/** Sends packets from a pod through a long chain and tells what became of them. */
function run(rules: readonly string[], packets: readonly (readonly [string, number])[], linear: boolean): Run {
  const b = new WorldBuilder();
  addFlannel(b, { nodes: [{ name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24' }], gateway: '172.30.1.1' });
  const client = addPod(b, 'node1', 'client', '10.244.0.5');
  b.chain(NODE, 'filter', 'FORWARD', ['-j LONG'], 'ACCEPT');
  b.chain(NODE, 'filter', 'INPUT', ['-j LONG'], 'ACCEPT');
  b.chain(NODE, 'filter', 'LONG', rules);
  b.records.put({
    kind: 'ipset',
    id: `${NODE}/ipset/S`,
    origin: { component: 'test', objects: [] },
    netns: NODE,
    name: 'S',
    type: 'hash:ip,port',
    family: 'inet',
    entries: [{ element: '10.244.0.6,udp:80' }],
  });
  b.chain(NODE, 'filter', 'SUB', ['-p udp -m udp --dport 81 -j ACCEPT', '-m mark --mark 0x1/0x1 -j RETURN']);
  const { create, hands } = fakeUserland();
  const network = new Network({ seed: 3, records: b.records, linearChains: linear }, create);
  for (const [to, port] of packets) hands().sendUdp(client, to, port, 40000, 4);
  network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 20_000 });
  const events = network.events(0, network.traceLength);
  return {
    verdicts: events.flatMap((e) =>
      e.step.kind === 'dropped' && e.step.reason === 'NETFILTER_DROP' ? [true] : e.step.kind === 'matched' && e.step.rule === undefined ? [false] : [],
    ),
    counters: network.counters(CHAIN),
    timesNs: events.map((e) => e.timeNs),
    matched: events.flatMap((e) =>
      e.step.kind === 'matched' && e.step.rule?.chain === 'LONG' ? [`${e.packetId} ${e.step.rule.index} ${e.step.verdict}`] : [],
    ),
  };
}

describe('a long chain', () => {
  it('walked by its index gives verdicts, counters and explanation of the linear walk', () => {
    fc.assert(
      fc.property(
        fc.array(ruleArbitrary, { minLength: 9, maxLength: 40 }),
        fc.array(fc.tuple(fc.constantFrom(...ips, '10.244.0.1'), fc.constantFrom(80, 81, 82)), { minLength: 1, maxLength: 6 }),
        (rules, packets) => {
          expect(run(rules, packets, false)).toEqual(run(rules, packets, true));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('jumps', () => {
  const verdict = (sub: readonly string[], long: readonly string[]): string[] => {
    const b = new WorldBuilder();
    addFlannel(b, { nodes: [{ name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24' }], gateway: '172.30.1.1' });
    const client = addPod(b, 'node1', 'client', '10.244.0.5');
    addPod(b, 'node1', 'web', '10.244.0.6');
    b.chain(NODE, 'filter', 'FORWARD', long, 'DROP');
    b.chain(NODE, 'filter', 'SUB', sub);
    const { create, hands } = fakeUserland();
    const network = new Network({ seed: 3, records: b.records }, create);
    hands().sendUdp(client, '10.244.0.6', 80, 40000, 4);
    network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 20_000 });
    return network
      .events(0, network.traceLength)
      .flatMap((e) =>
        e.step.kind === 'matched' ? [`${e.step.rule?.chain ?? 'policy'} ${e.step.rule?.index ?? ''} ${e.step.verdict}`.replace('  ', ' ')] : [],
      );
  };

  it('come back behind the rule that jumped', () => {
    expect(verdict(['-j RETURN', '-j DROP'], ['-j SUB', '-j ACCEPT'])).toEqual(['FORWARD 0 jump SUB', 'SUB 0 RETURN', 'FORWARD 1 ACCEPT']);
  });

  it('do not come back after a goto: the policy decides', () => {
    expect(verdict(['-j RETURN'], ['-g SUB', '-j ACCEPT'])).toEqual(['FORWARD 0 goto SUB', 'SUB 0 RETURN', 'policy DROP']);
  });

  it('end everything with a verdict', () => {
    expect(verdict(['-p udp -j ACCEPT'], ['-j SUB', '-j DROP'])).toEqual(['FORWARD 0 jump SUB', 'SUB 0 ACCEPT']);
  });
});
