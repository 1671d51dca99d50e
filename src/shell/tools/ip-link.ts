/** ip link: devices as iproute2 lists them, and the settings people change. */
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { Device } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { deviceById, devicesOf, findDevice, netnsNumber, peerSuffix } from './net-view.ts';

export interface IpOptions {
  readonly brief: boolean;
  readonly details: boolean;
  readonly statistics: boolean;
  readonly oneLine: boolean;
  readonly family: 4 | 6 | undefined;
}

/** Whether something carries the wire's other end. */
function hasCarrier(invocation: Invocation, device: Device): boolean {
  const { host } = invocation;
  if (device.type === 'veth' || device.type === 'ethernet') {
    const peer = device.peer === undefined ? undefined : deviceById(host, device.peer);
    return peer?.up === true;
  }
  if (device.type === 'bridge') {
    for (const other of devicesOf(host, device.netns)) if (other.master === device.id && other.up && hasCarrier(invocation, other)) return true;
    return false;
  }
  return true;
}

export function deviceFlags(invocation: Invocation, device: Device): string {
  const carrier = device.up && hasCarrier(invocation, device);
  const flags: string[] = [];
  if (device.up && !carrier) flags.push('NO-CARRIER');
  if (device.type === 'loopback') flags.push('LOOPBACK');
  else flags.push('BROADCAST', 'MULTICAST');
  if (device.up) flags.push('UP');
  if (carrier) flags.push('LOWER_UP');
  return flags.join(',');
}

/** `operstate`: devices without link detection stay UNKNOWN. */
export function deviceState(invocation: Invocation, device: Device): string {
  if (!device.up) return 'DOWN';
  if (device.type === 'loopback' || device.type === 'vxlan') return 'UNKNOWN';
  return hasCarrier(invocation, device) ? 'UP' : 'DOWN';
}

export function deviceTitle(invocation: Invocation, device: Device): string {
  return device.name + (peerSuffix(invocation.host, device)?.name ?? '');
}

/** The first line of `ip addr` and `ip link`. */
export function headLine(invocation: Invocation, device: Device, mode: boolean): string {
  const master = device.master === undefined ? '' : ` master ${deviceById(invocation.host, device.master)?.name ?? '?'}`;
  const queue = device.up && device.type === 'ethernet' ? 'fq_codel' : 'noqueue';
  return `${device.index}: ${deviceTitle(invocation, device)}: <${deviceFlags(invocation, device)}> mtu ${device.mtuBytes} qdisc ${queue}${master} state ${deviceState(invocation, device)}${mode ? ' mode DEFAULT' : ''} group default qlen 1000`;
}

export function etherLine(invocation: Invocation, device: Device): string {
  if (device.type === 'loopback') return `    link/loopback ${device.mac} brd 00:00:00:00:00:00`;
  const peer = peerSuffix(invocation.host, device);
  const across = peer !== undefined && peer.peerNetns !== device.netns;
  const where = across ? ` link-netnsid ${netnsNumber(invocation.host, invocation.place.hostId, device.netns, peer.peerNetns)}` : '';
  return `    link/ether ${device.mac} brd ff:ff:ff:ff:ff:ff${where}`;
}

/** What `-d` adds behind the link line. */
export function detailText(invocation: Invocation, device: Device): string {
  const common = (minimum: number, maximum: number): string => ` promiscuity 0  allmulti 0 minmtu ${minimum} maxmtu ${maximum} `;
  const queues =
    'addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 ';
  const bridgePort =
    device.master === undefined
      ? ''
      : `\n    bridge_slave state forwarding priority 32 cost 2 hairpin ${onOff(device.bridgePort?.hairpin)} guard off root_block off fastleave off learning ${onOff(device.bridgePort?.learning ?? true)} flood on isolated ${onOff(device.bridgePort?.isolated)} `;
  switch (device.type) {
    case 'loopback':
      return `${common(0, 0)}${queues}`;
    case 'veth':
      return `${common(68, 65535)}\n    veth${bridgePort === '' ? ' ' : bridgePort}${queues}`;
    case 'bridge':
      return `${common(68, 65535)}\n    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time ${device.ageingSeconds * 100} stp_state 0 priority 32768 vlan_filtering 0 ${queues}`;
    case 'vxlan': {
      const underlay = deviceById(invocation.host, device.underlay)?.name ?? '?';
      return `${common(68, 65535)}\n    vxlan id ${device.vni} local ${device.localIp} dev ${underlay} srcport 0 0 dstport ${device.destinationPort} ${device.learning ? '' : 'nolearning '}ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx ${queues}`;
    }
    default:
      return `${common(68, 65535)}${bridgePort}${queues}`;
  }
}

const onOff = (value: boolean | undefined): string => (value === true ? 'on' : 'off');

export function statisticsText(invocation: Invocation, device: Device): string {
  const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = invocation.host.engine.deviceCounters(device.id);
  const row = (bytes: number, packets: number, dropped: number): string =>
    `${String(bytes).padStart(14)} ${String(packets).padStart(7)} ${'0'.padStart(6)} ${String(dropped).padStart(7)} ${'0'.padStart(7)} ${'0'.padStart(7)} `;
  return `    RX:  bytes packets errors dropped  missed   mcast           \n${row(rxBytes, rxPackets, rxDropped)}\n    TX:  bytes packets errors dropped carrier collsns           \n${row(txBytes, txPackets, txDropped)}\n`;
}

/** The devices an `ip … show` command names: all, `dev X` or just `X`, `up`, `type T`, `master M`. Undefined after an error was printed. */
export function selectDevices(invocation: Invocation, words: readonly string[]): readonly Device[] | undefined {
  let devices: readonly Device[] = devicesOf(invocation.host, invocation.place.netns);
  const rest = [...words];
  if (rest[0] !== undefined && ['show', 'list', 'lst', 's', 'ls', 'sh'].includes(rest[0])) rest.shift();
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'up') devices = devices.filter((device) => device.up);
    else if (word === 'type') {
      const type = rest.shift();
      devices = devices.filter((device) => device.type === type);
    } else if (word === 'master') {
      const master = findDevice(invocation.host, invocation.place.netns, rest.shift() ?? '');
      devices = devices.filter((device) => master !== undefined && device.master === master.id);
    } else {
      const name = word === 'dev' ? (rest.shift() ?? '') : word;
      const device = findDevice(invocation.host, invocation.place.netns, name.split('@')[0] ?? '');
      if (device === undefined) {
        invocation.err(`Device "${name}" does not exist.\n`);
        return undefined;
      }
      devices = [device];
    }
  }
  return devices;
}

export function ipLink(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const action = words[0] ?? 'show';
  if (action === 'set') return setLink(invocation, words.slice(1));
  if (action === 'add' || action === 'delete' || action === 'del') {
    invocation.err(`ip link ${action}: devices come from nodes and pods here; making or removing one by hand is not modelled yet\n`);
    return 2;
  }
  const devices = selectDevices(invocation, words);
  if (devices === undefined) return 1;
  for (const device of devices) {
    if (options.brief) {
      invocation.out(
        `${deviceTitle(invocation, device).padEnd(16)} ${deviceState(invocation, device).padEnd(14)} ${device.mac} <${deviceFlags(invocation, device)}> \n`,
      );
      continue;
    }
    const lines = `${headLine(invocation, device, true)}${options.oneLine ? '\\' : '\n'}${etherLine(invocation, device)}${options.details ? detailText(invocation, device) : ''}\n`;
    invocation.out(lines + (options.statistics ? statisticsText(invocation, device) : ''));
  }
  return 0;
}

function setLink(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = [...words];
  if (rest[0] === 'dev') rest.shift();
  const name = rest.shift();
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (device === undefined) {
    err(name === undefined ? 'Not enough information: "dev" argument is required.\n' : `Cannot find device "${name}"\n`);
    return name === undefined ? 255 : 1;
  }
  let next: Device = device;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'up') next = { ...next, up: true };
    else if (word === 'down') next = { ...next, up: false };
    else if (word === 'mtu') {
      const mtu = rest.shift() ?? '';
      if (!/^\d+$/.test(mtu)) {
        err(`Error: argument "${mtu}" is wrong: Invalid "mtu" value\n\n`);
        return 255;
      }
      if (Number(mtu) < 68 || Number(mtu) > 65536) {
        err(`Error: mtu ${Number(mtu) < 68 ? 'less than device minimum' : 'greater than device maximum'}.\n`);
        return 2;
      }
      next = { ...next, mtuBytes: Number(mtu) };
    } else if (word === 'address') {
      const mac = (rest.shift() ?? '').toLowerCase();
      if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac)) {
        err(`"${mac}" is invalid lladdr.\n`);
        return 255;
      }
      next = { ...next, mac };
    } else if (word === 'nomaster') {
      const { master: _master, bridgePort: _port, ...bare } = next;
      next = bare as Device;
    } else if (word === 'master') {
      const bridge = findDevice(host, place.netns, rest.shift() ?? '');
      if (bridge?.type !== 'bridge') {
        err(bridge === undefined ? 'Error: argument "master" is wrong: Device does not exist\n\n' : 'RTNETLINK answers: Operation not supported\n');
        return bridge === undefined ? 255 : 2;
      }
      next = { ...next, master: bridge.id, bridgePort: { hairpin: false, isolated: false, learning: true } };
    } else if (word === 'type' || word === 'bridge_slave') {
    } else if (word === 'hairpin' || word === 'learning' || word === 'isolated') {
      const value = rest.shift() === 'on';
      if (next.bridgePort !== undefined) next = { ...next, bridgePort: { ...next.bridgePort, [word]: value } };
    } else {
      err(`Error: either "dev" is duplicate, or "${word}" is a garbage.\n`);
      return 255;
    }
  }
  host.engine.records.put({ ...next, origin: { component: 'user', objects: next.origin.objects } });
  if (!next.up && device.up) {
    // The kernel forgets the main table's routes through a device that goes down. Linux: net/ipv4/fib_frontend.c, fib_disable_ip
    const routes = [...host.engine.records.values()].filter(
      (record) => record.kind === 'route' && record.netns === place.netns && record.device === device.name,
    );
    for (const route of routes) host.engine.records.remove(route.id);
  } else if (next.up && !device.up) restoreConnected(invocation, next);
  host.settle();
  return 0;
}

/** Coming up, the kernel writes the connected routes of the addresses again; those somebody added stay lost. */
function restoreConnected({ host }: Invocation, device: Device): void {
  for (const route of connectedRoutes(device)) host.engine.records.put(route);
}
