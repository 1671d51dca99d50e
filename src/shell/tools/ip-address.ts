/** ip addr: addresses of devices; add and del with the connected routes they bring. */
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { Device, DeviceAddress } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { detailText, deviceState, deviceTitle, etherLine, headLine, type IpOptions, selectDevices, statisticsText } from './ip-link.ts';
import { findDevice, isIp4 } from './net-view.ts';

export function addressText(address: DeviceAddress): string {
  return `${address.ip}/${address.prefixLength}`;
}

function broadcastText(address: DeviceAddress): string {
  return address.broadcast === undefined ? '' : ` brd ${address.broadcast}`;
}

export function ipAddress(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const action = words[0] ?? 'show';
  if (action === 'add' || action === 'a' || action === 'replace' || action === 'del' || action === 'delete')
    return changeAddress(invocation, action === 'del' || action === 'delete' ? 'del' : 'add', words.slice(1));
  if (action === 'flush') return flushAddresses(invocation, words.slice(1));
  const devices = selectDevices(invocation, words);
  if (devices === undefined) return 1;
  for (const device of devices) {
    const addresses = options.family === 6 ? [] : device.addresses;
    if (options.family !== undefined && addresses.length === 0) continue;
    if (options.brief) {
      invocation.out(
        `${deviceTitle(invocation, device).padEnd(16)} ${deviceState(invocation, device).padEnd(14)} ${addresses.map((address) => `${addressText(address)} `).join('')}\n`,
      );
      continue;
    }
    if (options.oneLine) {
      for (const address of addresses)
        invocation.out(
          `${device.index}: ${device.name}    inet ${addressText(address)}${broadcastText(address)} scope ${address.scope} ${device.name}\\       valid_lft forever preferred_lft forever\n`,
        );
      continue;
    }
    const family = options.family === undefined ? `${etherLine(invocation, device)}${options.details ? detailText(invocation, device) : ''}\n` : '';
    invocation.out(`${headLine(invocation, device, false)}\n${family}`);
    for (const address of addresses) {
      invocation.out(
        `    inet ${addressText(address)}${broadcastText(address)} scope ${address.scope} ${device.name}\n       valid_lft forever preferred_lft forever\n`,
      );
    }
    if (options.statistics) invocation.out(statisticsText(invocation, device));
  }
  return 0;
}

function changeAddress(invocation: Invocation, action: 'add' | 'del', words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = [...words];
  const text = rest.shift() ?? '';
  let name: string | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) if (word === 'dev') name = rest.shift();
  const [ipText = '', lengthText = '32'] = text.split('/');
  if (!isIp4(ipText) || !/^\d{1,2}$/.test(lengthText) || Number(lengthText) > 32) {
    err(text === '' ? 'Not enough information: "dev" argument is required.\n' : `Error: inet prefix is expected rather than "${text}".\n`);
    return text === '' ? 255 : 1;
  }
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (device === undefined) {
    err(name === undefined ? 'Not enough information: "dev" argument is required.\n' : `Cannot find device "${name}"\n`);
    return name === undefined ? 255 : 1;
  }
  const prefixLength = Number(lengthText);
  const present = device.addresses.some(
    (address) => address.ip === ipText && (address.prefixLength === prefixLength || (action === 'del' && !text.includes('/'))),
  );
  if (present === (action === 'add')) {
    err(action === 'add' ? 'Error: ipv4: Address already assigned.\n' : 'Error: ipv4: Address not found.\n');
    return 2;
  }
  const addresses =
    action === 'add'
      ? [...device.addresses, { ip: ipText, prefixLength, scope: 'global' as const }]
      : device.addresses.filter((address) => address.ip !== ipText);
  replaceAddresses(invocation, device, addresses);
  return 0;
}

function flushAddresses(invocation: Invocation, words: readonly string[]): number {
  const name = words[0] === 'dev' ? words[1] : words[0];
  const device = name === undefined ? undefined : findDevice(invocation.host, invocation.place.netns, name);
  if (device === undefined) {
    invocation.err(name === undefined ? 'Flush requires arguments.\n' : `Device "${name}" does not exist.\n`);
    return 1;
  }
  replaceAddresses(invocation, device, []);
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
