/** IPv6 settings of one device in one netns: `net.ipv6.conf.<device>.*` with what `all` adds to them. Linux: net/ipv6/addrconf.c */
import { deviceValue, sysctl } from './sysctl.ts';

export interface DeviceSettings6 {
  /** No IPv6 at all on this device: no addresses, and packets are dropped. */
  readonly disabled: boolean;
  readonly forwarding: boolean;
  /** A link-local address is made of the MAC (addr_gen_mode 0). */
  readonly generatesLinkLocal: boolean;
  /** Solicitations that ask whether a new address is free; 0: none. */
  readonly duplicateProbes: number;
  readonly proxyNdp: boolean;
  /** Of packets made here. */
  readonly hopLimit: number;
}

type Values = Readonly<Record<string, number>>;
const FAMILY = 'net.ipv6.conf';

export function deviceSettings6(values: Values, device: string): DeviceSettings6 {
  const own = (leaf: string): number => deviceValue(values, FAMILY, device, leaf);
  const all = (leaf: string): number => sysctl(values, `${FAMILY}.all.${leaf}`);
  return {
    disabled: all('disable_ipv6') !== 0 || own('disable_ipv6') !== 0,
    forwarding: forwards6(values, device),
    generatesLinkLocal: own('addr_gen_mode') === 0,
    duplicateProbes: own('accept_dad') === 0 && all('accept_dad') === 0 ? 0 : own('dad_transmits'),
    proxyNdp: all('proxy_ndp') !== 0 || own('proxy_ndp') !== 0,
    hopLimit: own('hop_limit'),
  };
}

/** Writing `all` sets every device; what is written for one afterwards is its own. Whether packets are forwarded at all is `all`'s matter. */
function forwards6(values: Values, device: string): boolean {
  const name = `${FAMILY}.${device}.forwarding`;
  return (Object.hasOwn(values, name) ? (values[name] as number) : sysctl(values, `${FAMILY}.all.forwarding`)) !== 0;
}
