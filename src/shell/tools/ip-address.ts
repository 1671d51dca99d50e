/** ip addr: addresses of devices; add and del with the connected routes they bring. */

import { formatIp, isLinkLocalIp, parseIpPrefix } from '../../net/addr/ip.ts';
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { AddressView } from '../../net/engine.ts';
import type { Device, DeviceAddress } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { detailText, deviceState, deviceTitle, etherLine, headLine, type IpOptions, selectDevices, statisticsText } from './ip-link.ts';
import { findDevice } from './net-view.ts';

/** The first line of an address without its name: `inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0`, `inet6 fe80::1/64 scope link tentative `. */
function addressLine(address: AddressView, device: string): string {
  const head = `${address.family} ${address.ip}/${address.prefixLength}`;
  if (address.family === 'inet') return `${head}${address.broadcast === undefined ? '' : ` brd ${address.broadcast}`} scope ${address.scope} ${device}`;
  const flags = [
    address.noDad ? 'nodad' : '',
    address.deprecated ? 'deprecated' : '',
    address.duplicate ? 'dadfailed' : '',
    address.tentative ? 'tentative' : '',
  ];
  return `${head} scope ${address.scope} ${flags
    .filter((flag) => flag !== '')
    .map((flag) => `${flag} `)
    .join('')}`;
}

const lifetimes = (address: AddressView): string => `valid_lft forever preferred_lft ${address.deprecated ? '0sec' : 'forever'}`;

export function ipAddress(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const action = words[0] ?? 'show';
  if (action === 'add' || action === 'a' || action === 'replace' || action === 'del' || action === 'delete')
    return changeAddress(invocation, options, action === 'del' || action === 'delete' ? 'del' : 'add', words.slice(1));
  if (action === 'flush') return flushAddresses(invocation, options, words.slice(1));
  const devices = selectDevices(invocation, words);
  if (devices === undefined) return 1;
  for (const device of devices) {
    const wanted = options.family === undefined ? undefined : options.family === 6 ? 'inet6' : 'inet';
    const addresses = invocation.host.engine.addresses(device.id).filter((address) => wanted === undefined || address.family === wanted);
    if (options.family !== undefined && addresses.length === 0) continue;
    if (options.brief) {
      const list = addresses.map((address) => `${address.ip}/${address.prefixLength} `).join('');
      invocation.out(`${deviceTitle(invocation, device).padEnd(16)} ${deviceState(invocation, device).padEnd(14)} ${list}\n`);
      continue;
    }
    if (options.oneLine) {
      for (const address of addresses) {
        invocation.out(`${device.index}: ${device.name}    ${addressLine(address, device.name)}\\       ${lifetimes(address)}\n`);
      }
      continue;
    }
    const family = options.family === undefined ? `${etherLine(invocation, device)}${options.details ? detailText(invocation, device) : ''}\n` : '';
    invocation.out(`${headLine(invocation, device, false)}\n${family}`);
    for (const address of addresses) invocation.out(`    ${addressLine(address, device.name)}\n       ${lifetimes(address)}\n`);
    if (options.statistics) invocation.out(statisticsText(invocation, device));
  }
  return 0;
}

function changeAddress(invocation: Invocation, options: IpOptions, action: 'add' | 'del', words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = [...words];
  const text = rest.shift() ?? '';
  let name: string | undefined;
  const given: { preferredSeconds?: number; noDad?: boolean } = {};
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'dev') name = rest.shift();
    else if (word === 'nodad') given.noDad = true;
    else if (word === 'preferred_lft' && rest.shift() === '0') given.preferredSeconds = 0;
  }
  const prefix = parseIpPrefix(text);
  const six = typeof prefix?.address === 'bigint';
  if (prefix === undefined || (options.family !== undefined && six !== (options.family === 6))) {
    const kind = options.family === undefined ? 'any valid' : options.family === 6 ? 'inet6' : 'inet';
    err(text === '' ? 'Not enough information: "dev" argument is required.\n' : `Error: ${kind} prefix is expected rather than "${text}".\n`);
    return text === '' ? 255 : 1;
  }
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (device === undefined) {
    err(name === undefined ? 'Not enough information: "dev" argument is required.\n' : `Cannot find device "${name}"\n`);
    return name === undefined ? 255 : 1;
  }
  const { prefixLength } = prefix;
  const ipText = formatIp(prefix.address);
  const inUse = host.engine.addresses(device.id).find((address) => address.ip === ipText);
  const present = device.addresses.some(
    // An IPv6 address is one whatever its prefix.
    (address) => address.ip === ipText && (six || address.prefixLength === prefixLength || (action === 'del' && !text.includes('/'))),
  );
  if (action === 'del' && inUse?.derived === true) {
    const setting = `net.ipv6.conf.${device.name}.addr_gen_mode`;
    err(`ip: ${ipText} is the kernel's own; in Kubehop it goes with sysctl -w ${setting}=1\n`);
    return 2;
  }
  if ((present || inUse?.derived === true) === (action === 'add')) {
    const words6 = action === 'add' ? 'Error: ipv6: address already assigned.\n' : 'Error: ipv6: address not found.\n';
    const words4 = action === 'add' ? 'Error: ipv4: Address already assigned.\n' : 'Error: ipv4: Address not found.\n';
    err(six ? words6 : words4);
    return 2;
  }
  const scope = isLinkLocalIp(prefix.address) ? ('link' as const) : ('global' as const);
  const addresses =
    action === 'add'
      ? [...device.addresses, { ip: ipText, prefixLength, scope, ...(six ? given : {}) }]
      : device.addresses.filter((address) => address.ip !== ipText);
  replaceAddresses(invocation, device, addresses);
  return 0;
}

function flushAddresses(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const name = words[0] === 'dev' ? words[1] : words[0];
  const device = name === undefined ? undefined : findDevice(invocation.host, invocation.place.netns, name);
  if (device === undefined) {
    invocation.err(name === undefined ? 'Flush requires arguments.\n' : `Device "${name}" does not exist.\n`);
    return 1;
  }
  const kept = (address: DeviceAddress): boolean => options.family !== undefined && address.ip.includes(':') !== (options.family === 6);
  replaceAddresses(invocation, device, device.addresses.filter(kept));
  return 0;
}

/** Writes the addresses and lets the connected routes follow. */
function replaceAddresses({ host, place }: Invocation, device: Device, addresses: readonly DeviceAddress[]): void {
  const next: Device = { ...device, addresses, origin: { component: 'user', objects: device.origin.objects } };
  const before = connectedRoutes(device);
  const after = connectedRoutes(next);
  for (const route of before) if (!after.some((other) => other.id === route.id)) host.engine.records.remove(route.id);
  host.engine.records.put(next);
  for (const route of after) if (!host.engine.records.has(route.id)) host.engine.records.put(route);
  if (addresses.length === 0) {
    const stale = [...host.engine.records.values()].filter(
      (record) => record.kind === 'route' && record.netns === place.netns && record.device === device.name && record.gateway !== undefined,
    );
    for (const route of stale) host.engine.records.remove(route.id);
  }
  host.settle();
}
