/** The question whether a new address is free. Linux: net/ipv6/addrconf.c; RFC 4862 section 5.4 */
import type { DeviceState } from '../device/device-state.ts';
import type { Ip, Ip6 } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { EVENT_DUPLICATE_CHECK } from './event-queue.ts';
import { hasAddress } from './ip6-addresses.ts';
import { sendDuplicateProbe } from './nd-send.ts';

/** rtr_solicit_delay: the first probe of a new address waits a random part of it. */
const PROBE_DELAY_NS = 1e9;

/**
 * addrconf_dad_start(): addresses that came to a device which was there before are tentative until nobody has claimed them. A device that comes with
 * its addresses has them at once: whoever made it (a CNI plugin, the boot) has waited for the answer.
 */
export function checkNewAddresses(core: Core, device: DeviceState, before: readonly Ip[]): void {
  for (const ip of [...device.tentative.keys()]) if (!hasAddress(device, ip)) device.tentative.delete(ip);
  const { duplicateProbes } = device.netns.settings6(device);
  if (!device.up || device.record.type === 'loopback') return;
  for (const { ip, noDad } of device.addresses) {
    if (typeof ip !== 'bigint' || before.includes(ip)) continue;
    if (duplicateProbes === 0 || noDad === true) device.tentative.delete(ip);
    else {
      device.tentative.set(ip, duplicateProbes);
      core.queue.push(core.nowNs + core.prng(`${device.id} duplicate address`).below(PROBE_DELAY_NS), EVENT_DUPLICATE_CHECK, device.id, ip, true);
    }
  }
}

/** addrconf_dad_work(): the next probe, or the end: nobody has answered. */
export function duplicateCheckDue(core: Core, device: DeviceState, ip: Ip6): void {
  const left = device.tentative.get(ip);
  if (left === undefined || left < 0 || device.gone || !device.up) return;
  if (left === 0) {
    device.tentative.delete(ip);
    device.netns.routingChanged();
    return;
  }
  device.tentative.set(ip, left - 1);
  sendDuplicateProbe(core, device, ip);
  core.queue.push(core.nowNs + device.netns.settings(device).neighbor6.retransmitNs, EVENT_DUPLICATE_CHECK, device.id, ip, true);
}

/** Left in `tentative` when somebody else has the address: it stays unusable (`dadfailed`). */
export const DUPLICATE = -1;

/** addrconf_dad_failure() */
export function duplicateFound(device: DeviceState, ip: Ip6): void {
  device.tentative.set(ip, DUPLICATE);
  device.netns.routingChanged();
}
