/** Hardware addresses that derive from names, so that a world is the same on every machine and after every edit. */
import { hashText } from '../../base/prng.ts';

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hex = (word: number, shift: number): string => HEX[(word >>> shift) & 255] as string;

/** A locally administered unicast address for a device, e.g. of `node01/netns/root/device/cni0`. */
export function macFromName(name: string): string {
  const low = hashText(name, 1);
  const high = hashText(name, 2);
  const first = HEX[((high >>> 8) & 0xfc) | 0x02] as string;
  return `${first}:${hex(high, 0)}:${hex(low, 24)}:${hex(low, 16)}:${hex(low, 8)}:${hex(low, 0)}`;
}
