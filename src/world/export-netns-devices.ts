/** Devices of an exported netns as words of `ip link add` and `tc qdisc add`; pairs and cables are made elsewhere. */
import { qdiscText } from '../net/device/qdisc-text.ts';
import type { Device, OrInherit, Qdisc } from '../net/records.ts';
import { word } from './export-netns-text.ts';

const nameOf = (id: string): string => id.slice(id.lastIndexOf('/') + 1);
const setting = (name: string, value: OrInherit | undefined): string =>
  value === undefined || value === 0 ? '' : ` ${name} ${typeof value === 'number' ? Math.trunc(value) : 'inherit'}`;
const fragment = (value: 'set' | 'inherit' | undefined): string => (value === undefined ? '' : ` df ${value}`);

/** Lines for `ip -batch`. @throws {Error} with a sentence for people when a device cannot be said to a real machine. */
export function addDevice(device: Device): string[] {
  const name = word(device.name);
  const mtu = `mtu ${Math.trunc(device.mtuBytes)}`;
  const base = `link add ${name} address ${word(device.mac)} ${mtu}`;
  switch (device.type) {
    case 'loopback':
    case 'veth':
    case 'ethernet':
      return [];
    case 'bridge':
      // The kernel counts in hundredths of a second. Without snooping, as in the simulation, a bridge joins no group and sends no IGMP.
      return [`${base} type bridge ageing_time ${Math.trunc(device.ageingSeconds * 100)} mcast_snooping 0`];
    case 'vxlan': {
      const local = device.localIp === '' ? '' : ` local ${word(device.localIp)}`;
      const underlay = device.underlay === '' ? '' : ` dev ${word(nameOf(device.underlay))}`;
      const more = `${setting('ttl', device.ttl)}${setting('tos', device.tos)}${fragment(device.dontFragment)}`;
      return [
        `${base} type vxlan id ${Math.trunc(device.vni)}${local}${underlay} dstport ${Math.trunc(device.destinationPort)} ${device.learning ? 'learning' : 'nolearning'}${more}`,
      ];
    }
    case 'geneve': {
      const more = `${setting('ttl', device.ttl)}${setting('tos', device.tos)}${fragment(device.dontFragment)}`;
      return [
        `${base} type geneve ${device.external === true ? 'external' : `id ${Math.trunc(device.vni)} remote ${word(device.remoteIp)}`} dstport ${Math.trunc(device.destinationPort)}${more}`,
      ];
    }
    case 'vlan':
      return [`link add link ${word(nameOf(device.lower))} name ${name} address ${word(device.mac)} ${mtu} type vlan id ${Math.trunc(device.vlanId)}`];
    case 'ipip': {
      const ends = `${device.remoteIp === undefined ? '' : ` remote ${word(device.remoteIp)}`}${device.localIp === undefined ? '' : ` local ${word(device.localIp)}`}`;
      const more = `${setting('ttl', device.ttl === 'inherit' ? undefined : device.ttl)}${setting('tos', device.tos)} ${device.pathMtuDiscovery ? '' : 'no'}pmtudisc`;
      return [`link add ${name} ${mtu} type ipip${ends}${more}`];
    }
    case 'dummy':
      // A bridge without ports takes and gives as little, and every kernel has it.
      return [`${base} type bridge`];
    case 'tun':
      return [`tuntap add dev ${name} mode ${device.mode}`, `link set dev ${name} ${mtu}`];
    case 'wireguard':
      throw new Error(`${device.name} is a WireGuard device: its keys exist in the simulation only, so it cannot be exported; remove it first.`);
  }
}

/** A command for `tc`. */
export function qdiscLine(device: string, qdisc: Qdisc): string {
  if (qdisc.kind === 'netem') return `tc qdisc replace dev ${word(device)} root netem ${qdiscText(qdisc)}`;
  return `tc qdisc replace dev ${word(device)} root tbf rate ${Math.trunc(qdisc.rateBitsPerSecond)}bit burst ${Math.trunc(qdisc.burstBytes)}b limit ${Math.trunc(qdisc.limitBytes)}b`;
}
