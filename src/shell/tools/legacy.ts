/** route and ifconfig: older tools over the same records. */
import { defineCommand } from '../command.ts';
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
