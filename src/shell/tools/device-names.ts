/** Names, numbers and MAC addresses of devices that are made by hand. */
import { hashText } from '../../base/prng.ts';
import { formatMac } from '../../net/addr/mac.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { devicesOf } from './net-view.ts';

/** Linux: net/core/dev.c, dev_valid_name; 15 bytes at most. */
export const isDeviceName = (name: string): boolean => /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..';

/** The netns' next ifindex. */
export const nextIndex = (host: ShellHost, netns: string): number => devicesOf(host, netns).reduce((max, device) => Math.max(max, device.index), 0) + 1;

/** The first free name of a pattern like `veth%d`. */
export function freeName(host: ShellHost, netns: string, prefix: string): string {
  const taken = new Set(devicesOf(host, netns).map((device) => device.name));
  for (let i = 0; i < 10_000; i += 1) if (!taken.has(`${prefix}${i}`)) return `${prefix}${i}`;
  return `${prefix}10000`;
}

/** A locally administered unicast MAC that depends on the device's id alone (the kernel draws one by chance). */
export function macOf(id: string): string {
  const first = ((hashText(id) >>> 16) & 0xfc) | 0x02;
  return formatMac(first * 2 ** 40 + (hashText(`${id} `) % 256) * 2 ** 32 + hashText(`mac ${id}`));
}

export const isMac = (text: string): boolean => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text);
