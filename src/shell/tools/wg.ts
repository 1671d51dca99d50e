/** wg: keys, peers and sessions of WireGuard devices, as wireguard-tools shows and sets them. Keys are made of names; nothing is computed with them. */
import { hashText } from '../../base/prng.ts';
import { parseIpPrefix } from '../../net/addr/ip.ts';
import type { WireguardDevice, WireguardPeer } from '../../net/records.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { putDevice } from './device-change.ts';
import { devicesOf, findDevice } from './net-view.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** 44 characters that look like a key and depend on the text alone. */
function keyFrom(seed: string): string {
  let text = '';
  for (let i = 0; text.length < 43; i += 1) {
    let value = hashText(`${seed} ${i}`);
    for (let n = 0; n < 5 && text.length < 43; n += 1) {
      text += ALPHABET[value & 63];
      value >>>= 6;
    }
  }
  // Of the last character a key of 32 bytes has four bits only.
  return `${text.slice(0, 42)}${ALPHABET[ALPHABET.indexOf(text[42] ?? 'A') & 60]}=`;
}

/** `wg pubkey`: the simulated counterpart of a private key. */
const publicKeyOf = (privateKey: string): string => keyFrom(`public ${privateKey}`);
const isKey = (text: string): boolean => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);

const wireguardsOf = ({ host, place }: Invocation): WireguardDevice[] =>
  devicesOf(host, place.netns).flatMap((device) => (device.type === 'wireguard' ? [device] : []));

export const wg = defineCommand({
  name: 'wg',
  summary: 'WireGuard keys and peers: wg show, wg set wg0 peer KEY allowed-ips … endpoint …, wg genkey | wg pubkey',
  group: 'network',
  run: (invocation): Outcome => {
    const { argv, host, out, err } = invocation;
    switch (argv[0] ?? 'show') {
      case 'show':
        return show(invocation, argv.slice(1));
      case 'set':
        return set(invocation, argv.slice(1));
      case 'genkey':
      case 'genpsk':
        out(`${keyFrom(`key ${host.prng.uint32()}`)}\n`);
        return 0;
      case 'pubkey':
        return { kind: 'filter', filter: 'wg-pubkey', state: { text: '' } };
      default:
        err(
          `Invalid subcommand: \`${argv[0]}'\nUsage: wg <cmd> [<args>]\n\nAvailable subcommands:\n  show: Shows the current configuration and device information\n  set: Change the current configuration, add peers, remove peers, or change peers\n  genkey: Generates a new private key and writes it to stdout\n  genpsk: Generates a new preshared key and writes it to stdout\n  pubkey: Reads a private key from stdin and writes a public key to stdout\n`,
        );
        return 1;
    }
  },
  complete: (words, current) =>
    (words.length === 1
      ? ['show', 'set', 'genkey', 'pubkey']
      : ['peer', 'allowed-ips', 'endpoint', 'listen-port', 'private-key', 'persistent-keepalive', 'remove']
    ).filter((candidate) => candidate.startsWith(current)),
});

/** Reads a private key, writes the public one. */
export const pubkeyFilter = {
  data: (state: { text: string }, text: string): number | undefined => {
    if (state.text.length < 4096) state.text += text;
    return undefined;
  },
  end: (state: { text: string }, io: { readonly out: (text: string) => void; readonly err: (text: string) => void }): number => {
    const key = state.text.trim();
    if (!isKey(key)) {
      io.err('wg: Key is not the correct length or format\n');
      return 1;
    }
    io.out(`${publicKeyOf(key)}\n`);
    return 0;
  },
};

function show(invocation: Invocation, words: readonly string[]): number {
  const { host, out, err } = invocation;
  const devices = wireguardsOf(invocation);
  const name = words[0];
  if (name === 'interfaces') {
    out(`${devices.map((device) => device.name).join(' ')}\n`);
    return 0;
  }
  const shown = name === undefined || name === 'all' ? devices : devices.filter((device) => device.name === name);
  if (name !== undefined && name !== 'all' && shown.length === 0) {
    err(`Unable to access interface: No such device\n`);
    return 1;
  }
  shown.forEach((device, index) => {
    if (index > 0) out('\n');
    out(`interface: ${device.name}\n`);
    if (device.publicKey !== '') out(`  public key: ${device.publicKey}\n  private key: (hidden)\n`);
    if (device.listenPort !== 0) out(`  listening port: ${device.listenPort}\n`);
    if (device.mark !== undefined && device.mark !== 0) out(`  fwmark: 0x${device.mark.toString(16)}\n`);
    const seen = new Map(host.engine.wireguardPeers(device.id).map((peer) => [peer.publicKey, peer]));
    // The one that shook hands last comes first.
    const peers = [...device.peers].sort((a, b) => (seen.get(b.publicKey)?.latestHandshakeNs ?? -1) - (seen.get(a.publicKey)?.latestHandshakeNs ?? -1));
    for (const peer of peers) {
      const view = seen.get(peer.publicKey);
      out(`\npeer: ${peer.publicKey}\n`);
      if (view?.endpoint !== undefined) out(`  endpoint: ${view.endpoint}\n`);
      out(`  allowed ips: ${peer.allowedIps.length === 0 ? '(none)' : peer.allowedIps.join(', ')}\n`);
      if (view?.latestHandshakeNs !== undefined) out(`  latest handshake: ${agoText((host.nowNs - view.latestHandshakeNs) / 1e9)}\n`);
      if (view !== undefined && view.receivedBytes + view.sentBytes > 0)
        out(`  transfer: ${bytesText(view.receivedBytes)} received, ${bytesText(view.sentBytes)} sent\n`);
      if (peer.keepaliveSeconds !== undefined) out(`  persistent keepalive: every ${peer.keepaliveSeconds} second${peer.keepaliveSeconds === 1 ? '' : 's'}\n`);
    }
  });
  return 0;
}

/** `1 minute, 4 seconds ago`, as wireguard-tools' pretty_time. */
function agoText(seconds: number): string {
  let left = Math.floor(seconds);
  if (left <= 0) return 'Now';
  const parts: string[] = [];
  for (const [unit, size] of [
    ['year', 31557600],
    ['day', 86400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
  ] as const) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`);
  }
  return `${parts.join(', ')} ago`;
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(2)} KiB`;
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(2)} MiB` : `${(bytes / 1024 ** 3).toFixed(2)} GiB`;
}

interface PeerDraft {
  publicKey: string;
  endpoint?: string;
  allowedIps: readonly string[];
  keepaliveSeconds?: number;
}

function set(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err, shell } = invocation;
  const rest = [...words];
  const name = rest.shift();
  const found = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (found?.type !== 'wireguard') {
    err(
      name === undefined
        ? 'Usage: wg set <interface> [listen-port <port>] [private-key <file path>] [peer <base64 public key> [remove] [endpoint <ip>:<port>] [persistent-keepalive <interval seconds>] [allowed-ips <ip1>/<cidr1>[,<ip2>/<cidr2>]...] ]...\n'
        : `Unable to modify interface: No such device\n`,
    );
    return 1;
  }
  let device: WireguardDevice = found;
  const peers = new Map<string, PeerDraft>(found.peers.map((peer) => [peer.publicKey, { ...peer }]));
  let current: PeerDraft | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'remove' && current !== undefined) {
      peers.delete(current.publicKey);
      continue;
    }
    const value = rest.shift() ?? '';
    const bad = (what: string): number => {
      err(`${what}: \`${value}'\n`);
      return 1;
    };
    switch (word) {
      case 'listen-port':
        if (!/^\d{1,5}$/.test(value) || Number(value) > 65535) return bad('Port number is invalid');
        device = { ...device, listenPort: Number(value) };
        break;
      case 'fwmark':
        device = { ...device, mark: value === 'off' ? 0 : Number(value) || 0 };
        break;
      case 'private-key': {
        const text = shell.readFile(place, value.startsWith('/') ? value : `${invocation.cwd === '/' ? '' : invocation.cwd}/${value}`);
        if (text === undefined) {
          err(`fopen: No such file or directory\n`);
          return 1;
        }
        if (!isKey(text.trim())) return bad('Key is not the correct length or format');
        device = { ...device, publicKey: publicKeyOf(text.trim()) };
        break;
      }
      case 'peer':
        if (!isKey(value)) return bad('Key is not the correct length or format');
        current = peers.get(value) ?? { publicKey: value, allowedIps: [] };
        peers.set(value, current);
        break;
      case 'endpoint':
        if (current === undefined || !/^(?:[0-9.]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(value)) return bad('Unable to parse endpoint');
        current.endpoint = value;
        break;
      case 'persistent-keepalive': {
        if (current === undefined || !/^(?:off|\d{1,5})$/.test(value)) return bad('The persistent keepalive interval must be 0/off or 1-65535. Found');
        if (value === 'off' || value === '0') delete current.keepaliveSeconds;
        else current.keepaliveSeconds = Number(value);
        break;
      }
      case 'allowed-ips': {
        const prefixes = value === '' ? [] : value.split(',');
        if (current === undefined || prefixes.some((prefix) => parseIpPrefix(prefix) === undefined)) return bad('AllowedIP is not in the correct format');
        current.allowedIps = prefixes.map((prefix) => (prefix.includes('/') ? prefix : `${prefix}/${prefix.includes(':') ? 128 : 32}`));
        // An allowed IP belongs to one peer: the last that was given it.
        for (const other of peers.values())
          if (other !== current) other.allowedIps = other.allowedIps.filter((ip) => current?.allowedIps.includes(ip) !== true);
        break;
      }
      case 'preshared-key':
        break;
      default:
        err(`Invalid argument: ${word}\n`);
        return 1;
    }
  }
  const list: WireguardPeer[] = [...peers.values()];
  putDevice(host, { ...device, peers: list });
  host.settle();
  return 0;
}
