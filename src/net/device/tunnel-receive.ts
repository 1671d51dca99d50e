/** Which tunnel device of a netns takes a packet that is for this host: by UDP port, or by IP protocol. */
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { Skb } from '../stack/skb.ts';
import { IP_PROTO_IPIP } from '../wire/packet.ts';
import { geneveReceive } from './geneve.ts';
import { ipipReceive } from './ipip.ts';
import { vxlanReceive } from './vxlan.ts';
import { wireguardReceive } from './wireguard.ts';

/** False when no tunnel wants it. */
export function tunnelReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  if (netns.tunnelDevices.length === 0) return false;
  if (outer.protocol === IP_PROTO_IPIP) return ipipReceive(core, netns, outer);
  return vxlanReceive(core, netns, outer) || geneveReceive(core, netns, outer) || wireguardReceive(core, netns, outer);
}
