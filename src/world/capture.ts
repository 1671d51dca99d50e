/** What taps on some devices would have recorded, as a pcapng file with the reason of each hop as a packet comment. */
import { encodeFrame } from '../net/wire/encode.ts';
import { type PcapngPacket, writePcapng } from '../net/wire/pcapng.ts';
import type { World } from './world.ts';

export type Capture = { readonly ok: true; readonly bytes: Uint8Array; readonly packets: number } | { readonly ok: false; readonly message: string };

/** Device ids for `HOST:DEVICE`, `NAMESPACE/POD:DEVICE`, `any` (every device of every netns). */
function devicesFor(world: World, name: string): { readonly id: string; readonly label: string }[] {
  const { devices, netnses } = world.topology();
  const titles = new Map(netnses.map((netns) => [netns.id, netns.type === 'pod' ? `${netns.namespace}/${netns.title}` : netns.title]));
  const all = devices.map((device) => ({ id: device.id, label: `${titles.get(device.netns) ?? device.netns}:${device.name}` }));
  return name === 'any' ? all : all.filter((device) => device.label === name || device.label === `default/${name}`);
}

/** Frames in [from, to) of the log on each named device, in causal order. */
export function capture(world: World, interfaces: readonly string[], from: number, to: number): Capture {
  const chosen: { id: string; label: string }[] = [];
  for (const name of interfaces) {
    const found = devicesFor(world, name);
    if (found.length === 0) return { ok: false, message: `${name}: No such device exists` };
    for (const device of found) if (!chosen.some((one) => one.id === device.id)) chosen.push(device);
  }
  const reasons = new Map<string, string>();
  for (const hop of world.hops(from, to)) reasons.set(`${hop.event.packetId} ${hop.place}`, `${hop.title}: ${hop.why.map((phrase) => phrase.text).join('')}`);
  const packets: (PcapngPacket & { readonly seq: number })[] = [];
  chosen.forEach((device, index) => {
    for (const frame of world.engine.frames(device.id, from, to)) {
      const comment = reasons.get(`${frame.packet.id} ${device.id}`);
      packets.push({
        seq: packets.length,
        interface: index,
        timeNs: frame.timeNs,
        bytes: encodeFrame(frame.packet),
        direction: frame.direction === 'out' ? 'out' : 'in',
        ...(comment === undefined ? {} : { comment }),
      });
    }
  });
  packets.sort((a, b) => a.timeNs - b.timeNs || a.seq - b.seq);
  const bytes = writePcapng(
    chosen.map((device) => ({ name: device.label })),
    packets,
    world.epochMs,
  );
  return { ok: true, bytes, packets: packets.length };
}
