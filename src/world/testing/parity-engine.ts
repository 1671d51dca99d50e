/** The simulation's side of the comparison: one request at a time in an engine of its own on a world's records. */
import { programs } from '../../net/app/index.ts';
import type { ChainCounters, ConnectionView } from '../../net/engine.ts';
import { Network } from '../../net/network.ts';
import type { TraceEvent } from '../../net/trace-event.ts';
import { payloadBytes } from '../../net/wire/encode.ts';
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
    this.network = new Network({ seed: 11, records: world.records });
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

  nodes(): string[] {
    return [...this.#world.records.values()].flatMap((one) => (one.kind === 'host' && one.role === 'node' ? [`${one.id}/netns/root`] : []));
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
    const frames = [...network.frames(`${netns}/device/eth0`, from), ...network.frames(`${netns}/device/lo`, from), ...this.#bridgeFrames(netns, from)];
    const sent = frames.filter(
      (one) => one.direction === 'out' && one.packet.protocol === (flow.kernel.proto === 'tcp' ? 6 : 17) && one.packet.payload !== undefined,
    );
    const first = sent[0]?.packet.payload;
    return { succeeded, output, events, payload: first === undefined ? new Uint8Array() : payloadBytes(first), answerBytes: answerBytes(events, flow) };
  }

  #bridgeFrames(netns: string, from: number) {
    return ['cni0', 'flannel.1'].flatMap((name) => this.network.frames(`${netns}/device/${name}`, from));
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
