/** ip link: devices as iproute2 lists them; add, set and del are in link-add.ts and link-set.ts. */
import type { Device } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { addLink } from './link-add.ts';
import { detailText } from './link-detail.ts';
import { linkJson, printJson } from './link-json.ts';
import { deleteLink, setLink } from './link-set.ts';
import { deviceFlags, deviceState, deviceTitle, etherLine, headLine, type IpOptions, statisticsText } from './link-words.ts';
import { devicesOf, findDevice } from './net-view.ts';

export { detailText } from './link-detail.ts';
export { deviceFlags, deviceState, deviceTitle, etherLine, headLine, type IpOptions, statisticsText } from './link-words.ts';

const isType = (device: Device, type: string): boolean => device.type === type || (type === 'bridge_slave' && device.master !== undefined);

/** The devices an `ip … show` command names: all, `dev X` or just `X`, `up`, `type T`, `master M`. Undefined after an error was printed. */
export function selectDevices(invocation: Invocation, words: readonly string[]): readonly Device[] | undefined {
  let devices: readonly Device[] = devicesOf(invocation.host, invocation.place.netns);
  const rest = [...words];
  if (rest[0] !== undefined && ['show', 'list', 'lst', 's', 'ls', 'sh'].includes(rest[0])) rest.shift();
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'up') devices = devices.filter((device) => device.up);
    else if (word === 'type') {
      const type = rest.shift() ?? '';
      devices = devices.filter((device) => isType(device, type));
    } else if (word === 'master') {
      const name = rest.shift() ?? '';
      const master = findDevice(invocation.host, invocation.place.netns, name);
      if (master === undefined) {
        invocation.err(`Device "${name}" does not exist.\n`);
        return undefined;
      }
      devices = devices.filter((device) => device.master === master.id);
    } else if (word === 'nomaster') devices = devices.filter((device) => device.master === undefined);
    else {
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

const ACTIONS = ['show', 'list', 'lst', 'set', 'add', 'delete', 'help'] as const;

export function ipLink(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const action = ACTIONS.find((one) => words[0] !== undefined && words[0] !== '' && one.startsWith(words[0]));
  if (action === 'set') return setLink(invocation, words.slice(1));
  if (action === 'add') return addLink(invocation, words.slice(1));
  if (action === 'delete') return deleteLink(invocation, words.slice(1));
  const devices = selectDevices(invocation, action === 'help' ? [] : words);
  if (devices === undefined) return 1;
  if (options.json === true) {
    invocation.out(
      printJson(
        devices.map((device) => linkJson(invocation, device, options, true)),
        options.pretty === true,
      ),
    );
    return 0;
  }
  for (const device of devices) {
    if (options.brief) {
      const mac = etherLine(invocation, device).startsWith('    link/none') ? '' : `${device.type === 'ipip' ? (device.localIp ?? '0.0.0.0') : device.mac} `;
      invocation.out(
        `${deviceTitle(invocation, device).padEnd(16)} ${deviceState(invocation, device).padEnd(14)} ${mac}<${deviceFlags(invocation, device)}> \n`,
      );
      continue;
    }
    const lines = [headLine(invocation, device, true), `${etherLine(invocation, device)}${options.details ? detailText(invocation, device) : ''}`];
    invocation.out(options.oneLine ? `${lines.join('\\').replaceAll('\n', '\\')}\n` : `${lines.join('\n')}\n`);
    if (options.statistics) invocation.out(statisticsText(invocation, device));
  }
  return 0;
}
