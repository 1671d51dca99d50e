/** The columns of the packet list: which there are, what stands in them, and what somebody chose of them. */
import type { HopView } from '../../../world/views.ts';
import { formatTime, type TimeUnit } from '../format.ts';

/** A chosen column: `ttl` below, or `field:` and a field of the display filter's language (`field:tcp.seq_raw`). */
export interface Column {
  readonly id: string;
  readonly widthPx: number;
}

/** What a cell is made of. */
export interface Cell {
  readonly hop: HopView;
  /** The hop before in the run. */
  readonly before: HopView | undefined;
  /** Number of its packet in the run. */
  readonly number: number | undefined;
  readonly startNs: number;
  readonly unit: TimeUnit;
}

export interface ColumnKind {
  readonly title: string;
  /** What it says, for the list of columns. */
  readonly says: string;
  readonly widthPx: number;
  /** Width where there is little room; absent: it is not shown there. */
  readonly narrowPx?: number;
  text(cell: Cell): string;
  /** What it is sorted by; its text where absent. */
  key?(cell: Cell): number;
  /** The display filter for hops with the same value; '' where there is none. */
  filter?(cell: Cell): string;
}

const quoted = (text: string): string => JSON.stringify(text);
/** The filter for the address that stands in the column: of a tunnel's packet that is the tunnel's end. */
const ip = (hop: HopView, end: 'src' | 'dst'): string => {
  const shown = end === 'src' ? hop.source : hop.destination;
  for (const layer of hop.event.layers)
    if ((layer.protocol === 'ipv4' || layer.protocol === 'ipv6') && (shown.startsWith(layer[end]) || shown.startsWith(`[${layer[end]}]`)))
      return `${layer.protocol === 'ipv4' ? 'ip' : 'ipv6'}.${end} == ${layer[end]}`;
  return '';
};
const PROTOCOLS: ReadonlySet<string> = new Set(['arp', 'tcp', 'udp', 'icmp', 'icmpv6', 'dns', 'http', 'tls', 'vxlan', 'geneve', 'sctp']);

export const columnKinds: ReadonlyMap<string, ColumnKind> = new Map<string, ColumnKind>([
  [
    'packet',
    {
      title: '#',
      says: 'number of the packet in this run',
      widthPx: 44,
      narrowPx: 36,
      text: ({ number }) => String(number ?? ''),
      key: ({ number }) => number ?? -1,
      filter: ({ number }) => (number === undefined ? '' : `frame.number == ${number}`),
    },
  ],
  [
    'time',
    {
      title: 'time',
      says: 'since the run began',
      widthPx: 84,
      narrowPx: 58,
      text: ({ hop, startNs, unit }) => formatTime(hop.event.timeNs - startNs, unit),
      key: ({ hop }) => hop.event.timeNs,
    },
  ],
  [
    'delta',
    {
      title: 'delta',
      says: 'since the hop before, whichever packet it was of',
      widthPx: 84,
      text: ({ hop, before, unit }) => formatTime(hop.event.timeNs - (before ?? hop).event.timeNs, unit),
      key: ({ hop, before }) => hop.event.timeNs - (before ?? hop).event.timeNs,
    },
  ],
  [
    'clock',
    {
      title: 'clock s',
      says: 'virtual time since the world began, in seconds',
      widthPx: 104,
      text: ({ hop }) => (hop.event.timeNs / 1e9).toFixed(6),
      key: ({ hop }) => hop.event.timeNs,
    },
  ],
  [
    'where',
    {
      title: 'where',
      says: 'machine or pod, and device',
      widthPx: 150,
      narrowPx: 112,
      text: ({ hop }) => hop.where,
      filter: ({ hop: { event } }) => `hop.netns == ${quoted(event.netns)}${event.device === '' ? '' : ` && hop.device == ${quoted(event.device)}`}`,
    },
  ],
  [
    'source',
    {
      title: 'source',
      says: 'who sent it; of a tunnel’s packet, the tunnel’s end',
      widthPx: 132,
      text: ({ hop }) => hop.source,
      filter: ({ hop }) => ip(hop, 'src'),
    },
  ],
  [
    'destination',
    {
      title: 'destination',
      says: 'whom it is for; of a tunnel’s packet, the tunnel’s other end',
      widthPx: 132,
      text: ({ hop }) => hop.destination,
      filter: ({ hop }) => ip(hop, 'dst'),
    },
  ],
  [
    'proto',
    {
      title: 'proto',
      says: 'the outermost protocol that one cares for',
      widthPx: 62,
      narrowPx: 54,
      text: ({ hop }) => hop.protocol,
      filter: ({ hop }) => (PROTOCOLS.has(hop.protocol.toLowerCase()) ? hop.protocol.toLowerCase() : ''),
    },
  ],
  [
    'len',
    {
      title: 'len',
      says: 'bytes of the frame',
      widthPx: 50,
      text: ({ hop }) => (hop.lengthBytes > 0 ? String(hop.lengthBytes) : ''),
      key: ({ hop }) => hop.lengthBytes,
      filter: ({ hop }) => (hop.lengthBytes > 0 ? `frame.len == ${hop.lengthBytes}` : ''),
    },
  ],
  [
    'hop',
    { title: 'hop', says: 'which stop of how many of its packet', widthPx: 66, text: ({ hop }) => `${hop.hop} of ${hop.hops}`, key: ({ hop }) => hop.hop },
  ],
  [
    'step',
    {
      title: 'step',
      says: 'routed, matched, translated, dropped …',
      widthPx: 92,
      text: ({ hop }) => hop.event.step.kind,
      filter: ({ hop }) => `hop.step == ${quoted(hop.event.step.kind)}`,
    },
  ],
  ['label', { title: 'capsule', says: 'the words on the packet as it moves: SYN :80', widthPx: 120, text: ({ hop }) => hop.label }],
  [
    'rules',
    {
      title: 'rules',
      says: 'how many rules matched at this stop',
      widthPx: 52,
      text: ({ hop }) => String(hop.rules.length || ''),
      key: ({ hop }) => hop.rules.length,
    },
  ],
  ['info', { title: 'what happened', says: 'the decision in few words', widthPx: 260, narrowPx: 200, text: ({ hop }) => hop.summary }],
]);

export const FIELD = 'field:';
const FIELD_WIDTH_PX = 110;
export const MIN_WIDTH_PX = 28;
const MAX_WIDTH_PX = 1_200;
const MAX_COLUMNS = 24;

export const defaultColumns: readonly Column[] = ['packet', 'time', 'where', 'source', 'destination', 'proto', 'len', 'info'].map((id) => ({
  id,
  widthPx: widthOf(id),
}));

export function widthOf(id: string): number {
  return columnKinds.get(id)?.widthPx ?? FIELD_WIDTH_PX;
}

export const titleOf = (id: string): string => columnKinds.get(id)?.title ?? id.slice(FIELD.length);

const isColumn = (id: string): boolean => columnKinds.has(id) || /^field:[a-z0-9_.]{2,60}$/.test(id);

/** What storage has, entry by entry; odd ones are left out, and without any the usual ones come back. */
export function readColumns(value: unknown): readonly Column[] {
  const seen = new Set<string>();
  const columns = (Array.isArray(value) ? (value as readonly unknown[]) : []).flatMap((one): readonly Column[] => {
    const { id, widthPx } = typeof one === 'object' && one !== null ? (one as Readonly<Record<string, unknown>>) : {};
    if (typeof id !== 'string' || !isColumn(id) || seen.has(id)) return [];
    seen.add(id);
    return [{ id, widthPx: typeof widthPx === 'number' ? bounded(widthPx) : widthOf(id) }];
  });
  return columns.length === 0 ? defaultColumns : columns.slice(0, MAX_COLUMNS);
}

const bounded = (widthPx: number): number => Math.round(Math.min(MAX_WIDTH_PX, Math.max(MIN_WIDTH_PX, Number.isFinite(widthPx) ? widthPx : 0)));

export const resized = (columns: readonly Column[], id: string, widthPx: number): readonly Column[] =>
  columns.map((one) => (one.id === id ? { id, widthPx: bounded(widthPx) } : one));

/** The column stands before that of index `to` afterwards (at the end where there is none). */
export function moved(columns: readonly Column[], id: string, to: number): readonly Column[] {
  const column = columns.find((one) => one.id === id);
  if (column === undefined) return columns;
  const before = columns.slice(0, Math.max(0, to)).filter((one) => one.id !== id);
  return [...before, column, ...columns.slice(Math.max(0, to)).filter((one) => one.id !== id)];
}

/** Shown where it was not, gone where it was; the last one stays. */
export function toggled(columns: readonly Column[], id: string): readonly Column[] {
  if (!isColumn(id)) return columns;
  if (columns.some((one) => one.id === id)) return columns.length === 1 ? columns : columns.filter((one) => one.id !== id);
  // What happened takes the room that is left: it stays behind the others.
  const end = columns.at(-1)?.id === 'info' ? columns.length - 1 : columns.length;
  return [...columns.slice(0, end), { id, widthPx: widthOf(id) }, ...columns.slice(end)].slice(0, MAX_COLUMNS);
}
