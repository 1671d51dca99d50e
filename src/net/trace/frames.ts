/** What a capture on one device would hold, read back from the log. */
import { BROADCAST_MAC, isGroupMac } from '../addr/mac.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { TapFrame } from '../engine.ts';
import type { Mac, Packet } from '../wire/packet.ts';
import {
  COLUMN_CAUSE,
  COLUMN_HEADER,
  COLUMN_KIND,
  COLUMN_MARK,
  COLUMN_PACKET,
  COLUMN_PLACE,
  kindOf,
  ROW_RECEIVED,
  ROW_TRANSMITTED,
  type TraceLog,
} from './trace-log.ts';

/** A frame of the log with its row and its device's id. */
export interface LoggedFrame extends TapFrame {
  readonly seq: number;
  readonly deviceId: string;
}

/** The packet of a row of the log as it was then; undefined for rows without one. */
export function packetOfRow(log: TraceLog, seq: number): Packet | undefined {
  const chunk = log.rows.chunkOf(seq);
  const at = log.rows.offsetOf(seq);
  const header = chunk[at + COLUMN_HEADER] as number;
  const mark = (chunk[at + COLUMN_MARK] as number) >>> 0;
  return header < 0 ? undefined : log.headers.rebuild(header, chunk[at + COLUMN_PACKET] as number, chunk[at + COLUMN_CAUSE] as number, mark);
}

/** Frames received and sent in rows [from, to) by the devices of which `wanted` has the id, in the log's order, which is the causal one. */
export function framesOf(log: TraceLog, wanted: ReadonlySet<string>, devices: ReadonlyMap<string, DeviceState>, from: number, to: number): LoggedFrame[] {
  const frames: LoggedFrame[] = [];
  const ids: (string | undefined)[] = log.places.map((place) => {
    const id = `${place.netns}/device/${place.device}`;
    return wanted.has(id) ? id : undefined;
  });
  for (let seq = from; seq < to; seq += 1) {
    const chunk = log.rows.chunkOf(seq);
    const at = log.rows.offsetOf(seq);
    const kind = kindOf(chunk[at + COLUMN_KIND] as number);
    if (kind !== ROW_RECEIVED && kind !== ROW_TRANSMITTED) continue;
    const index = chunk[at + COLUMN_PLACE] as number;
    const deviceId = ids[index];
    const place = log.places[index];
    if (deviceId === undefined || place === undefined) continue;
    const packet = packetOfRow(log, seq);
    if (packet === undefined) continue;
    const direction = kind === ROW_TRANSMITTED ? 'out' : incoming(packet.ethDst, devices.get(deviceId));
    frames.push({ seq, deviceId, timeNs: log.times.get(seq), netns: place.netns, device: place.device, direction, packet });
  }
  return frames;
}

/** A device that is gone is taken for the one the frame was for. */
function incoming(to: Mac, device: DeviceState | undefined): TapFrame['direction'] {
  if (device === undefined || to === device.mac || device.record.type === 'loopback') return 'in';
  if (to === BROADCAST_MAC) return 'broadcast';
  return isGroupMac(to) ? 'multicast' : 'otherhost';
}
