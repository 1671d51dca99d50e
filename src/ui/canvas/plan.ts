/** What the parts of the layout agree on: which rooms stand in which row, and where. */
import type { Draft, Frame } from './draft.ts';
import type { Metrics } from './metrics.ts';
import type { RoomInput } from './room-plan.ts';

/** A row of rooms: its lower edge and the height of its roofs. */
export interface RowPlan {
  readonly inputs: readonly RoomInput[];
  readonly rows: number;
  readonly chipRows: number;
  readonly height: number;
  readonly bottomY: number;
}

export interface Plan {
  readonly m: Metrics;
  readonly direction: 'row' | 'column';
  readonly perRow: number;
  readonly rowPlans: readonly RowPlan[];
  /** Where each node's room stands. */
  readonly frames: ReadonlyMap<string, Frame>;
  readonly offset: (id: string) => readonly [number, number];
  /** Height of the zone between rooms and underlay. */
  readonly zoneH: number;
  /** Height of what stands between the rooms' roofs and the Services. */
  readonly lift: number;
}

/** Another order of the pods than each in its node's room. */
export interface Arrangement {
  /** Takes pods out of their rooms; `layout` puts them elsewhere once the rooms stand, and returns the height that it needs above them. */
  take(inputs: readonly RoomInput[], m: Metrics): { readonly inputs: readonly RoomInput[]; layout(draft: Draft, plan: Plan): number };
}
