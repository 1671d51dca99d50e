/** route, ifconfig, ps, nsenter, crictl: older or smaller tools over the same records. */
import { parseRfc3339 } from '../../base/time.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { at, list, text } from '../json.ts';
import { podPlace } from '../machine/places.ts';
import { formatTable } from '../table.ts';
import { inNetns } from './ip.ts';
import { deviceFlags } from './ip-link.ts';
import { devicesOf, routesOf } from './net-view.ts';

function maskText(prefixLength: number): string {
  const value = prefixLength === 0 ? 0 : 2 ** 32 - 2 ** (32 - prefixLength);
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export const route = defineCommand({
  name: 'route',
  summary: 'the routing table (-n)',
  group: 'network',
  run: ({ host, place, out }) => {
    out('Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n');
    for (const entry of routesOf(host, place.netns, 254)) {
      const [destination = '', length = '32'] = entry.destination.split('/');
      const flags = entry.type === 'unicast' ? `U${entry.gateway === undefined ? '' : 'G'}${length === '32' ? 'H' : ''}` : '!';
      out(
        `${destination.padEnd(15)} ${(entry.gateway ?? '0.0.0.0').padEnd(15)} ${maskText(Number(length)).padEnd(15)} ${flags.padEnd(5)} ${String(entry.metric).padEnd(6)} 0        0 ${entry.device ?? '*'}\n`,
      );
    }
    return 0;
  },
});

export const ifconfig = defineCommand({
  name: 'ifconfig',
  summary: 'devices and addresses',
  group: 'network',
  run: (invocation) => {
    const { argv, host, place, out, err } = invocation;
    const wanted = argv.find((word) => !word.startsWith('-'));
    const devices = devicesOf(host, place.netns).filter((device) => (wanted === undefined ? device.up || argv.includes('-a') : device.name === wanted));
    if (wanted !== undefined && devices.length === 0) {
      err(`${wanted}: error fetching interface information: Device not found\n`);
      return 1;
    }
    for (const device of devices) {
      const flags = deviceFlags(invocation, device)
        .replace(',LOWER_UP', device.type === 'loopback' ? ',RUNNING' : ',RUNNING')
        .replace('NO-CARRIER,', '');
      const bits =
        (device.up ? 1 : 0) |
        (flags.includes('BROADCAST') ? 2 : 0) |
        (flags.includes('LOOPBACK') ? 8 : 0) |
        (flags.includes('RUNNING') ? 64 : 0) |
        (flags.includes('MULTICAST') ? 4096 : 0);
      const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = host.engine.deviceCounters(device.id);
      out(`${device.name}: flags=${bits}<${flags}>  mtu ${device.mtuBytes}\n`);
      for (const address of device.addresses.slice(0, 1)) {
        out(
          `        inet ${address.ip}  netmask ${maskText(address.prefixLength)}${device.type === 'loopback' ? '' : `  broadcast ${address.broadcast ?? '0.0.0.0'}`}\n`,
        );
      }
      out(device.type === 'loopback' ? '        loop  txqueuelen 1000  (Local Loopback)\n' : `        ether ${device.mac}  txqueuelen 1000  (Ethernet)\n`);
      out(
        `        RX packets ${rxPackets}  bytes ${rxBytes} (${rxBytes}.0 B)\n        RX errors 0  dropped ${rxDropped}  overruns 0  frame 0\n        TX packets ${txPackets}  bytes ${txBytes} (${txBytes}.0 B)\n        TX errors 0  dropped ${txDropped} overruns 0  carrier 0  collisions 0\n\n`,
      );
    }
    return 0;
  },
});

export const ps = defineCommand({
  name: 'ps',
  summary: 'programs of this netns',
  group: 'shell',
  run: ({ host, place, out }) => {
    const names: string[] = [];
    for (const record of host.engine.records.values())
      if (record.kind === 'process' && record.netns === place.netns && record.app !== 'sleep') names.push(record.name);
    out('    PID TTY          TIME CMD\n');
    for (const [index, name] of [...names, 'sh', 'ps'].entries()) out(`${String(index + 1).padStart(7)} ?        00:00:00 ${name}\n`);
    return 0;
  },
});

/** `nsenter --net=/var/run/netns/cni-… CMD`, or `-t PID -n`: pids of containers are those `crictl inspect` prints. */
export const nsenter = defineCommand({
  name: 'nsenter',
  summary: 'a program in a pod’s netns: nsenter --net=/var/run/netns/cni-… ip addr',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    let netns: string | undefined;
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (option === '--') break;
      const path = /^(?:--net=|-n=?)(\/.+)$/.exec(option)?.[1];
      if (path !== undefined) netns = path.slice(path.lastIndexOf('/') + 1);
      else if (option === '-t' || option === '--target') words.shift();
    }
    if (netns === undefined) {
      invocation.err('nsenter: --net=/var/run/netns/NAME is the only form simulated here (`ip netns list` has the names)\n');
      return 1;
    }
    return inNetns(invocation, netns, words.length === 0 ? ['bash'] : words);
  },
});

export const crictl = defineCommand({
  name: 'crictl',
  summary: 'containers of this node: crictl pods, crictl ps',
  group: 'kubernetes',
  run: (invocation) => {
    const { argv, host, place, out, err } = invocation;
    const action = argv[0] ?? '';
    const pods = host.api.view
      .list('Pod')
      .filter(
        (pod) =>
          text(at(pod, 'spec', 'nodeName')) === place.hostId && podPlace(host, pod, text(at(list(at(pod, 'spec', 'containers'))[0], 'name'))) !== undefined,
      );
    if (action === 'pods') {
      out(
        formatTable(
          [
            ['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'],
            ...pods.map((pod) => [
              shortId(pod.metadata.uid ?? ''),
              age(invocation, pod.metadata.creationTimestamp),
              'Ready',
              pod.metadata.name,
              pod.metadata.namespace ?? '',
              '0',
              '(default)',
            ]),
          ],
          0,
          3,
        ),
      );
      return 0;
    }
    if (action === 'ps') {
      const rows = pods.flatMap((pod) =>
        list(at(pod, 'spec', 'containers')).map((container) => [
          shortId(`${pod.metadata.uid ?? ''}${text(at(container, 'name'))}`),
          text(at(container, 'image')),
          age(invocation, pod.metadata.creationTimestamp),
          'Running',
          text(at(container, 'name')),
          '0',
          shortId(pod.metadata.uid ?? ''),
          pod.metadata.name,
        ]),
      );
      out(formatTable([['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD'], ...rows], 0, 3));
      return 0;
    }
    err(`crictl ${action}: only pods and ps are simulated\n`);
    return 1;
  },
});

function shortId(seed: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const c of seed) {
    a = Math.imul(a ^ c.charCodeAt(0), 0x01000193) >>> 0;
    b = Math.imul(b ^ c.charCodeAt(0), 0x85ebca6b) >>> 0;
  }
  return (a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0')).slice(0, 13);
}

function age({ host }: Invocation, timestamp: string | undefined): string {
  const then = timestamp === undefined ? undefined : parseRfc3339(timestamp);
  if (then === undefined) return 'unknown';
  const seconds = Math.max(0, Math.floor((host.epochMs + host.nowNs / 1e6 - then) / 1000));
  const [value, unit] = seconds < 60 ? [seconds, 'second'] : seconds < 3600 ? [Math.floor(seconds / 60), 'minute'] : [Math.floor(seconds / 3600), 'hour'];
  return seconds < 1 ? 'Less than a second ago' : `${value} ${unit}${value === 1 ? '' : 's'} ago`;
}
