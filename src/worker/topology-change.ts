/** What changed between two pictures of the boxes: only that crosses the channel. */
import type { DeviceView, NetnsView, Topology } from '../world/views.ts';

/** `put` replaces what has the same id and stands behind the rest otherwise; with `whole` it is the whole list. */
export interface ListChange<T> {
  readonly put: readonly T[];
  readonly gone?: readonly string[];
  readonly whole?: boolean;
}
/** What is absent stayed as it was. */
export interface TopologyChange extends Partial<Pick<Topology, 'hosts' | 'services'>> {
  readonly netnses?: ListChange<NetnsView>;
  readonly devices?: ListChange<DeviceView>;
  /** Null: nothing is known of it any more. */
  readonly enforcement?: Topology['enforcement'] | null;
  readonly coming?: boolean;
}

const nothing: Topology = { hosts: [], netnses: [], devices: [], services: [] };

function patched<T extends { readonly id: string }>(list: readonly T[], change: ListChange<T> | undefined): readonly T[] {
  if (change === undefined) return list;
  if (change.whole === true) return change.put;
  const byId = new Map(list.map((one) => [one.id, one]));
  for (const id of change.gone ?? []) byId.delete(id);
  for (const one of change.put) byId.set(one.id, one);
  return [...byId.values()];
}

/** The boxes after a change; what did not change stays the same reference. */
export function changedTopology(before: Topology = nothing, change: TopologyChange): Topology {
  if (Object.keys(change).length === 0) return before;
  const { netnses, devices, enforcement, coming, ...rest } = change;
  const { enforcement: known, coming: came, ...kept } = before;
  const now = enforcement === undefined ? known : (enforcement ?? undefined);
  return {
    ...kept,
    ...rest,
    netnses: patched(before.netnses, netnses),
    devices: patched(before.devices, devices),
    ...(now === undefined ? {} : { enforcement: now }),
    ...((coming ?? came) === true ? { coming: true as const } : {}),
  };
}
