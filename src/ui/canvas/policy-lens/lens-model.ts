/** The Policy lens without its drawing: which lines between boxes, what a cell says, what the last change did. */
import type { PolicyLensEdge, PolicyLensGroup, PolicyLensView, PolicyLensWay } from '../../../world/reach/reach-views.ts';

export type WayState = 'open' | 'closed' | 'mixed';

export const stateOf = ({ open, pairs }: PolicyLensWay): WayState => (open === pairs ? 'open' : open === 0 ? 'closed' : 'mixed');

/** `80`; of others than TCP `53/UDP`. */
export const portWords = (port: string): string => port.replace(/\/TCP$/, '');

/** Pods of the cluster's own namespaces are left out, but its DNS: everybody asks it. */
export function isShown({ namespace, title }: PolicyLensGroup, system: boolean): boolean {
  return system || title === 'kube-dns' || !(namespace.startsWith('kube-') || namespace === 'local-path-storage' || namespace.endsWith('-system'));
}

/** A column of the matrix: a group at one of its ports. */
export interface LensColumn {
  readonly group: number;
  readonly port: string;
}

export const MAX_COLUMNS = 30;
export const MAX_ROWS = 40;

export function columnsOf(view: PolicyLensView, system: boolean): readonly LensColumn[] {
  const columns = new Map<string, LensColumn>();
  for (const { to, ways } of view.edges) {
    const group = view.groups[to];
    if (group === undefined || !isShown(group, system)) continue;
    for (const { port } of ways) columns.set(`${String(to).padStart(4)} ${port}`, { group: to, port });
  }
  return [...columns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, column]) => column);
}

export const wayAt = (view: PolicyLensView, from: number, { group, port }: LensColumn): PolicyLensWay | undefined =>
  view.edges.find((edge) => edge.from === from && edge.to === group)?.ways.find((one) => one.port === port);

/** By names that outlive a change: pods come and go, groups keep theirs. */
const keyOf = (view: PolicyLensView, { from, to }: PolicyLensEdge, port: string): string => `${view.groups[from]?.id} ${view.groups[to]?.id} ${port}`;

export interface LensChange {
  readonly opened: number;
  readonly closed: number;
  /** By `from to port`, as `changeKey` says it. */
  readonly ways: ReadonlyMap<string, 'opened' | 'closed'>;
}

export const changeKey = (view: PolicyLensView, from: number, { group, port }: LensColumn): string => keyOf(view, { from, to: group, ways: [] }, port);

export function changesOf(before: PolicyLensView | undefined, after: PolicyLensView): LensChange {
  const ways = new Map<string, 'opened' | 'closed'>();
  if (before !== undefined) {
    const was = new Map(before.edges.flatMap((edge) => edge.ways.map((one) => [keyOf(before, edge, one.port), one] as const)));
    for (const edge of after.edges) {
      for (const one of edge.ways) {
        const key = keyOf(after, edge, one.port);
        const old = was.get(key);
        if (old === undefined || old.open * one.pairs === one.open * old.pairs) continue;
        ways.set(key, one.open * old.pairs > old.open * one.pairs ? 'opened' : 'closed');
      }
    }
  }
  const count = (what: 'opened' | 'closed') => [...ways.values()].filter((one) => one === what).length;
  return { opened: count('opened'), closed: count('closed'), ways };
}

export type Shown = 'open' | 'closed' | 'both';

/** A line from one group to another, with the ports for which it stands. */
export interface LensLine {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly state: WayState;
  /** `80, 443` */
  readonly label: string;
  readonly changed: boolean;
}

/** More lines than this are a tangle: then only those of the chosen group. */
export const MAX_LINES = 60;

/** @param of Index of the group whose lines are wanted; undefined: all, where that are not too many. */
export function linesOf(
  view: PolicyLensView,
  options: { readonly shown: Shown; readonly system: boolean; readonly of?: number | undefined; readonly change: LensChange },
): readonly LensLine[] {
  const { shown, system, of, change } = options;
  const lines: LensLine[] = [];
  for (const edge of view.edges) {
    const { from, to } = edge;
    const [a, b] = [view.groups[from], view.groups[to]];
    if (from === to || a === undefined || b === undefined) continue;
    if (of === undefined ? !isShown(a, system) || !isShown(b, system) : from !== of && to !== of) continue;
    for (const state of ['open', 'mixed', 'closed'] as const) {
      const ways = edge.ways.filter((one) => stateOf(one) === state);
      if (ways.length === 0 || (shown === 'open' && state === 'closed') || (shown === 'closed' && state === 'open')) continue;
      const label = ways.map((one) => portWords(one.port)).join(', ');
      lines.push({ key: `${a.id} ${b.id} ${state}`, from, to, state, label, changed: ways.some((one) => change.ways.has(keyOf(view, edge, one.port))) });
    }
  }
  return lines;
}
