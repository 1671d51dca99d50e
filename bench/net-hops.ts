/** How fast the engine moves packets: hops (a frame into or out of a device) per CPU second, trace off and on, few and many Services; memory a trace row. */

import { Network } from '../src/net/network.ts';
import { fakeUserland } from '../src/net/testing/fake-userland.ts';
import { putKubeRules, type ServicePort } from '../src/net/testing/kube-rules.ts';
import { addFlannel, addPod, WorldBuilder } from '../src/net/testing/world-builder.ts';
import { report } from './harness.ts';

interface Setup {
  readonly network: Network;
  send(flow: number, port: number): void;
}

const CLUSTER = '10.244.0.0/16';

function setUp(trace: boolean, services: number): Setup {
  const b = new WorldBuilder();
  const nodes = [
    { name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24' },
    { name: 'node2', ip: '172.30.1.3', podCidr: '10.244.1.0/24' },
  ];
  addFlannel(b, { nodes, gateway: '172.30.1.1' });
  const client = addPod(b, 'node1', 'client', '10.244.0.5');
  addPod(b, 'node2', 'web', '10.244.1.6');
  const list: ServicePort[] = [];
  for (let i = 0; i < services; i += 1) {
    list.push({ name: `default/s${i}`, clusterIp: `10.96.${(i >> 8) & 255}.${i & 255}`, port: 80, protocol: 'udp', endpoints: ['10.244.1.6:8080'] });
  }
  for (const node of nodes) putKubeRules(b, `${node.name}/netns/root`, { clusterCidr: CLUSTER, podCidr: node.podCidr, services: list });
  const { create, hands } = fakeUserland({ deaf: true });
  const network = new Network({ seed: 1, records: b.records, trace }, create);
  return { network, send: (flow, port) => hands().sendUdp(client, `10.96.${((services - 1) >> 8) & 255}.${(services - 1) & 255}`, 80, 20_000 + flow, port) };
}

const hopsOf = (network: Network): number => {
  let hops = 0;
  for (const r of network.records.values()) {
    if (r.kind !== 'device') continue;
    const [rx, , tx] = network.deviceCounters(r.id);
    hops += rx + tx;
  }
  return hops;
};

interface Measured {
  readonly hopsPerSecond: number;
  /** Memory that the log's rows take, for each row and for each hop. */
  readonly bytesPerRow: number;
  readonly bytesPerHop: number;
}

/** Twice: what the first collection only finalizes goes with the second. */
function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** CPU time of ten thousand UDP datagrams from a pod to a Service whose endpoint is on the other node. */
function measure(trace: boolean, services: number, newConnections: boolean): Measured {
  const { network, send } = setUp(trace, services);
  const batch = (from: number, count: number): void => {
    for (let i = 0; i < count; i += 1) {
      send(newConnections ? (from + i) % 40_000 : i % 16, 9);
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
    }
  };
  batch(0, WARM_UP);
  const hopsBefore = hopsOf(network);
  const rowsBefore = network.traceLength;
  const memoryBefore = memory();
  const started = process.cpuUsage();
  batch(WARM_UP, PACKETS);
  const used = process.cpuUsage(started);
  const seconds = (used.user + used.system) / 1e6;
  const hops = hopsOf(network) - hopsBefore;
  const rows = network.traceLength - rowsBefore;
  const grown = memory() - memoryBefore;
  return { hopsPerSecond: hops / seconds, bytesPerRow: rows === 0 ? 0 : grown / rows, bytesPerHop: grown / hops };
}

const WARM_UP = 4000;
const PACKETS = 12_000;
const RUNS = 3;

type Case = readonly [trace: boolean, services: number, newConnections: boolean];

/** The fastest of several runs of each case. Cases to be compared take turns, so that what else the machine does falls on all of them. */
function fastest(cases: readonly Case[]): readonly Measured[] {
  const found = new Map<Case, Measured>();
  for (let i = 0; i < RUNS; i += 1) {
    for (const one of cases) {
      const measured = measure(...one);
      if (measured.hopsPerSecond > (found.get(one)?.hopsPerSecond ?? 0)) found.set(one, measured);
    }
  }
  return cases.map((one) => found.get(one) as Measured);
}

const sizes = [10, 1000, 20_000] as const;
type Row = readonly [few: Measured, some: Measured, many: Measured];
const [established, traced, fresh] = [
  [false, false],
  [true, false],
  [false, true],
].map(([trace, newConnections]) => fastest(sizes.map((services): Case => [trace === true, services, newConnections === true])) as unknown as Row) as [
  Row,
  Row,
  Row,
];
const row = (what: string, [few, some, many]: Row, goal: number | undefined, slowdown: number) => [
  { name: `hops per second, ${what}`, value: few.hopsPerSecond, unit: 'per second' as const, ...(goal === undefined ? {} : { goal }) },
  { name: `hops per second, ${what}, 1,000 Services`, value: some.hopsPerSecond, unit: 'per second' as const, goal: few.hopsPerSecond / slowdown },
  { name: `hops per second, ${what}, 20,000 Services`, value: many.hopsPerSecond, unit: 'per second' as const, goal: few.hopsPerSecond / slowdown },
];
report([
  ...row('trace off', established, 1.5e6, 1.2),
  ...row('trace on', traced, 1e6, 1.2),
  ...row('new connections', fresh, undefined, 4),
  { name: 'memory a trace row', value: traced[0].bytesPerRow, unit: 'bytes', goal: 64 },
  { name: 'memory a recorded hop (a frame into or out of a device)', value: traced[0].bytesPerHop, unit: 'bytes' },
]);
