/** BPF programs at a device's tc hooks: which one runs. Linux: kernel/bpf/tcx.c */
import type { DeviceState } from '../device/device-state.ts';
import type { Core } from '../stack/core.ts';
import type { Skb } from '../stack/skb.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../wire/packet.ts';
import type { TcRun } from './tc-actions.ts';
import { fromCard, toCard } from './tc-card.ts';
import { fromContainer } from './tc-container.ts';
import type { TcHook } from './tc-hook.ts';
import { fromHost, fromOverlay } from './tc-host.ts';

/** A program with its maps, running. */
const PROGRAM_NS = 350;

/** True when the packet has been sent elsewhere or dropped: the stack does not see it. */
export function runTc(core: Core, device: DeviceState, hook: TcHook, packet: Skb): boolean {
  core.nowNs += PROGRAM_NS;
  const run: TcRun = { core, device, hook, packet };
  if (packet.etherType !== ETHERTYPE_IPV4 && packet.etherType !== ETHERTYPE_ARP) return false;
  switch (hook.program.name) {
    case 'cil_from_container':
      return fromContainer(run);
    case 'cil_from_netdev':
      return fromCard(run);
    case 'cil_to_netdev':
      return toCard(run);
    case 'cil_from_host':
      return fromHost(run);
    case 'cil_from_overlay':
      return fromOverlay(run);
    case 'cil_to_container':
    case 'cil_to_host':
    case 'cil_to_overlay':
      return false;
  }
}
