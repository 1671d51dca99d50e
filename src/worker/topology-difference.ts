/** Finds what changed between two pictures of the boxes, by reference: views that hold stay the same ones. */
import { deepEqual } from '../base/equal.ts';
import type { Topology } from '../world/views.ts';
import type { ListChange, TopologyChange } from './topology-change.ts';

function listChange<T extends { readonly id: string }>(before: readonly T[], now: readonly T[]): ListChange<T> | undefined {
  const known = new Map(before.map((one) => [one.id, one]));
  const put = now.filter((one) => known.get(one.id) !== one);
  const staying = new Set(now.map((one) => one.id));
  const gone = before.filter((one) => !staying.has(one.id)).map((one) => one.id);
  if (put.length === 0 && gone.length === 0 && before.every((one, at) => one === now[at])) return undefined;
  // Who is told must come to the same order.
  const left = before.filter((one) => staying.has(one.id)).map((one) => one.id);
  const order = [...left, ...put.filter((one) => !known.has(one.id)).map((one) => one.id)];
  if (!order.every((id, at) => now[at]?.id === id)) return { put: now, whole: true };
  return { put, ...(gone.length === 0 ? {} : { gone }) };
}

/** Undefined `before`: everything. O(boxes). */
export function topologyChange(before: Topology | undefined, now: Topology): TopologyChange {
  const { hosts, services, enforcement, coming = false } = now;
  if (before === undefined)
    return {
      hosts,
      services,
      netnses: { put: now.netnses, whole: true },
      devices: { put: now.devices, whole: true },
      enforcement: enforcement ?? null,
      coming,
    };
  const netnses = listChange(before.netnses, now.netnses);
  const devices = listChange(before.devices, now.devices);
  return {
    ...(deepEqual(before.hosts, hosts) ? {} : { hosts }),
    ...(deepEqual(before.services, services) ? {} : { services }),
    ...(netnses === undefined ? {} : { netnses }),
    ...(devices === undefined ? {} : { devices }),
    ...((before.coming ?? false) === coming ? {} : { coming }),
    ...(deepEqual(before.enforcement, enforcement) ? {} : { enforcement: enforcement ?? null }),
  };
}
