/** ip addr: addresses of devices; add, del and flush with the connected routes they bring. */
import { formatIp, formatPrefix, inPrefix, ipOf, networkOf, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import { maskOf } from '../../net/addr/ip4.ts';
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { AddressView } from '../../net/engine.ts';
import type { Device, DeviceAddress } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { putDevice } from './device-change.ts';
import { detailText, deviceState, deviceTitle, etherLine, headLine, type IpOptions, selectDevices, statisticsText } from './ip-link.ts';
import { linkJson, printJson } from './link-json.ts';
import { kernelSays, type Refusal, refuse } from './link-refusal.ts';
import { findDevice } from './net-view.ts';

export function addressText(address: { readonly ip: string; readonly prefixLength: number }): string {
  return `${address.ip}/${address.prefixLength}`;
}

const isSix = (address: { readonly ip: string }): boolean => address.ip.includes(':');

/** `inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0`, `inet6 fe80::1/64 scope link tentative `. */
export function addressLine(device: Device, address: AddressView): string {
  const text = addressText(address);
  if (isSix(address)) {
    const flags = `${address.noDad ? 'nodad ' : ''}${address.deprecated ? 'deprecated ' : ''}${address.duplicate ? 'dadfailed ' : ''}${address.tentative ? 'tentative ' : ''}`;
    return `inet6 ${text} scope ${address.scope} ${flags}`;
  }
  const broadcast = address.broadcast === undefined ? '' : ` brd ${address.broadcast}`;
  return `inet ${text}${broadcast} scope ${address.scope} ${address.secondary ? 'secondary ' : ''}${address.label ?? device.name}`;
}

export const lifetimes = (address: AddressView): string => `       valid_lft forever preferred_lft ${address.deprecated ? '0sec' : 'forever'}`;

/** `scope S`, `to PREFIX`, `label L`: which addresses are shown; the other words choose devices. */
interface Chosen {
  readonly scope?: string;
  readonly to?: string;
  readonly label?: string;
  readonly words: readonly string[];
}

function choose(words: readonly string[]): Chosen {
  const rest: string[] = [];
  const chosen: { scope?: string; to?: string; label?: string } = {};
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    const value = words[i + 1] ?? '';
    if (word === 'scope' || word === 'to' || word === 'label') {
      chosen[word] = value;
      i += 1;
    } else if (!['primary', 'secondary', 'permanent', 'dynamic', 'tentative', 'deprecated', 'dadfailed'].includes(word)) rest.push(word);
  }
  return { ...chosen, words: rest };
}

const ACTIONS: Readonly<Record<string, 'show' | 'add' | 'replace' | 'del' | 'flush'>> = {
  show: 'show',
  list: 'show',
  lst: 'show',
  ls: 'show',
  s: 'show',
  sh: 'show',
  add: 'add',
  a: 'add',
  replace: 'replace',
  change: 'replace',
  chg: 'replace',
  del: 'del',
  delete: 'del',
  flush: 'flush',
};

export function ipAddress(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const [first] = words;
  const action = first === undefined ? 'show' : Object.hasOwn(ACTIONS, first) ? ACTIONS[first] : undefined;
  if (action === undefined) {
    // A device's name without `show` is no command of `ip addr`.
    invocation.err(`Command "${first}" is unknown, try "ip address help".\n`);
    return 255;
  }
  if (action === 'show') return show(invocation, options, words.slice(first === undefined ? 0 : 1));
  const refusal = action === 'flush' ? flush(invocation, options, words.slice(1)) : change(invocation, options, action, words.slice(1));
  if (refusal === undefined) return 0;
  invocation.err(`${refusal.text}\n`);
  return refusal.status;
}

function show(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const chosen = choose(words);
  if (words.at(-1) === 'dev') {
    invocation.err('Command line is not complete. Try option "help"\n');
    return 255;
  }
  const devices = selectDevices(invocation, chosen.words);
  if (devices === undefined) return 1;
  const filtered = options.family !== undefined || chosen.scope !== undefined || chosen.to !== undefined || chosen.label !== undefined;
  const shown = devices
    .map((device) => ({ device, addresses: addressesOf(invocation, options, chosen, device) }))
    .filter(({ addresses }) => !filtered || addresses.length > 0);
  if (options.json === true) {
    invocation.out(
      printJson(
        shown.map(({ device, addresses }) => ({
          ...linkJson(invocation, device, options, false),
          addr_info: addresses.map((one) => addressJson(device, one)),
        })),
        options.pretty === true,
      ),
    );
    return 0;
  }
  for (const { device, addresses } of shown) showDevice(invocation, options, chosen, device, addresses);
  return 0;
}

function addressesOf(invocation: Invocation, options: IpOptions, chosen: Chosen, device: Device): AddressView[] {
  const prefix = chosen.to === undefined ? undefined : parseIpPrefix(chosen.to);
  return invocation.host.engine.addresses(device.id).filter((address) => {
    if (options.family !== undefined && isSix(address) !== (options.family === 6)) return false;
    if (chosen.scope !== undefined && address.scope !== chosen.scope) return false;
    if (chosen.label !== undefined && (address.label ?? device.name) !== chosen.label) return false;
    return prefix === undefined || inPrefix(prefix.network, prefix.prefixLength, ipOf(address.ip));
  });
}

function showDevice(invocation: Invocation, options: IpOptions, chosen: Chosen, device: Device, addresses: readonly AddressView[]): void {
  const { out } = invocation;
  if (options.brief) {
    out(
      `${deviceTitle(invocation, device).padEnd(16)} ${deviceState(invocation, device).padEnd(14)} ${addresses.map((one) => `${addressText(one)} `).join('')}\n`,
    );
    return;
  }
  if (options.oneLine) {
    for (const address of addresses) out(`${device.index}: ${device.name}    ${addressLine(device, address)}\\${lifetimes(address)}\n`);
    return;
  }
  const withLink = options.family === undefined && chosen.to === undefined;
  const link = withLink ? `${etherLine(invocation, device)}${options.details ? detailText(invocation, device) : ''}\n` : '';
  if (chosen.label === undefined) out(`${headLine(invocation, device, false)}\n${link}`);
  for (const address of addresses) out(`    ${addressLine(device, address)}\n${lifetimes(address)}\n`);
  if (options.statistics) out(statisticsText(invocation, device));
}

function addressJson(device: Device, address: AddressView): { readonly [key: string]: string | number | boolean } {
  return {
    family: isSix(address) ? 'inet6' : 'inet',
    local: address.ip,
    prefixlen: address.prefixLength,
    ...(address.broadcast === undefined ? {} : { broadcast: address.broadcast }),
    scope: address.scope,
    ...(address.secondary ? { secondary: true } : {}),
    ...(address.deprecated ? { deprecated: true } : {}),
    ...(address.tentative ? { tentative: true } : {}),
    ...(isSix(address) ? {} : { label: address.label ?? device.name }),
    valid_life_time: 4294967295,
    preferred_life_time: address.deprecated ? 0 : 4294967295,
  };
}

interface Request {
  address?: DeviceAddress;
  /** The prefix length was written. */
  exact: boolean;
  device?: Device;
}

/** The words of `ip addr add|del`, in any order. */
function parseRequest(invocation: Invocation, options: IpOptions, words: readonly string[]): Request | Refusal {
  const { host, place } = invocation;
  const rest = [...words];
  let text: string | undefined;
  let name: string | undefined;
  let broadcastText: string | undefined;
  let scope: DeviceAddress['scope'] | undefined;
  let label: string | undefined;
  let deprecated = false;
  let noDad = false;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (['dev', 'brd', 'broadcast', 'scope', 'label', 'preferred_lft', 'valid_lft', 'peer', 'metric', 'proto'].includes(word)) {
      const value = rest.shift();
      if (value === undefined) return refuse('Command line is not complete. Try option "help"', 255);
      if (word === 'dev') name = value;
      else if (word === 'brd' || word === 'broadcast') broadcastText = value;
      else if (word === 'label') label = value;
      else if (word === 'preferred_lft') deprecated = value === '0';
      else if (word === 'scope') {
        if (value !== 'global' && value !== 'link' && value !== 'host') return refuse(`Error: argument "${value}" is wrong: invalid scope value.`, 255);
        scope = value;
      } else if (word === 'peer') return refuse('ip addr: point-to-point addresses (peer) are not simulated here', 2);
    } else if (word === 'local') text = rest.shift();
    else if (word === 'nodad') noDad = true;
    else if (!['home', 'mngtmpaddr', 'noprefixroute', 'autojoin'].includes(word)) text = word;
  }
  const prefix = text === undefined ? undefined : parseIpPrefix(text);
  const six = typeof prefix?.address === 'bigint';
  if (text !== undefined && (prefix === undefined || (options.family !== undefined && six !== (options.family === 6)))) {
    const kind = options.family === undefined ? 'any valid' : options.family === 6 ? 'inet6' : 'inet';
    return refuse(`Error: ${kind} prefix is expected rather than "${text}".`, 1);
  }
  if (text === undefined || name === undefined) return refuse('Not enough information: "dev" argument is required.', 1);
  const device = findDevice(host, place.netns, name);
  if (device === undefined || prefix === undefined) return refuse(`Cannot find device "${name}"`, 1);
  const { address: ip, prefixLength } = prefix;
  const local = device.type === 'loopback' && !(typeof ip === 'bigint') && ip >>> 24 === 127;
  const address: DeviceAddress = {
    ip: formatIp(ip),
    prefixLength,
    ...(broadcastText === undefined || typeof ip === 'bigint'
      ? {}
      : { broadcast: broadcastText === '+' ? formatIp(ip | ~maskOf(prefixLength)) : broadcastText }),
    scope: scope ?? (local ? 'host' : formatIp(ip).startsWith('fe80:') ? 'link' : 'global'),
    ...(label === undefined ? {} : { label }),
    ...(deprecated ? { preferredSeconds: 0 } : {}),
    ...(noDad && typeof ip === 'bigint' ? { noDad: true } : {}),
  };
  if (address.broadcast !== undefined && parseIp(address.broadcast) === undefined)
    return refuse(`Error: any valid address is expected rather than "${address.broadcast}".`, 1);
  return { address, exact: text.includes('/'), device };
}

function change(invocation: Invocation, options: IpOptions, action: 'add' | 'replace' | 'del', words: readonly string[]): Refusal | undefined {
  const { host, err } = invocation;
  const request = parseRequest(invocation, options, words);
  if ('text' in request) return request;
  const { address, device } = request;
  if (address === undefined || device === undefined) return kernelSays('Invalid argument');
  const six = isSix(address);
  // An IPv6 address is one whatever its prefix.
  const same = (one: DeviceAddress): boolean =>
    one.ip === address.ip && (six || one.prefixLength === address.prefixLength || (action === 'del' && !request.exact));
  const own = host.engine.addresses(device.id).some((one) => one.ip === address.ip && one.derived);
  if (own && action === 'del')
    return refuse(`ip: ${address.ip} is the kernel's own; in Kubehop it goes with sysctl -w net.ipv6.conf.${device.name}.addr_gen_mode=1`, 2);
  const present = own || device.addresses.some(same);
  if (action === 'add' && present) return refuse(`Error: ${six ? 'ipv6: address' : 'ipv4: Address'} already assigned.`, 2);
  if (action === 'del') {
    if (!present) return refuse(`Error: ${six ? 'ipv6: address' : 'ipv4: Address'} not found.`, 2);
    if (!request.exact && device.addresses.some((one) => one.ip === address.ip && one.prefixLength !== (six ? 128 : 32))) {
      err(
        `Warning: Executing wildcard deletion to stay compatible with old scripts.\n         Explicitly specify the prefix length (${address.ip}/${six ? 128 : 32}) to avoid this warning.\n         This special behaviour is likely to disappear in further releases,\n         fix your scripts!\n`,
      );
    }
    replaceAddresses(invocation, device, withoutPrimary(device.addresses, device.addresses.filter(same)));
    return undefined;
  }
  const kept = device.addresses.filter((one) => !same(one));
  replaceAddresses(invocation, device, [...kept, address]);
  return undefined;
}

/** __inet_del_ifa(): with a primary IPv4 address its subnet's other addresses go (promote_secondaries 0). */
function withoutPrimary(all: readonly DeviceAddress[], gone: readonly DeviceAddress[]): DeviceAddress[] {
  const subnet = (one: DeviceAddress): string => formatPrefix(networkOf(ipOf(one.ip), one.prefixLength), one.prefixLength);
  const lost = new Set(gone);
  for (const one of gone) {
    if (isSix(one)) continue;
    const first = all.find((other) => !isSix(other) && subnet(other) === subnet(one));
    if (first === one) for (const other of all) if (!isSix(other) && subnet(other) === subnet(one)) lost.add(other);
  }
  return all.filter((one) => !lost.has(one));
}

function flush(invocation: Invocation, options: IpOptions, words: readonly string[]): Refusal | undefined {
  const { host, place, out } = invocation;
  const chosen = choose(words);
  const name = chosen.words[0] === 'dev' ? chosen.words[1] : chosen.words[0];
  if (name === undefined) return refuse('Flush requires arguments.', 1);
  const device = findDevice(host, place.netns, name);
  if (device === undefined) return refuse(`Device "${name}" does not exist.`, 1);
  const gone = new Set(addressesOf(invocation, options, chosen, device).map((one) => one.ip));
  const kept = device.addresses.filter((one) => !gone.has(one.ip));
  const count = device.addresses.length - kept.length;
  if (count > 0) replaceAddresses(invocation, device, kept);
  if (options.statistics) {
    if (count > 0) out(`\n*** Round 1, deleting ${count} addresses ***\n*** Flush is complete after 1 round ***\n`);
    else out('Nothing to flush.\n');
  }
  return undefined;
}

/** Writes the addresses and lets the connected routes follow; what used a lost address as its source goes too, and with the last IPv4 address every IPv4 route by the device. Linux: net/ipv4/fib_frontend.c, fib_inetaddr_event */
function replaceAddresses({ host, place }: Invocation, device: Device, addresses: readonly DeviceAddress[]): void {
  const next: Device = { ...device, addresses };
  const before = connectedRoutes(device);
  const after = connectedRoutes(next);
  for (const route of before) if (!after.some((other) => other.id === route.id)) host.engine.records.remove(route.id);
  putDevice(host, next);
  for (const route of after) if (!host.engine.records.has(route.id)) host.engine.records.put(route);
  const lost = new Set(device.addresses.filter((one) => !addresses.includes(one)).map((one) => one.ip));
  const none = device.addresses.some((one) => !isSix(one)) && !addresses.some((one) => !isSix(one));
  for (const record of [...host.engine.records.values()]) {
    if (record.kind !== 'route' || record.netns !== place.netns) continue;
    const orphan = none && record.device === device.name && !record.destination.includes(':');
    if (orphan || (record.source !== undefined && lost.has(record.source) && record.protocol !== 'kernel')) host.engine.records.remove(record.id);
  }
  host.settle();
}
