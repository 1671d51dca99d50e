/** What a capture on one device would hold, read back from the log. */
import { BROADCAST_MAC, isGroupMac } from '../addr/mac.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { TapFrame } from '../engine.ts';
import type { Mac } from '../wire/packet.ts';
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

/** Frames received and sent by `device` in rows [from, to). */
export function framesOf(log: TraceLog, device: DeviceState, from: number, to: number): TapFrame[] {
  const frames: TapFrame[] = [];
  for (let seq = from; seq < to; seq += 1) {
    const chunk = log.rows.chunkOf(seq);
    const at = log.rows.offsetOf(seq);
    const kind = kindOf(chunk[at + COLUMN_KIND] as number);
    const place = log.places[chunk[at + COLUMN_PLACE] as number];
    if ((kind !== ROW_RECEIVED && kind !== ROW_TRANSMITTED) || place?.netns !== device.netns.id || place.device !== device.name) continue;
    const packet = log.headers.rebuild(
      chunk[at + COLUMN_HEADER] as number,
      chunk[at + COLUMN_PACKET] as number,
      chunk[at + COLUMN_CAUSE] as number,
      (chunk[at + COLUMN_MARK] as number) >>> 0,
    );
    frames.push({
      timeNs: log.times.get(seq),
      netns: device.netns.id,
      device: device.name,
      direction: kind === ROW_TRANSMITTED ? 'out' : incoming(packet.ethDst, device),
      packet,
    });
  }
  return frames;
}

function incoming(to: Mac, device: DeviceState): TapFrame['direction'] {
  if (to === device.mac || device.record.type === 'loopback') return 'in';
  if (to === BROADCAST_MAC) return 'broadcast';
  return isGroupMac(to) ? 'multicast' : 'otherhost';
}
