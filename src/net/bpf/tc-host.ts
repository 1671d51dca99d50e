/** The programs where the host's stack meets its endpoints, and at the overlay's device. Cilium: bpf/bpf_host.c, cil_from_host; bpf/bpf_overlay.c */
import { contains, formatIp4 } from '../addr/ip4.ts';
import { ETHERTYPE_ARP } from '../wire/packet.ts';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE, IDENTITY_WORLD } from './bpf-records.ts';
import { deliverLocally, forward } from './delivery.ts';
import { restoreSource } from './nodeport.ts';
import { decrementTtl, drop, note, type TcRun, toStackOf } from './tc-actions.ts';

/** The stack sends to an endpoint by its route through cilium_host: here it is caught. */
export function fromHost(run: TcRun): boolean {
  const { packet, hook } = run;
  const { config } = hook.state;
  if (packet.etherType === ETHERTYPE_ARP || config === undefined || typeof packet.dst !== 'number') return false;
  const endpoint = hook.state.findEndpoint(packet.dst);
  if (endpoint === undefined && contains(config.podCidr.network, config.podCidr.prefixLength, packet.dst))
    return drop(run, 'Stale or unroutable IP', `no endpoint of this node has ${formatIp4(packet.dst)}`);
  // What the stack has forwarded is still its sender's. An address of the host is the host only on what a program here has sent: translated traffic has it too.
  const known = typeof packet.src === 'number' ? hook.state.identityOf(packet.src) : IDENTITY_HOST;
  const sender = known === IDENTITY_HOST && packet.uid < 0 ? IDENTITY_WORLD : known;
  if (endpoint !== undefined || (hook.state.ipcache(packet.dst)?.tunnelEndpoint ?? 0) !== 0) return forward(run, sender);
  return drop(run, 'Stale or unroutable IP', `${formatIp4(packet.dst)} is behind no node`);
}

/** Out of the tunnel, with the sender's identity in its key. */
export function fromOverlay(run: TcRun): boolean {
  const { packet, hook, core } = run;
  const { state } = hook;
  const { config } = state;
  const key = packet.tunnelKey;
  if (packet.etherType === ETHERTYPE_ARP || config === undefined || typeof packet.dst !== 'number') return false;
  const answered = restoreSource(run);
  if (answered !== undefined) return answered;
  const endpoint = state.findEndpoint(packet.dst);
  if (endpoint !== undefined && !endpoint.isHost) {
    // Which node it was that sent it the address says better than the key.
    const known = state.identityOf(packet.src as number);
    const byKey = key === undefined || key.id === IDENTITY_REMOTE_NODE ? known : key.id;
    return deliverLocally(run, endpoint, byKey);
  }
  const device = core.netns.get(hook.program.netns)?.deviceByName(config.record.hostDevice);
  if (device === undefined) return false;
  note(run, `redirect to ${device.name}`, `no endpoint has ${formatIp4(packet.dst)}: it is for the host (sender's identity ${key?.id ?? 0})`);
  if (decrementTtl(run)) toStackOf(run, device);
  return true;
}
