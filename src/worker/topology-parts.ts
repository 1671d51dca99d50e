/** Very many changed boxes cross the channel in parts: to take one message of a whole large world apart would hold the page for longer than a frame. */
import type { ListChange, TopologyChange } from './topology-change.ts';

/** Boxes in one part. */
const PART = 1_500;

function slices<T>(change: ListChange<T> | undefined): readonly ListChange<T>[] {
  if (change === undefined) return [];
  const { put, ...rest } = change;
  const parts: ListChange<T>[] = [];
  for (let from = 0; from === 0 || from < put.length; from += PART) parts.push({ ...(from === 0 ? rest : {}), put: put.slice(from, from + PART) });
  return parts;
}

/** Changes that, made one after the other, come to the same; the last one has all that is no long list. */
export function topologyParts(change: TopologyChange): readonly TopologyChange[] {
  const { netnses, devices, ...rest } = change;
  const parts: TopologyChange[] = [...slices(netnses).map((one) => ({ netnses: one })), ...slices(devices).map((one) => ({ devices: one }))];
  const few = (netnses?.put.length ?? 0) + (devices?.put.length ?? 0) <= PART;
  return few ? [change] : [...parts.slice(0, -1), { ...parts.at(-1), ...rest }];
}
