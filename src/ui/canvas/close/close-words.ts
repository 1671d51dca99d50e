/** What stands in a box that is looked at from near: addresses, MTU and state of devices, and the heads of their tables. Pure. */
import type { DeviceView, NetnsInspection } from '../../../world/views.ts';
import type { Item, PodItem } from '../scene.ts';

/** From this zoom on boxes say what they are; from the next on what is in their tables. */
export const CLOSE_ZOOM = 1.7;
export const TABLE_ZOOM = 2.3;

export interface CloseWords {
  readonly title: string;
  /** At the title's end: UP, DOWN, the number of rules. */
  readonly state: string;
  readonly good: boolean;
  readonly lines: readonly string[];
  /** What of the tables belongs here, in the words of `ip`, `bridge`, `iptables-save` and `ss`. */
  readonly rows: readonly string[];
}

export interface CloseWorld {
  readonly deviceById: ReadonlyMap<string, DeviceView>;
  /** Of pods, by netns. */
  readonly devicesOf: ReadonlyMap<string, readonly DeviceView[]>;
  /** By netns id; absent while they are being fetched. */
  readonly tables: ReadonlyMap<string, NetnsInspection>;
}

const nameOf = (id: string): string => id.split('/').at(-1) ?? id;

function deviceLines(device: DeviceView): string[] {
  const kind = device.type === 'vxlan' && device.vni !== undefined ? `vxlan id ${device.vni}` : device.type;
  const joined = device.master !== undefined ? ` · port of ${nameOf(device.master)}` : device.peer !== undefined ? ` · peer ${nameOf(device.peer)}` : '';
  return [device.addresses.length === 0 ? 'no address' : device.addresses.join('  '), `mtu ${device.mtuBytes} · ${kind}${joined}`, device.mac];
}

function deviceRows(device: DeviceView, tables: NetnsInspection | undefined): string[] {
  if (tables === undefined) return [];
  const fdb = tables.fdb
    .filter((entry) => nameOf(entry.device) === device.name || (entry.master !== undefined && nameOf(entry.master) === device.name))
    .map((entry) => `${entry.mac} ${entry.dst === undefined ? `dev ${nameOf(entry.device)}` : `dst ${entry.dst}`}`);
  const neighbors = tables.neighbors.filter((one) => nameOf(one.device) === device.name).map((one) => `${one.ip} lladdr ${one.mac ?? '–'} ${one.state}`);
  return [...fdb, ...neighbors];
}

function fromDevice(device: DeviceView, world: CloseWorld): CloseWords {
  return {
    title: device.name,
    state: device.up ? 'UP' : 'DOWN',
    good: device.up,
    lines: deviceLines(device),
    rows: deviceRows(device, world.tables.get(device.netns)),
  };
}

/** What a rule is, without the words that its author wrote beside it. */
const shortRule = (text: string): string => text.replace(/^-A \S+ /, '').replace(/-m comment --comment ("(?:[^"\\]|\\.)*"|\S+) /, '');

const listening = (tables: NetnsInspection): string[] =>
  tables.sockets
    .filter((socket) => socket.state === 'LISTEN' || (socket.protocol === 'udp' && socket.remotePort === 0))
    .map((socket) => `${socket.protocol} ${socket.localIp}:${socket.localPort} ${socket.process}`);

function fromPod({ view }: PodItem, world: CloseWorld): CloseWords {
  const tables = world.tables.get(view.id);
  const containers = view.containers.filter((one) => one.role === 'app').map((one) => `${one.ready ? '●' : '○'} ${one.name}: ${one.image}`);
  const devices = (world.devicesOf.get(view.id) ?? [])
    .filter((device) => device.type !== 'loopback')
    .map((device) => `${device.name} ${device.addresses.join(' ')} mtu ${device.mtuBytes}`);
  return {
    title: view.title,
    state: view.ready ? 'Ready' : (view.phase ?? ''),
    good: view.ready,
    lines: [view.ip === '' ? 'no address' : view.ip, ...containers, ...devices],
    rows: tables === undefined ? [] : [...tables.routes.map((route) => route.text), ...listening(tables)],
  };
}

/** `<netns>#<HOOK>` */
function fromPill(id: string, title: string, world: CloseWorld): CloseWords | undefined {
  const hash = id.lastIndexOf('#');
  const tables = world.tables.get(id.slice(0, hash));
  const hook = id.slice(hash + 1);
  const plain = { title, good: true, lines: [] };
  if (tables === undefined) return { ...plain, state: '', rows: [] };
  if (hook === 'route') return { ...plain, state: `${tables.routes.length}`, rows: tables.routes.map((route) => route.text) };
  if (hook === 'process') return { ...plain, state: '', rows: listening(tables) };
  const chains = tables.chains.filter((chain) => chain.name === hook || chain.name.toLowerCase() === hook.toLowerCase());
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  return {
    ...plain,
    state: `${rules} ${rules === 1 ? 'rule' : 'rules'}`,
    rows: chains.flatMap((chain) => chain.rules.map((rule) => `${chain.table}: ${shortRule(rule.text)}`)),
  };
}

/** Undefined for what looks the same from near. */
export function closeWords(item: Item, world: CloseWorld): CloseWords | undefined {
  switch (item.kind) {
    case 'chip':
    case 'bar': {
      const device = world.deviceById.get(item.id);
      return device === undefined ? undefined : fromDevice(device, world);
    }
    case 'pod':
      return fromPod(item, world);
    case 'pill':
      return item.dot ? undefined : fromPill(item.id, item.title, world);
    default:
      return undefined;
  }
}

/** The netns whose tables a box shows; undefined where it shows none. */
export function tablesOf(item: Item, world: CloseWorld): string | undefined {
  switch (item.kind) {
    case 'chip':
    case 'bar':
      return world.deviceById.get(item.id)?.netns;
    case 'pod':
      return item.size === 'tile' ? undefined : item.id;
    case 'pill':
      return item.dot ? undefined : item.id.slice(0, item.id.lastIndexOf('#'));
    default:
      return undefined;
  }
}

/** What fits: the lines, then as many rows as there is room for, and how many more there are. `letters` and `count` of one column. */
export function fitted(words: CloseWords, letters: number, count: number, withRows: boolean): readonly { readonly text: string; readonly row: boolean }[] {
  const cut = (text: string) => (text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`);
  const all = [...words.lines.map((text) => ({ text, row: false })), ...(withRows ? words.rows.map((text) => ({ text, row: true })) : [])];
  if (all.length <= count) return all.map((one) => ({ ...one, text: cut(one.text) }));
  if (count <= words.lines.length || count < 2) return all.slice(0, count).map((one) => ({ ...one, text: cut(one.text) }));
  const shown = all.slice(0, count - 1);
  return [...shown.map((one) => ({ ...one, text: cut(one.text) })), { text: `… ${all.length - shown.length} more`, row: true }];
}
