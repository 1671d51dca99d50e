/** A userland without sockets, for tests of the kernel side: it takes every packet, writes down what came, and sends what a test tells it to. */
import { formatIp, ipOf } from '../addr/ip.ts';
import type { Errno, Kernel, TimerToken, Userland } from '../stack/userland.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Packet, TCP_SYN } from '../wire/packet.ts';

/** `netns: what`, e.g. `node2/netns/web.default: udp 10.244.0.5:9 > 10.244.1.6:8080 ttl 62`. */
export type Heard = string;

export interface FakeHands {
  readonly heard: Heard[];
  sendUdp(
    netns: string,
    to: string,
    port: number,
    sport: number,
    bytes: number,
    options?: { readonly ttl?: number; readonly dontFragment?: boolean; readonly from?: string },
  ): 'ok' | Errno;
  sendTcp(netns: string, to: string, port: number, sport: number, flags?: number, from?: string): 'ok' | Errno;
  ping(netns: string, to: string, options?: { readonly ttl?: number; readonly id?: number }): 'ok' | Errno;
  readonly kernel: Kernel;
}

export interface FakeOptions {
  /** UDP ports somebody listens on; absent: all. */
  readonly udpPorts?: readonly number[];
  /** Keep no record of what came (benchmarks). */
  readonly deaf?: boolean;
}

/** `create` is for Network's constructor; `hands()` works once the engine exists. */
export function fakeUserland(options: FakeOptions = {}): { readonly create: (kernel: Kernel) => Userland; readonly hands: () => FakeHands } {
  let hands: FakeHands | undefined;
  const create = (kernel: Kernel): Userland => {
    const fake = new FakeUserland(kernel, options);
    hands = fake;
    return fake;
  };
  return {
    create,
    hands: () => {
      if (hands === undefined) throw new Error('the engine does not exist yet');
      return hands;
    },
  };
}

class FakeUserland implements Userland, FakeHands {
  onOutput: Userland['onOutput'] = undefined;
  readonly heard: Heard[] = [];
  readonly kernel: Kernel;
  readonly #options: FakeOptions;

  constructor(kernel: Kernel, options: FakeOptions) {
    this.kernel = kernel;
    this.#options = options;
  }

  #hear(line: () => string): void {
    if (this.#options.deaf !== true) this.heard.push(line());
  }

  deliver(netns: string, packet: Packet): boolean {
    if (packet.protocol === IP_PROTO_UDP && this.#options.udpPorts?.includes(packet.dport) === false) return false;
    this.kernel.traceDelivered(netns, packet, 'test', 'test');
    const word = packet.protocol === IP_PROTO_TCP ? 'tcp' : packet.protocol === IP_PROTO_UDP ? 'udp' : 'icmp';
    const ports = word !== 'icmp';
    this.#hear(
      () =>
        `${netns}: ${word} ${formatIp(packet.src)}${ports ? `:${packet.sport}` : ''} > ${formatIp(packet.dst)}${ports ? `:${packet.dport}` : ''} ttl ${packet.ttl}`,
    );
    return true;
  }

  icmpError(netns: string, packet: Packet): void {
    const icmp = packet.icmp;
    const about = icmp?.quoted;
    this.#hear(
      () =>
        `${netns}: icmp error ${icmp?.type}/${icmp?.code} from ${formatIp(packet.src)} about ${about === undefined ? '?' : `${formatIp(about.src)}:${about.sport} > ${formatIp(about.dst)}:${about.dport}`}${icmp?.mtu === undefined ? '' : ` mtu ${icmp.mtu}`}`,
    );
  }

  sendUdp(
    netns: string,
    to: string,
    port: number,
    sport: number,
    bytes: number,
    options: { ttl?: number; dontFragment?: boolean; from?: string } = {},
  ): 'ok' | Errno {
    const packet = this.#packet(to, IP_PROTO_UDP, options.from);
    packet.sport = sport;
    packet.dport = port;
    packet.payload = { bytes };
    packet.dontFragment = options.dontFragment ?? true;
    if (options.ttl !== undefined) packet.ttl = options.ttl;
    return this.kernel.output(netns, packet, 'test');
  }

  sendTcp(netns: string, to: string, port: number, sport: number, flags = TCP_SYN, from?: string): 'ok' | Errno {
    const packet = this.#packet(to, IP_PROTO_TCP, from);
    packet.sport = sport;
    packet.dport = port;
    packet.dontFragment = true;
    packet.tcp = { flags, seq: 1, ack: 0, window: 64240, options: {} };
    return this.kernel.output(netns, packet, 'test');
  }

  ping(netns: string, to: string, options: { ttl?: number; id?: number } = {}): 'ok' | Errno {
    const six = to.includes(':');
    const packet = this.#packet(to, six ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, undefined);
    packet.icmp = { type: six ? 128 : 8, code: 0, id: options.id ?? 1, sequence: 1 };
    packet.payload = { bytes: 56 };
    packet.dontFragment = true;
    if (options.ttl !== undefined) packet.ttl = options.ttl;
    return this.kernel.output(netns, packet, 'test');
  }

  #packet(to: string, protocol: number, from: string | undefined): Packet {
    const packet = this.kernel.newPacket();
    packet.dst = ipOf(to);
    packet.protocol = protocol;
    if (from !== undefined) packet.src = ipOf(from);
    return packet;
  }

  connectionEvent(): void {}

  tapped(_processId: string): void {}
  timer(token: TimerToken): void {
    this.heard.push(`timer ${token.tag}`);
  }
  abort(): void {}
  recordChanged(): void {}
  signal(): void {}
  writeStdin(): void {}
  print(): void {}
  tally(): undefined {
    return undefined;
  }

  report(): undefined {
    return undefined;
  }

  findProcess(): undefined {
    return undefined;
  }
  sockets(): never[] {
    return [];
  }
  snapshot(): unknown {
    return this.heard.length;
  }
  restore(snapshot: unknown): void {
    this.heard.length = snapshot as number;
  }
}
