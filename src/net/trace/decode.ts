/** Rows of the trace log as events that people and programs read. */
import { formatEndpoint, formatIp } from '../addr/ip.ts';
import { HOOK_NAMES, TABLE_NAMES } from '../netfilter/hook.ts';
import type { Skb } from '../stack/skb.ts';
import type { Step, TraceEvent, TraceTable } from '../trace-event.ts';
import { layersOf } from '../wire/layers.ts';
import { type Layer, TUNNEL_NAMES, type Tunnel } from '../wire/packet.ts';
import { packetSummary } from '../wire/words.ts';
import { changeStep } from './change-words.ts';
import {
  COLUMN_A,
  COLUMN_B,
  COLUMN_C,
  COLUMN_CAUSE,
  COLUMN_HEADER,
  COLUMN_KIND,
  COLUMN_MARK,
  COLUMN_PACKET,
  COLUMN_PLACE,
  ctStateOf,
  kindOf,
  type Place,
  type Reference,
  ROW_BPF,
  ROW_BRIDGED,
  ROW_CHANGED,
  ROW_CREATED,
  ROW_DECAPSULATED,
  ROW_DELIVERED,
  ROW_DROPPED,
  ROW_DUPLICATED,
  ROW_ENCAPSULATED,
  ROW_MATCHED,
  ROW_PRINTED,
  ROW_QUEUED,
  ROW_RECEIVED,
  ROW_RESOLVED,
  ROW_ROUTED,
  ROW_TLS,
  ROW_TRANSLATED,
  ROW_TRANSMITTED,
  smallOf,
  type TraceLog,
} from './trace-log.ts';

export const TRANSLATIONS = ['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'un-DNAT', 'un-SNAT', 'IPVS', 'un-IPVS'] as const;
export const DECISIONS = ['local', 'forward', 'output'] as const;
export const RESOLUTIONS = ['cache', 'permanent', 'arp', 'nd'] as const;
/** Bits beside the decision of a `routed` row. */
export const ROUTED_HAS_NEXT_HOP = 4;
export const ROUTED_HAS_SOURCE = 8;
export const ROUTED_IPV6 = 16;
/** Bit beside the translation. */
export const TRANSLATED_DESTINATION = 8;
export const TRANSLATED_HAS_PORTS = 16;
export const TRANSLATED_IPV6 = 32;
export const TRANSLATED_BY_BPF = 64;
/** Bit beside the resolution, and alone in a `queued` row. */
export const RESOLVED_IPV6 = 16;
/** `a` of rows without a reference. */
export const NO_REFERENCE = 0x7fffffff;

const CONNECTION_STATES = [undefined, 'NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const;

type Of<K extends Reference['kind']> = Extract<Reference, { kind: K }>;
const text = (log: TraceLog, index: number): string => (log.resolve(index) as Of<'text'>).text;

/** Layers by row of the header table: a packet that is not changed shows the very same layers from event to event, decoded once. */
export type LayerCache = Map<number, readonly Layer[]>;

const noLayers: readonly Layer[] = [];

export function decodeEvent(log: TraceLog, seq: number, cache: LayerCache): TraceEvent {
  const chunk = log.rows.chunkOf(seq);
  const at = log.rows.offsetOf(seq);
  const column = (i: number): number => chunk[at + i] as number;
  const place = log.places[column(COLUMN_PLACE)] as Place;
  const packetId = column(COLUMN_PACKET);
  const mark = column(COLUMN_MARK) >>> 0;
  const header = column(COLUMN_HEADER);
  const kind = kindOf(column(COLUMN_KIND));
  let layers = header < 0 ? noLayers : cache.get(header);
  const packet =
    layers !== undefined && kind !== ROW_CREATED ? undefined : header < 0 ? undefined : log.headers.rebuild(header, packetId, column(COLUMN_CAUSE), mark);
  if (layers === undefined) {
    layers = packet === undefined ? noLayers : layersOf(packet);
    cache.set(header, layers);
  }
  const state = CONNECTION_STATES[ctStateOf(column(COLUMN_KIND))];
  return {
    seq,
    timeNs: log.times.get(seq),
    packetId,
    causeSeq: column(COLUMN_CAUSE),
    hostId: place.hostId,
    netns: place.netns,
    device: place.device,
    step: decodeStep(log, kind, smallOf(column(COLUMN_KIND)), column(COLUMN_A), column(COLUMN_B), column(COLUMN_C), packet),
    layers,
    mark,
    ...(state === undefined ? {} : { connectionState: state }),
  };
}

function decodeStep(log: TraceLog, kind: number, small: number, a: number, b: number, c: number, packet: Skb | undefined): Step {
  switch (kind) {
    case ROW_CREATED: {
      const [by = '', why] = text(log, a).split('\n');
      return { kind: 'created', by, summary: packet === undefined ? '' : packetSummary(packet), ...(why === undefined ? {} : { why }) };
    }
    case ROW_RECEIVED:
      return { kind: 'received' };
    case ROW_BRIDGED: {
      const r = log.resolve(a) as Of<'bridged'>;
      return { kind: 'bridged', bridge: r.bridge, fromPort: r.fromPort, to: r.to, how: r.how };
    }
    case ROW_MATCHED: {
      const hook = HOOK_NAMES[small & 7] ?? 'PREROUTING';
      const table = TABLE_NAMES[small >> 3] ?? 'filter';
      if (a === NO_REFERENCE) {
        if (c !== 0) {
          const [label = '', chain = ''] = text(log, c).split('\t');
          return { kind: 'matched', hook, table: label as TraceTable, verdict: text(log, b), chain };
        }
        return { kind: 'matched', hook, table, verdict: text(log, b) };
      }
      const r = log.resolve(a) as Of<'rule'>;
      return { kind: 'matched', hook, table: r.rule.table, rule: r.rule, verdict: r.verdict };
    }
    case ROW_TRANSLATED: {
      const ports = (small & TRANSLATED_HAS_PORTS) !== 0;
      const withPort = (column: number, port: number): string => {
        const ip = log.addressOf(column, (small & TRANSLATED_IPV6) !== 0);
        return ports ? formatEndpoint(ip, port) : formatIp(ip);
      };
      return {
        kind: 'translated',
        how: TRANSLATIONS[small & 7] ?? 'DNAT',
        field: (small & TRANSLATED_DESTINATION) !== 0 ? 'destination' : 'source',
        before: withPort(a, c >>> 16),
        after: withPort(b, c & 0xffff),
        ...((small & TRANSLATED_BY_BPF) === 0 ? {} : { by: 'bpf' }),
      };
    }
    case ROW_ROUTED: {
      const r = log.resolve(a) as Of<'route'>;
      return {
        kind: 'routed',
        route: r.route,
        decision: DECISIONS[small & 3] ?? 'forward',
        device: r.device,
        ...((small & ROUTED_HAS_NEXT_HOP) === 0 ? {} : { nextHop: formatIp(log.addressOf(b, (small & ROUTED_IPV6) !== 0)) }),
        ...((small & ROUTED_HAS_SOURCE) === 0 ? {} : { source: formatIp(log.addressOf(c, (small & ROUTED_IPV6) !== 0)) }),
      };
    }
    case ROW_RESOLVED: {
      const r = log.resolve(a) as Of<'neighbor'>;
      return {
        kind: 'resolved',
        ip: formatIp(log.addressOf(b, (small & RESOLVED_IPV6) !== 0)),
        mac: r.mac,
        how: RESOLUTIONS[small & 15] ?? 'cache',
        ...(r.origin === undefined ? {} : { origin: r.origin }),
      };
    }
    case ROW_QUEUED:
      return { kind: 'queued', ip: formatIp(log.addressOf(b, (small & RESOLVED_IPV6) !== 0)) };
    case ROW_ENCAPSULATED: {
      const r = log.resolve(a) as Of<'tunnel'>;
      return {
        kind: 'encapsulated',
        protocol: r.protocol,
        vni: r.vni,
        localIp: r.localIp,
        remoteIp: r.remoteIp,
        overheadBytes: r.overheadBytes,
        ...(r.fdbOrigin === undefined ? {} : { fdbOrigin: r.fdbOrigin }),
      };
    }
    case ROW_DUPLICATED:
      return { kind: 'duplicated' };
    case ROW_DECAPSULATED:
      return { kind: 'decapsulated', protocol: TUNNEL_NAMES[small as Tunnel], vni: b };
    case ROW_BPF:
      return log.resolve(a) as Of<'bpf'>;
    case ROW_TRANSMITTED:
      return a === NO_REFERENCE ? { kind: 'transmitted' } : { kind: 'transmitted', to: text(log, a) };
    case ROW_DELIVERED:
      return b === NO_REFERENCE ? { kind: 'delivered', to: text(log, a) } : { kind: 'delivered', to: text(log, a), process: text(log, b) };
    case ROW_TLS:
      return log.resolve(a) as Of<'tls'>;
    case ROW_PRINTED: {
      const r = log.resolve(a) as Of<'printed'>;
      return { kind: 'printed', process: r.process, stream: r.stream, text: r.text };
    }
    case ROW_CHANGED: {
      const r = log.resolve(a) as Of<'changed'> | Of<'forgotten'>;
      if (r.kind === 'forgotten') return { kind: 'changed', by: r.by, record: 'connection', recordId: `${r.netns}/connection`, before: r.flow };
      return changeStep(r.command, r.before, r.after);
    }
    case ROW_DROPPED: {
      const r = log.resolve(a) as Of<'drop'>;
      return {
        kind: 'dropped',
        reason: r.reason,
        detail: r.detail,
        ...(r.rule === undefined ? {} : { rule: r.rule }),
        ...(r.route === undefined ? {} : { route: r.route }),
        ...(r.answered === undefined ? {} : { answered: r.answered }),
      };
    }
    default:
      throw new Error(`trace row of unknown kind ${kind}`);
  }
}

/** First row at or after a time. Times never go back along the log. */
export function seqAt(log: TraceLog, timeNs: number): number {
  let low = 0;
  let high = log.rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (log.times.get(middle) < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}
