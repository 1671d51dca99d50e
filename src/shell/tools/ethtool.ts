/** ethtool: what a device's driver says of itself. Nothing here segments or merges packets, so the offloads that would are off and fixed. */
import type { Device } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { putDevice } from './device-change.ts';
import { hasCarrier } from './link-words.ts';
import { deviceById, findDevice } from './net-view.ts';

/** Features in ethtool's order: name, indent, value, fixed. */
type Feature = readonly [name: string, value: boolean, fixed: boolean, indent?: boolean];

const FEATURES: readonly Feature[] = [
  ['rx-checksumming', true, true],
  ['tx-checksumming', true, true],
  ['tx-checksum-ipv4', false, true, true],
  ['tx-checksum-ip-generic', true, true, true],
  ['tx-checksum-ipv6', false, true, true],
  ['tx-checksum-fcoe-crc', false, true, true],
  ['tx-checksum-sctp', false, true, true],
  ['scatter-gather', false, true],
  ['tx-scatter-gather', false, true, true],
  ['tx-scatter-gather-fraglist', false, true, true],
  ['tcp-segmentation-offload', false, true],
  ['tx-tcp-segmentation', false, true, true],
  ['tx-tcp-ecn-segmentation', false, true, true],
  ['tx-tcp-mangleid-segmentation', false, true, true],
  ['tx-tcp6-segmentation', false, true, true],
  ['generic-segmentation-offload', false, true],
  ['generic-receive-offload', false, true],
  ['large-receive-offload', false, true],
  ['rx-vlan-offload', true, true],
  ['tx-vlan-offload', true, true],
  ['ntuple-filters', false, true],
  ['receive-hashing', false, true],
  ['highdma', true, true],
  ['rx-vlan-filter', false, true],
  ['vlan-challenged', false, true],
  ['tx-udp_tnl-segmentation', false, true],
  ['tx-udp_tnl-csum-segmentation', false, true],
  ['loopback', false, true],
];

const DRIVERS: Readonly<Partial<Record<Device['type'], readonly [driver: string, version: string, statistics: boolean, bus: string]>>> = {
  veth: ['veth', '1.0', true, ''],
  bridge: ['bridge', '2.3', false, 'N/A'],
  vxlan: ['vxlan', '0.1', false, ''],
  geneve: ['geneve', '0.6', false, ''],
  vlan: ['802.1Q VLAN Support', '1.8', false, ''],
  tun: ['tun', '1.6', false, 'tun'],
  dummy: ['dummy', '1.0', false, ''],
  wireguard: ['wireguard', '1.0.0', false, ''],
  ethernet: ['virtio_net', '1.0.0', false, '0000:00:01.0'],
};

const noDevice = ({ err }: Invocation): void => err('netlink error: no device matches name (offset 24)\nnetlink error: No such device\n');

export const ethtool = defineCommand({
  name: 'ethtool',
  summary: 'driver, link and offloads of a device: ethtool -i, -k, -S',
  group: 'network',
  run: (invocation) => {
    const { argv, host, place, out, err } = invocation;
    const option = argv[0]?.startsWith('-') === true ? argv[0] : '';
    const name = option === '' ? argv[0] : argv[1];
    if (name === undefined) {
      err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n');
      return 1;
    }
    const device = findDevice(host, place.netns, name);
    if (device === undefined) {
      noDevice(invocation);
      if (option === '') out('No data available\n');
      return option === '' ? 75 : 1;
    }
    switch (option) {
      case '':
        out(settingsText(invocation, device));
        return 0;
      case '-i':
      case '--driver':
        return driver(invocation, device);
      case '-k':
      case '--show-features':
      case '--show-offload':
        out(featuresText(device));
        return 0;
      case '-K':
      case '--features':
      case '--offload':
        return setFeature(invocation, device, argv.slice(2));
      case '-S':
      case '--statistics':
        return statistics(invocation, device);
      default:
        err(`ethtool: ${option} is not simulated; -i, -k, -K and -S are\n`);
        return 1;
    }
  },
  complete: (words, current) => (words.length === 1 ? ['-i', '-k', '-K', '-S'] : []).filter((candidate) => candidate.startsWith(current)),
});

function driver({ out, err }: Invocation, device: Device): number {
  const known = DRIVERS[device.type];
  if (known === undefined) {
    err('Cannot get driver information: Operation not supported\n');
    return 71;
  }
  const [name, version, hasStatistics, bus] = known;
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  out(
    `driver: ${name}\nversion: ${version}\nfirmware-version: ${bus === 'N/A' ? 'N/A' : ''}\nexpansion-rom-version: \nbus-info: ${bus}\nsupports-statistics: ${yes(hasStatistics)}\nsupports-test: no\nsupports-eeprom-access: no\nsupports-register-dump: no\nsupports-priv-flags: no\n`,
  );
  return 0;
}

const TX_CHECKSUM: ReadonlySet<string> = new Set(['tx-checksumming', 'tx-checksum-ip-generic']);

function featuresText(device: Device): string {
  let text = `Features for ${device.name}:\n`;
  for (const [name, usual, isFixed, indent] of FEATURES) {
    const checksum = TX_CHECKSUM.has(name);
    const value = checksum ? device.txChecksumOffload !== false : usual;
    const fixed = isFixed && !checksum;
    text += `${indent === true ? '\t' : ''}${name}: ${value ? 'on' : 'off'}${fixed ? ' [fixed]' : ''}\n`;
  }
  return text;
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  rx: 'rx-checksumming',
  tx: 'tx-checksumming',
  sg: 'scatter-gather',
  tso: 'tcp-segmentation-offload',
  gso: 'generic-segmentation-offload',
  gro: 'generic-receive-offload',
  lro: 'large-receive-offload',
  rxvlan: 'rx-vlan-offload',
  txvlan: 'tx-vlan-offload',
  ntuple: 'ntuple-filters',
  rxhash: 'receive-hashing',
};

/** Transmit checksums may be turned off; of the others, asking for what is so anyway succeeds. */
function setFeature({ host, out, err }: Invocation, device: Device, words: readonly string[]): number {
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i] ?? '';
    const wanted = words[i + 1];
    const name = Object.hasOwn(SHORT_NAMES, word) ? SHORT_NAMES[word] : word;
    const feature = FEATURES.find(([one]) => one === name);
    if (feature === undefined) {
      err('netlink error: bit name not found (offset 52)\nnetlink error: Operation not supported\n');
      return 92;
    }
    if (wanted !== 'on' && wanted !== 'off') {
      err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n');
      return 1;
    }
    if (TX_CHECKSUM.has(feature[0])) {
      const { txChecksumOffload: before, ...bare } = device;
      if ((before !== false) === (wanted === 'on')) continue;
      putDevice(host, wanted === 'on' ? (bare as Device) : { ...device, txChecksumOffload: false });
      host.settle();
      out(`Actual changes:\ntx-checksum-ip-generic: ${wanted}\n`);
      continue;
    }
    if ((wanted === 'on') !== feature[1]) {
      err(`Could not change any device features\n`);
      return 1;
    }
  }
  return 0;
}

function statistics({ host, out, err }: Invocation, device: Device): number {
  if (device.type !== 'veth') {
    err('no stats available\n');
    return 94;
  }
  const [, , , , rxDropped] = host.engine.deviceCounters(device.id);
  const peer = deviceById(host, device.peer);
  out(
    `NIC statistics:\n     peer_ifindex: ${peer?.index ?? 0}\n     rx_queue_0_xdp_packets: 0\n     rx_queue_0_xdp_bytes: 0\n     rx_queue_0_drops: ${rxDropped}\n`,
  );
  out(
    '     rx_queue_0_xdp_redirect: 0\n     rx_queue_0_xdp_drops: 0\n     rx_queue_0_xdp_tx: 0\n     rx_queue_0_xdp_tx_errors: 0\n     tx_queue_0_xdp_xmit: 0\n     tx_queue_0_xdp_xmit_errors: 0\n',
  );
  return 0;
}

function settingsText(invocation: Invocation, device: Device): string {
  const detected = `\tLink detected: ${device.up && hasCarrier(invocation, device) ? 'yes' : 'no'}\n`;
  if (device.type !== 'veth' && device.type !== 'ethernet' && device.type !== 'bridge') return `Settings for ${device.name}:\n${detected}`;
  const link = device.type === 'ethernet' ? device.link?.bandwidthBitsPerSecond : undefined;
  const speed = link === undefined ? '10000Mb/s' : `${Math.max(1, Math.round(link / 1e6))}Mb/s`;
  return `Settings for ${device.name}:
\tSupported ports: [  ]
\tSupported link modes:   Not reported
\tSupported pause frame use: No
\tSupports auto-negotiation: No
\tSupported FEC modes: Not reported
\tAdvertised link modes:  Not reported
\tAdvertised pause frame use: No
\tAdvertised auto-negotiation: No
\tAdvertised FEC modes: Not reported
\tSpeed: ${speed}
\tDuplex: Full
\tAuto-negotiation: off
\tPort: Twisted Pair
\tPHYAD: 0
\tTransceiver: internal
\tMDI-X: Unknown
${detected}`;
}
