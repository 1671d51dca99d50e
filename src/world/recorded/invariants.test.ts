/** What holds in any cluster and for any requests: no packet vanishes or multiplies, translations are undone on the way back, a seed gives one log. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { layerOf } from './frame-fields.ts';
import { readWorld } from './parse.ts';
import { RecordedRun, type StepOutcome } from './run.ts';

const RUNS = 30;

const pods = [
  { name: 'client', node: 'node1', ip: '10.244.0.5', labels: { app: 'client' } },
  { name: 'web1', node: 'node1', ip: '10.244.0.6', labels: { app: 'web' }, tcp: [8080], udp: [5353] },
  { name: 'web2', node: 'node2', ip: '10.244.1.6', labels: { app: 'web' }, tcp: [8080], udp: [5353] },
  { name: 'hostweb', node: 'node2', hostNetwork: true, labels: { app: 'hostweb' }, tcp: [7070], udp: [7071] },
];
const externals = [
  { name: 'laptop', ip: '203.0.113.10', tcp: [9000], udp: [9000] },
  { name: 'printer', ip: '172.30.1.50', tcp: [9100] },
];

const cluster = fc.record({
  nodes: fc.constant([{ name: 'node1' }, { name: 'node2' }, { name: 'node3' }]),
  cni: fc.record({ mode: fc.constantFrom('vxlan', 'host-gw'), hairpin: fc.boolean(), mtu: fc.constantFrom(1400, 1450, 1500) }),
  pods: fc.constant(pods),
  services: fc.record({ sticky: fc.boolean(), external: fc.constantFrom('Cluster', 'Local'), internal: fc.constantFrom('Cluster', 'Local') }).map((o) => [
    {
      name: 'web',
      type: 'NodePort',
      clusterIP: '10.96.0.20',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
      externalTrafficPolicy: o.external,
      internalTrafficPolicy: o.internal,
      sessionAffinity: o.sticky ? 'ClientIP' : 'None',
    },
    { name: 'dns', clusterIP: '10.96.0.21', selector: { app: 'web' }, ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] },
    { name: 'none', clusterIP: '10.96.0.22', selector: { app: 'nobody' }, ports: [{ port: 80, targetPort: 80 }] },
  ]),
  externals: fc.constant(externals),
  kubeProxy: fc.record({ masqueradeAll: fc.boolean(), randomFully: fc.boolean() }),
});

const flow = fc.record({
  from: fc.constantFrom('pod:client', 'pod:web1', 'pod:web2', 'node:node1', 'node:node3', 'ext:laptop', 'ext:printer'),
  to: fc.constantFrom(
    '10.96.0.20:80',
    '10.96.0.21:53',
    '10.96.0.22:80',
    '10.96.0.20:81',
    '172.30.1.2:30080',
    '172.30.1.4:30080',
    'pod:web1:8080',
    'pod:web2:5353',
    'pod:hostweb:7070',
    'ext:laptop:9000',
    '10.244.1.99:80',
    '10.244.2.7:80',
    '8.8.8.8:53',
  ),
  proto: fc.constantFrom('tcp', 'udp', 'icmp'),
  ttl: fc.constantFrom(undefined, undefined, 1, 2, 3),
  size: fc.constantFrom(undefined, 20, 1300, 1420, 3000),
  put: fc.constantFrom(0, 0, 5000),
  timeout: fc.constantFrom(0.5, 1.5),
});

const world = fc.record({ cluster, steps: fc.array(flow, { minLength: 1, maxLength: 3 }) });
type Drawn = typeof world extends fc.Arbitrary<infer T> ? T : never;

function run(drawn: Drawn): { readonly run: RecordedRun; readonly outcomes: readonly StepOutcome[] } {
  const { world: read, notes } = readWorld(JSON.parse(JSON.stringify(drawn)));
  expect(notes).toEqual([]);
  const made = new RecordedRun(read, { createShell });
  return { run: made, outcomes: made.steps() };
}

describe('in any cluster', () => {
  it('every packet ends delivered or dropped, and is delivered once unless a bridge floods it', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const { run: made } = run(drawn);
        // Neighbours that do not answer, fragments that wait for others.
        made.world.elapse(40_000);
        const { engine } = made.world;
        const ends = new Map<number, number>();
        const flooded = new Set<number>();
        for (const { packetId, step } of engine.events(0, engine.traceLength)) {
          if (packetId < 0) continue;
          const ended = step.kind === 'delivered' || step.kind === 'dropped';
          ends.set(packetId, (ends.get(packetId) ?? 0) + (ended ? 1 : 0));
          if (step.kind === 'bridged' && step.how === 'flood') flooded.add(packetId);
          // A datagram's parts go their own ways.
          if (step.kind === 'dropped' && step.reason === 'FRAG_REASM_TIMEOUT') flooded.add(packetId);
          if (step.kind === 'dropped') expect(step.reason).not.toBe('');
        }
        expect(ends.size).toBeGreaterThan(0);
        expect([...ends].filter(([, count]) => count === 0)).toEqual([]);
        expect([...ends].filter(([id, count]) => count > 1 && !flooded.has(id) && !isCut(made, id))).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('an answer comes back from the address that was called, whatever was translated on the way', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const { run: made, outcomes } = run(drawn);
        for (const outcome of outcomes) {
          if (outcome.step.type !== 'flow' || outcome.step.proto === 'icmp' || outcome.results[0]?.status !== 'ok') continue;
          const netns = made.netnsOf(outcome.step.from);
          const { local } = outcome.results[0];
          const port = Number(local?.split(':')[1]);
          for (const event of outcome.events) {
            if (event.netns !== netns || event.step.kind !== 'delivered') continue;
            const transport = layerOf(event.layers, 'tcp') ?? layerOf(event.layers, 'udp');
            if (transport?.dport === port) expect(layerOf(event.layers, 'ipv4')?.src).toBe(outcome.target);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('the same seed gives the same log', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const logs = [run(drawn), run(drawn)].map(({ run: made }) => JSON.stringify(made.world.engine.events(0, made.world.engine.traceLength)));
        expect(logs[0]).toBe(logs[1]);
      }),
      { numRuns: RUNS / 3 },
    );
  });

  it('a snapshot of the engine and its records, restored, goes on to the same log', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        const { run: made } = run(drawn);
        const { engine, records } = made.world;
        const before = { engine: engine.snapshot(), records: records.snapshot() };
        const from = engine.traceLength;
        const goOn = (): string => {
          engine.advanceTo(engine.nowNs + 20e9);
          return JSON.stringify([engine.events(from, engine.traceLength), engine.connections('node1/netns/root'), engine.neighbors('node1/netns/root')]);
        };
        const first = goOn();
        records.restore(before.records);
        engine.restore(before.engine);
        expect(goOn()).toBe(first);
      }),
      { numRuns: RUNS / 3 },
    );
  });
});

/** Fragments, and the whole they were cut from, are parts of one packet in the log. */
function isCut(made: RecordedRun, packetId: number): boolean {
  const { engine } = made.world;
  return engine
    .events(0, engine.traceLength)
    .some((event) => event.packetId === packetId && event.layers.some((l) => l.protocol === 'ipv4' && (l.fragmentOffset > 0 || l.flags.includes('+'))));
}
