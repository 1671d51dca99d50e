/** Hardware addresses that derive from names, so that a world is the same on every machine and after every edit. */
import { hashText } from '../../base/prng.ts';
import { formatMac } from '../../net/addr/mac.ts';

/** A locally administered unicast address for a device, e.g. of `node01/netns/root/device/cni0`. */
export function macFromName(name: string): string {
  const low = hashText(name, 1);
  const high = hashText(name, 2);
  const first = ((high >>> 8) & 0xfc) | 0x02;
  return formatMac(first * 0x10000000000 + (high & 0xff) * 0x100000000 + low);
}
