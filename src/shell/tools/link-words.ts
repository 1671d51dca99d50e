/** The words of `ip link` for one device: flags, state, title, lines, counters; as iproute2 prints them. */
import type { Device } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { deviceById, devicesOf, netnsNumber, peerSuffix } from './net-view.ts';

export interface IpOptions {
  readonly brief: boolean;
  readonly details: boolean;
  readonly statistics: boolean;
  readonly oneLine: boolean;
  readonly family: 4 | 6 | undefined;
  /** -j; `pretty` -p. */
  readonly json?: boolean;
  readonly pretty?: boolean;
  /** -t and -ts, of `ip monitor`. */
  readonly stamp?: 'long' | 'short';
}

/** Devices stacked deeper than this have no carrier. */
const MAX_STACK = 8;

/** Whether there is something at the other end: the pair's or cable's end is up, some port of the bridge has carrier, the device below has. */
export function hasCarrier(invocation: Invocation, device: Device, depth = 0): boolean {
  const { host } = invocation;
  if (depth > MAX_STACK) return false;
  switch (device.type) {
    case 'veth':
    case 'ethernet':
      return device.peer !== undefined && deviceById(host, device.peer)?.up === true;
    case 'bridge':
      return devicesOf(host, device.netns).some((other) => other.master === device.id && other.up && hasCarrier(invocation, other, depth + 1));
    case 'vlan': {
      const lower = deviceById(host, device.lower);
      return lower?.up === true && hasCarrier(invocation, lower, depth + 1);
    }
    case 'tun':
      return device.reader !== undefined;
    default:
      return true;
  }
}

/** The device whose index `link` shows, where it is in the same netns: the pair's other end, the device below. */
function lowerOf(invocation: Invocation, device: Device): Device | undefined {
  const id = device.type === 'veth' ? device.peer : device.type === 'vlan' ? device.lower : undefined;
  const lower = id === undefined ? undefined : deviceById(invocation.host, id);
  return lower?.netns === device.netns ? lower : undefined;
}

/** In the order of iproute2's print_link_flags(). */
export function flagList(invocation: Invocation, device: Device): string[] {
  const carrier = device.up && hasCarrier(invocation, device);
  const flags: string[] = [];
  if (device.up && !carrier) flags.push('NO-CARRIER');
  switch (device.type) {
    case 'loopback':
      flags.push('LOOPBACK');
      break;
    case 'wireguard':
      flags.push('POINTOPOINT', 'NOARP');
      break;
    case 'ipip':
      flags.push(...(device.remoteIp === undefined ? [] : ['POINTOPOINT']), 'NOARP');
      break;
    case 'dummy':
      flags.push('BROADCAST', 'NOARP');
      break;
    case 'tun':
      flags.push(...(device.mode === 'tun' ? ['POINTOPOINT', 'MULTICAST', 'NOARP'] : ['BROADCAST', 'MULTICAST']));
      break;
    default:
      flags.push('BROADCAST', 'MULTICAST', ...(device.noArp === true ? ['NOARP'] : []));
  }
  if (device.promiscuous === true) flags.push('PROMISC');
  if (device.up) flags.push('UP');
  if (carrier) flags.push('LOWER_UP');
  if (lowerOf(invocation, device)?.up === false) flags.push('M-DOWN');
  return flags;
}

export const deviceFlags = (invocation: Invocation, device: Device): string => flagList(invocation, device).join(',');

const WITHOUT_STATE: ReadonlySet<Device['type']> = new Set(['loopback', 'vxlan', 'geneve', 'ipip', 'wireguard', 'dummy']);

/** `operstate`: devices without link detection stay UNKNOWN. Linux: net/core/link_watch.c, default_operstate */
export function deviceState(invocation: Invocation, device: Device): string {
  if (!device.up) return 'DOWN';
  if (WITHOUT_STATE.has(device.type)) return 'UNKNOWN';
  if (hasCarrier(invocation, device)) return 'UP';
  const lower = lowerOf(invocation, device);
  return lower !== undefined && !(lower.up && hasCarrier(invocation, lower)) ? 'LOWERLAYERDOWN' : 'DOWN';
}

export function deviceTitle(invocation: Invocation, device: Device): string {
  if (device.type === 'vlan') return `${device.name}@${deviceById(invocation.host, device.lower)?.name ?? 'if0'}`;
  if (device.type === 'ipip')
    return `${device.name}@${device.underlay === undefined ? 'NONE' : (deviceById(invocation.host, device.underlay)?.name ?? 'NONE')}`;
  return device.name + (peerSuffix(invocation.host, device)?.name ?? '');
}

/** What `qdisc` says: the one somebody set, else the kernel's default for the kind. */
export function qdiscName(device: Device): string {
  if (device.qdisc !== undefined) return device.qdisc.kind;
  if (device.neverUp === true) return 'noop';
  return device.type === 'ethernet' || device.type === 'tun' ? 'fq_codel' : 'noqueue';
}

export const queueLength = (device: Device): number => device.txQueueLength ?? (device.type === 'tun' && device.mode === 'tun' ? 500 : 1000);

/** The first line of `ip addr` and `ip link`. */
export function headLine(invocation: Invocation, device: Device, mode: boolean): string {
  const master = device.master === undefined ? '' : ` master ${deviceById(invocation.host, device.master)?.name ?? '?'}`;
  return `${device.index}: ${deviceTitle(invocation, device)}: <${deviceFlags(invocation, device)}> mtu ${device.mtuBytes} qdisc ${qdiscName(device)}${master} state ${deviceState(invocation, device)}${mode ? ' mode DEFAULT' : ''} group default qlen ${queueLength(device)}`;
}

export function etherLine(invocation: Invocation, device: Device): string {
  if (device.type === 'loopback') return `    link/loopback ${device.mac} brd 00:00:00:00:00:00`;
  if (device.type === 'wireguard' || (device.type === 'tun' && device.mode === 'tun')) return '    link/none ';
  if (device.type === 'ipip') {
    const local = device.localIp ?? '0.0.0.0';
    return device.remoteIp === undefined ? `    link/ipip ${local} brd 0.0.0.0` : `    link/ipip ${local} peer ${device.remoteIp}`;
  }
  const peer = peerSuffix(invocation.host, device);
  const across = peer !== undefined && peer.peerNetns !== device.netns;
  const where = across ? ` link-netnsid ${netnsNumber(invocation.host, invocation.place.hostId, device.netns, peer.peerNetns)}` : '';
  return `    link/ether ${device.mac} brd ff:ff:ff:ff:ff:ff${where}`;
}

export function statisticsText(invocation: Invocation, device: Device): string {
  const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = invocation.host.engine.deviceCounters(device.id);
  const row = (bytes: number, packets: number, dropped: number): string =>
    `${String(bytes).padStart(14)} ${String(packets).padStart(7)} ${'0'.padStart(6)} ${String(dropped).padStart(7)} ${'0'.padStart(7)} ${'0'.padStart(7)} `;
  return `    RX:  bytes packets errors dropped  missed   mcast           \n${row(rxBytes, rxPackets, rxDropped)}\n    TX:  bytes packets errors dropped carrier collsns           \n${row(txBytes, txPackets, txDropped)}\n`;
}
