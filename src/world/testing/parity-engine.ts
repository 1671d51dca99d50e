/** The simulation's side of the comparison: one request at a time in an engine of its own on a world's records. */
import { programs } from '../../net/app/index.ts';
import { createNetwork } from '../../net/create-network.ts';
import type { ChainCounters, ConnectionView } from '../../net/engine.ts';
import type { Network } from '../../net/network.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { payloadBytes } from '../../net/wire/encode.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP } from '../../net/wire/packet.ts';
import { exportedNetnsName } from '../export-netns-text.ts';
import type { World } from '../world.ts';
import type { ParityFlow } from './parity-flows.ts';

export interface EngineRun {
  readonly succeeded: boolean;
  readonly output: string;
  readonly events: readonly TraceEvent[];
  /** First bytes that the client sent, and how many it got. */
  readonly payload: Uint8Array;
  readonly answerBytes: number;
}

const SETTLE_NS = 0.08e9;

export class ParityEngine {
  readonly network: Network;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.network = createNetwork({ seed: 11, records: world.records });
    this.network.advanceTo(1e9);
  }

  /** @throws {Error} when there is no such pod or host. */
  netnsOf(name: string): string {
    for (const record of this.#world.records.values()) {
      if (record.kind !== 'netns') continue;
      if (record.id === `${name}/netns/root` || (record.name !== 'root' && record.name.startsWith(name))) return record.id;
    }
    throw new Error(`no netns for ${name}`);
  }

  addressOf(pod: string): string {
    const device = this.#world.records.find(`${this.netnsOf(pod)}/device/eth0`);
    const address = device?.kind === 'device' ? device.addresses[0]?.ip : undefined;
    if (address === undefined) throw new Error(`no address for ${pod}`);
    return address;
  }

  netnses(): string[] {
    return [...this.#world.records.values()].flatMap((one) => (one.kind === 'netns' ? [one.id] : []));
  }

  /** `netns/device` by MAC. */
  macNames(): Map<string, string> {
    const names = new Map([
      ['ff:ff:ff:ff:ff:ff', 'broadcast'],
      ['00:00:00:00:00:00', 'zero'],
    ]);
    for (const one of this.#world.records.values()) {
      if (one.kind === 'device' && one.type !== 'loopback') names.set(one.mac, `${exportedNetnsName(one.netns)}/${one.name}`);
    }
    return names;
  }

  setSysctl(netns: string, name: string, value: number): void {
    const record = this.#world.records.find(netns);
    if (record?.kind === 'netns') this.#world.records.put({ ...record, sysctls: { ...record.sysctls, [name]: value } });
  }

  forget(neighbors: boolean): void {
    for (const netns of this.netnses()) {
      if (neighbors) this.network.deleteNeighbors(netns, (one) => one.state !== 'PERMANENT' && one.state !== 'NOARP');
      this.network.deleteConnections(netns, () => true);
    }
  }

  connections(netns: string): ConnectionView[] {
    return this.network.connections(netns);
  }

  /** Packets by `table chain index`. */
  counters(netns: string): Map<string, number> {
    const all = new Map<string, number>();
    for (const one of this.#world.records.values()) {
      if (one.kind !== 'chain' || one.netns !== netns) continue;
      const counters: ChainCounters = this.network.counters(one.id);
      counters.rules.forEach(([packets], i) => {
        all.set(`${one.table} ${one.name} ${i + 1}`, packets);
      });
    }
    return all;
  }

  run(flow: ParityFlow, words: readonly string[]): EngineRun {
    const { network } = this;
    const from = network.traceLength;
    const program = programs.get(words[0] as string);
    const parsed = program?.parse(words.slice(1), { tty: false, image: 'host' });
    if (program === undefined || parsed?.ok !== true) throw new Error(`cannot run ${words.join(' ')}: ${JSON.stringify(parsed)}`);
    const netns = this.netnsOf(flow.from);
    let output = '';
    network.onOutput = (_process, stream, text) => {
      if (stream !== 'exit') output += text;
    };
    const id = network.spawn({ app: program.app, netns, name: program.app, config: parsed.config });
    network.run({
      untilNs: network.nowNs + (flow.seconds ?? 1.2) * 1e9,
      maxEvents: 100_000,
      stop: () => network.findProcess(id)?.running !== true,
    });
    if (network.findProcess(id)?.running === true) network.signal(id, 'SIGKILL');
    const succeeded = network.findProcess(id)?.exitCode === 0;
    network.advanceTo(network.nowNs + SETTLE_NS);
    const events = network.events(from, network.traceLength);
    return { succeeded, output, events, payload: this.#sent(netns, flow, from), answerBytes: answerBytes(events, flow) };
  }

  /** What the client sent, each TCP segment once; of UDP the first datagram. */
  #sent(netns: string, flow: ParityFlow, from: number): Uint8Array {
    const segments = new Map<number, Uint8Array>();
    let port: number | undefined;
    for (const device of ['eth0', 'lo', 'cni0', 'flannel.1']) {
      for (const { direction, packet } of this.network.frames(new Set([`${netns}/device/${device}`]), from)) {
        const wanted = packet.protocol === (flow.kernel.proto === 'tcp' ? IP_PROTO_TCP : IP_PROTO_UDP) && packet.inner === undefined;
        if (direction !== 'out' || !wanted || packet.payload === undefined) continue;
        // Who speaks first is the client; a server in the same namespace answers by the same devices.
        port ??= packet.sport;
        if (packet.sport !== port) continue;
        const key = packet.tcp?.seq ?? 0;
        if (!segments.has(key)) segments.set(key, payloadBytes(packet.payload));
      }
      if (segments.size > 0) break;
    }
    return new Uint8Array([...segments.values()].flatMap((bytes) => [...bytes]));
  }
}

/** TCP payload that came to the client, each segment once. */
function answerBytes(events: readonly TraceEvent[], flow: ParityFlow): number {
  if (flow.kernel.proto !== 'tcp') return 0;
  let bytes = 0;
  for (const event of events) {
    if (event.step.kind !== 'delivered' || event.step.process !== 'curl') continue;
    for (const layer of event.layers) if (layer.protocol === 'tcp') bytes += layer.payloadBytes;
  }
  return bytes;
}
