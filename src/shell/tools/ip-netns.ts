/** ip netns: list, add, del, exec, identify, and how a program runs in another netns. */
import type { Netns } from '../../net/records.ts';
import type { Invocation, Outcome } from '../command.ts';
import { removeDevice } from './device-change.ts';
import { devicesOf, findNetnsByName, netnsTitle, podNetnsOf } from './net-view.ts';

const NO_IPV6 = 'net.ipv6.conf.all.disable_ipv6';
const USER = { component: 'user', objects: [] } as const;

export function ipNetns(invocation: Invocation, words: readonly string[]): Outcome {
  const { host, place, out, err } = invocation;
  const action = words[0] ?? 'list';
  switch (action) {
    case 'list':
    case 'ls':
    case 'show':
      if (place.pod === undefined) for (const [index, netns] of podNetnsOf(host, place.hostId).entries()) out(`${listLine(invocation, netns, index)}\n`);
      return 0;
    case 'add':
      return addNetns(invocation, words[1]);
    case 'del':
    case 'delete':
      return deleteNetns(invocation, words[1]);
    case 'exec': {
      const target = words[1];
      if (target === undefined) {
        err('No netns name specified\n');
        return 1;
      }
      return inNetns(invocation, target, words.slice(2));
    }
    case 'identify':
      out(place.netns.endsWith('/netns/root') ? '\n' : `${netnsTitle(host, place.netns)}\n`);
      return 0;
    case 'help':
      err('Usage:\tip netns list\n\tip netns add NAME\n\tip netns delete NAME\n\tip netns identify [PID]\n\tip netns exec NAME cmd ...\n');
      return 255;
    default:
      if (['attach', 'set', 'pids', 'monitor', 'list-id'].includes(action)) {
        err(`ip netns ${action}: only list, add, del, exec and identify are simulated\n`);
        return 2;
      }
      err(`Command "${action}" is unknown, try "ip netns help".\n`);
      return 255;
  }
}

/** The number is shown once a device connects the two. */
function listLine({ host, place }: Invocation, netns: string, index: number): string {
  const connected = devicesOf(host, netns).some((device) => device.type === 'veth' && device.peer.startsWith(`${place.netns}/`));
  const record = host.engine.records.find(netns);
  const byHand = record?.kind === 'netns' && record.origin.component === 'user';
  return byHand && !connected ? netnsTitle(host, netns) : `${netnsTitle(host, netns)} (id: ${index})`;
}

function addNetns({ host, place, err }: Invocation, name: string | undefined): number {
  if (name === undefined) {
    err('No netns name specified\n');
    return 255;
  }
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name) || name === '.' || name === '..') {
    err(`"${name}" is not valid netns name\n`);
    return 255;
  }
  const id = `${place.hostId}/netns/${name}`;
  if (name === 'root' || host.engine.records.has(id) || findNetnsByName(host, place.hostId, name) !== undefined) {
    err(`Cannot create namespace file "/run/netns/${name}": File exists\n`);
    return 1;
  }
  const hostname = host.engine.records.find(place.netns);
  const netns: Netns = {
    kind: 'netns',
    id,
    origin: USER,
    hostId: place.hostId,
    name,
    hostname: hostname?.kind === 'netns' ? hostname.hostname : name,
    // IPv6 is off where it is off for the host: a cluster of one family has one.
    sysctls: hostname?.kind === 'netns' && hostname.sysctls[NO_IPV6] === 1 ? { [NO_IPV6]: 1 } : {},
    files: hostname?.kind === 'netns' ? hostname.files : {},
  };
  host.engine.records.put(netns);
  host.engine.records.put({
    kind: 'device',
    id: `${id}/device/lo`,
    origin: USER,
    netns: id,
    name: 'lo',
    index: 1,
    mac: '00:00:00:00:00:00',
    mtuBytes: 65536,
    up: false,
    neverUp: true,
    addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }],
    type: 'loopback',
  });
  host.settle();
  return 0;
}

/** The kernel takes a netns apart when nobody is in it: pairs die, network cards go back to the host. */
function deleteNetns({ host, place, err }: Invocation, name: string | undefined): number {
  const id = name === undefined ? undefined : findNetnsByName(host, place.hostId, name);
  const record = id === undefined ? undefined : host.engine.records.find(id);
  if (record?.kind !== 'netns' || record.id.endsWith('/netns/root')) {
    err(name === undefined ? 'No netns name specified\n' : `Cannot remove namespace file "/run/netns/${name}": No such file or directory\n`);
    return name === undefined ? 255 : 1;
  }
  if (record.origin.component !== 'user') {
    err(`ip netns del ${name}: it belongs to a pod; delete the pod instead\n`);
    return 1;
  }
  for (const device of devicesOf(host, record.id)) removeDevice(host, device);
  for (const other of [...host.engine.records.values()]) if ('netns' in other && other.netns === record.id) host.engine.records.remove(other.id);
  host.engine.records.remove(record.id);
  host.settle();
  return 0;
}

/** A host's program inside another netns of it: host's file system, that netns' network. */
export function inNetns(invocation: Invocation, name: string, argv: readonly string[]): Outcome {
  const { host, place, err } = invocation;
  const netns = findNetnsByName(host, place.hostId, name);
  if (netns === undefined || place.pod !== undefined) {
    err(`Cannot open network namespace "${name}": No such file or directory\n`);
    return 255;
  }
  if (argv.length === 0) {
    err('No command specified\n');
    return 255;
  }
  return { kind: 'call', argv, place: { ...place, netns } };
}
