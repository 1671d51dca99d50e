/** What the parts of a room agree on: which devices are drawn how, and at which height each part stands. */
import type { DeviceView, HostView, NetnsView } from '../../world/views.ts';
import type { Frame } from './draft.ts';
import type { Metrics } from './metrics.ts';
import type { Point } from './scene.ts';

export interface RoomInput {
  readonly host: HostView;
  readonly root: NetnsView | undefined;
  readonly rootDevices: readonly DeviceView[];
  readonly pods: readonly { readonly view: NetnsView; readonly slot: number; readonly devices: readonly DeviceView[] }[];
  /** Pods of this node that are not drawn. */
  readonly folded: number;
  readonly tiles: boolean;
  /** Its pods that stand elsewhere, or folded. */
  readonly elsewhere?: RoomInput['pods'];
  /** Rows of pods to leave room for, where that does not follow from `pods`. */
  readonly rows?: number;
}

const chips = new WeakMap<RoomInput, DeviceView[]>();

/** Devices of the root netns that are drawn as chips: all but loopback, the pods' ends of veth pairs, and the bridge drawn as a bar. */
export function chipsOf(input: RoomInput, bridge: DeviceView | undefined): readonly DeviceView[] {
  const known = chips.get(input);
  if (known !== undefined) return known;
  const podPeers = new Set<string>();
  for (const pods of [input.pods, input.elsewhere ?? []]) for (const { devices } of pods) for (const { peer } of devices) podPeers.add(peer ?? '');
  const shown = input.rootDevices.filter(
    (device) => device.type !== 'loopback' && device !== bridge && device.master === undefined && !podPeers.has(device.id),
  );
  const rank = (device: DeviceView) => (device.type === 'ethernet' ? 0 : device.type === 'vxlan' ? 1 : 2);
  const sorted = shown.sort((a, b) => rank(a) - rank(b));
  chips.set(input, sorted);
  return sorted;
}

/** The bridge with most ports is the bar; the first of equals. */
export function mainBridge(devices: readonly DeviceView[]): DeviceView | undefined {
  const ports = new Map<string, number>();
  for (const device of devices) if (device.master !== undefined) ports.set(device.master, (ports.get(device.master) ?? 0) + 1);
  let best: DeviceView | undefined;
  for (const device of devices) {
    if (device.type === 'bridge' && (best === undefined || (ports.get(device.id) ?? 0) > (ports.get(best.id) ?? 0))) best = device;
  }
  return best;
}

export const rowsNeeded = (input: RoomInput, m: Metrics): number => {
  if (input.rows !== undefined) return input.rows;
  const highest = input.pods.reduce((most, pod) => Math.max(most, pod.slot), 0);
  return Math.floor(highest / (input.tiles ? m.tileColumns : m.columns)) + 1;
};

export const chipRowsNeeded = (input: RoomInput, m: Metrics): number =>
  Math.max(1, Math.ceil(chipsOf(input, mainBridge(input.rootDevices)).length / m.chipColumns));

/** Y of the parts above the room's bottom edge, for a number of chip rows. */
export function levels(m: Metrics, chipRows: number) {
  const chipTop = -(m.pad + m.chipH);
  const kernelBottom = chipTop - (chipRows - 1) * (m.chipH + 8) - m.gap;
  const kernelTop = kernelBottom - m.kernelH;
  const barTop = kernelTop - m.gap - m.barH;
  const podBottom = barTop - m.vethH;
  return { chipTop, kernelBottom, kernelTop, barTop, podBottom };
}

export function roomHeight(m: Metrics, rows: number, chipRows: number, tiles: boolean): number {
  const { podBottom } = levels(m, chipRows);
  const pods = Math.max(0, tiles ? rows * m.tileH + (rows - 1) * m.tileGap : rows * m.podH + (rows - 1) * m.rowGap);
  return -podBottom + pods + m.headerH;
}

export const spokenDevice = (device: DeviceView): string =>
  `${device.type} ${device.name}${device.addresses.length === 0 ? '' : `, ${device.addresses.join(', ')}`}, MTU ${device.mtuBytes}${device.up ? '' : ', down'}${device.impaired === undefined ? '' : `, netem: ${device.impaired}`}`;

export type Levels = ReturnType<typeof levels>;
/** Offset of a resting packet, `dy` downwards in an upright room. */
export const aside = (frame: Frame, dy: number): Point => ({ x: 0, y: frame.flip ? -dy : dy });

/** The place that stands for the inside of a kernel. */
export const hubId = (rootId: string) => `${rootId}#kernel`;
