/** Puts the layers of the kernel side together: the one place that knows all of them. */
import type { Prng } from '../base/prng.ts';
import type { ConnectionListeners } from './conntrack/listeners.ts';
import type { DeviceState } from './device/device-state.ts';
import { receive, transmit } from './device/transmit.ts';
import { tunnelReceive } from './device/tunnel-receive.ts';
import { connectionView } from './engine-views.ts';
import { HookRunner } from './netfilter/run-hook.ts';
import { resolve } from './stack/arp.ts';
import type { Core, Layers } from './stack/core.ts';
import { EventQueue } from './stack/event-queue.ts';
import { dropWithError, dropWithReset, sendError } from './stack/icmp.ts';
import { localOut, output } from './stack/ip-output.ts';
import { output6 } from './stack/ip6-output.ts';
import { KernelLog } from './stack/kernel-log.ts';
import { askNeighbor } from './stack/neighbor-machine.ts';
import type { NetnsState } from './stack/netns-state.ts';
import type { Skb } from './stack/skb.ts';
import type { TapTable } from './stack/taps.ts';
import type { Userland } from './stack/userland.ts';
import type { TraceLog } from './trace/trace-log.ts';

export interface CoreParts {
  readonly seed: number;
  readonly log: TraceLog;
  readonly netns: ReadonlyMap<string, NetnsState>;
  readonly devices: ReadonlyMap<string, DeviceState>;
  readonly taps: TapTable;
  readonly listeners: ConnectionListeners;
  prng(name: string): Prng;
  newSkb(): Skb;
  /** Comes into being after the core, which it is made with. */
  userland(): Userland;
}

export function createCore(parts: CoreParts): Core {
  const layers: Layers = {
    transmit: (device, packet) => transmit(core, device, packet),
    receive: (device, packet) => receive(core, device, packet),
    localOut: (netns, packet, bound) => localOut(core, netns, packet, bound),
    output: (netns, packet, route, device, nextHop, inDevice) =>
      (typeof packet.dst === 'bigint' ? output6 : output)(core, netns, packet, route, device, nextHop, inDevice),
    resolve: (device, packet, nextHop) => resolve(core, device, packet, nextHop),
    dropWithError: (netns, packet, place, reason, detail, error, cause) => dropWithError(core, netns, packet, place, reason, detail, error, cause),
    sendError: (netns, packet, error) => sendError(core, netns, packet, error, core.log.length - 1),
    askNeighbor: (device, ip) => askNeighbor(core, device, ip),
    dropWithReset: (netns, packet, place, detail, cause) => dropWithReset(core, netns, packet, place, detail, cause),
    tunnelReceive: (netns, outer) => tunnelReceive(core, netns, outer),
  };
  const core: Core = {
    nowNs: 0,
    seed: parts.seed,
    veths: false,
    queue: new EventQueue(),
    log: parts.log,
    kernelLog: new KernelLog(),
    get hooks() {
      return hooks;
    },
    get userland() {
      return parts.userland();
    },
    layers,
    netns: parts.netns,
    devices: parts.devices,
    bpf: new Map(),
    prng: (name) => parts.prng(name),
    newSkb: () => parts.newSkb(),
    tap: (device, packet, outgoing) => {
      if (parts.taps.size > 0) parts.taps.show(parts.userland(), core.nowNs, device, packet, outgoing);
    },
    connectionEvent: (netns, kind, connection) => {
      const view = connectionView(netns, connection, core.nowNs);
      for (const process of parts.listeners.of(netns.id)) parts.userland().connectionEvent(process, { kind, connection: view, timeNs: core.nowNs });
    },
    depth: 0,
  };
  const hooks = new HookRunner(core);
  return core;
}
