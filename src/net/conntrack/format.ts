/** Connections as conntrack-tools 1.4.7 prints them: plain, extended, as commands that would make them (`save`), as XML. */
import type { ConnectionEvent, ConnectionTuple, ConnectionView } from '../engine.ts';

export interface FlowFormat {
  readonly as: 'text' | 'save' | 'xml';
  /** The network protocol first. */
  readonly extended: boolean;
  readonly id: boolean;
  /** Events: when they came. */
  readonly timestamp: boolean;
}

export const PLAIN_FLOW: FlowFormat = { as: 'text', extended: false, id: false, timestamp: false };
export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';
export const XML_TAIL = '</conntrack>\n';

const FAMILY_NUMBERS = { ipv4: 2, ipv6: 10 } as const;
const EVENT_NAMES = { NEW: '    [NEW] ', UPDATE: ' [UPDATE] ', DESTROY: '[DESTROY] ' } as const;
const EVENT_LETTERS = { NEW: '-A', UPDATE: '-U', DESTROY: '-D' } as const;
const EVENT_TYPES = { NEW: 'new', UPDATE: 'update', DESTROY: 'destroy' } as const;
const USERSPACE = ' [USERSPACE]';

const isIcmp = (flow: ConnectionView): boolean => flow.protocol === 'icmp' || flow.protocol === 'icmpv6';
const hasPorts = (flow: ConnectionView): boolean => flow.protocol === 'tcp' || flow.protocol === 'udp' || flow.protocol === 'sctp';

function tupleText(flow: ConnectionView, tuple: ConnectionTuple): string {
  const ends = `src=${tuple.src} dst=${tuple.dst}`;
  if (isIcmp(flow)) return `${ends} type=${tuple.icmpType ?? 8} code=${tuple.icmpCode ?? 0} id=${tuple.icmpId ?? 0}`;
  if (hasPorts(flow)) return `${ends} sport=${tuple.sport} dport=${tuple.dport}`;
  return flow.protocol === 'gre' ? `${ends} srckey=0x0 dstkey=0x0` : ends;
}

/** One flow, without a line's end. An event leaves out what the kernel does not tell: a mark of 0, the use count, counters before the end. */
function flowText(flow: ConnectionView, format: FlowFormat, event: ConnectionEvent['kind'] | undefined): string {
  const counted = event === undefined || event === 'DESTROY' ? flow.counters : undefined;
  const counters = (direction: 0 | 1): string => (counted === undefined ? '' : ` packets=${counted[direction][0]} bytes=${counted[direction][1]}`);
  const zone = (direction: ConnectionView['zoneDirection'], name: string): string =>
    flow.zone !== 0 && flow.zoneDirection === direction ? ` ${name}=${flow.zone}` : '';
  let text = format.extended ? `${flow.family}     ${FAMILY_NUMBERS[flow.family]} ` : '';
  text += `${flow.protocol.padEnd(8)} ${flow.protocolNumber} `;
  if (event !== 'DESTROY' || flow.timeoutSeconds > 0) text += `${flow.timeoutSeconds} `;
  if (flow.tcpState !== undefined) text += `${flow.tcpState} `;
  text += `${tupleText(flow, flow.original)}${zone('original', 'zone-orig')}${counters(0)}`;
  if (flow.unreplied) text += ' [UNREPLIED]';
  text += ` ${tupleText(flow, flow.reply)}${zone('reply', 'zone-reply')}${counters(1)}`;
  if (flow.assured) text += ' [ASSURED]';
  if (event === undefined || flow.mark !== 0) text += ` mark=${flow.mark}`;
  text += zone('both', 'zone');
  if (event === undefined) text += ' use=1';
  if (format.id) text += ` id=${flow.id}`;
  return text;
}

function statusWords(flow: ConnectionView): string {
  const words: string[] = [];
  if (!flow.unreplied) words.push('SEEN_REPLY');
  if (flow.assured) words.push('ASSURED');
  for (const nat of flow.nat.toSorted().reverse()) words.push(nat === 'SNAT' ? 'SRC_NAT' : 'DST_NAT');
  return words.length === 0 ? 'UNSET' : words.join(',');
}

function saveText(flow: ConnectionView, event: ConnectionEvent['kind'] | undefined): string {
  const { original, reply } = flow;
  const words = [EVENT_LETTERS[event ?? 'NEW'], '-t', String(flow.timeoutSeconds), '-u', statusWords(flow)];
  if (flow.mark !== 0) words.push('-m', String(flow.mark));
  if (flow.zone !== 0) words.push({ both: '-w', original: '--orig-zone', reply: '--reply-zone' }[flow.zoneDirection], String(flow.zone));
  words.push('-s', original.src, '-d', original.dst, '-r', reply.src, '-q', reply.dst, '-p', flow.protocol);
  if (isIcmp(flow)) {
    const name = flow.protocol;
    words.push(
      `--${name}-type`,
      String(original.icmpType ?? 8),
      `--${name}-code`,
      String(original.icmpCode ?? 0),
      `--${name}-id`,
      String(original.icmpId ?? 0),
    );
  } else if (hasPorts(flow)) {
    words.push('--sport', String(original.sport), '--dport', String(original.dport));
    words.push('--reply-port-src', String(reply.sport), '--reply-port-dst', String(reply.dport));
  }
  if (flow.tcpState !== undefined) words.push('--state', flow.tcpState);
  return words.join(' ');
}

function xmlText(flow: ConnectionView, event: ConnectionEvent['kind'] | undefined): string {
  const counted = event === undefined || event === 'DESTROY' ? flow.counters : undefined;
  const meta = (direction: 0 | 1, tuple: ConnectionTuple): string => {
    const ports = hasPorts(flow) ? `<sport>${tuple.sport}</sport><dport>${tuple.dport}</dport>` : '';
    const zoned = flow.zone !== 0 && flow.zoneDirection === (direction === 0 ? 'original' : 'reply') ? `<zone>${flow.zone}</zone>` : '';
    const counters = counted === undefined ? '' : `<counters><packets>${counted[direction][0]}</packets><bytes>${counted[direction][1]}</bytes></counters>`;
    return (
      `<meta direction="${direction === 0 ? 'original' : 'reply'}"><layer3 protonum="${FAMILY_NUMBERS[flow.family]}" protoname="${flow.family}">` +
      `<src>${tuple.src}</src><dst>${tuple.dst}</dst></layer3><layer4 protonum="${flow.protocolNumber}" protoname="${flow.protocol}">${ports}</layer4>${zoned}${counters}</meta>`
    );
  };
  const own: string[] = [];
  if (flow.tcpState !== undefined) own.push(`<state>${flow.tcpState}</state>`);
  if (event !== 'DESTROY' || flow.timeoutSeconds > 0) own.push(`<timeout>${flow.timeoutSeconds}</timeout>`);
  if (event === undefined || flow.mark !== 0) own.push(`<mark>${flow.mark}</mark>`);
  if (flow.zone !== 0 && flow.zoneDirection === 'both') own.push(`<zone>${flow.zone}</zone>`);
  if (event === undefined) own.push('<use>1</use>');
  own.push(`<id>${flow.id}</id>`);
  if (flow.unreplied) own.push('<unreplied/>');
  if (flow.assured) own.push('<assured/>');
  const type = event === undefined ? '' : ` type="${EVENT_TYPES[event]}"`;
  return `<flow${type}>${meta(0, flow.original)}${meta(1, flow.reply)}<meta direction="independent">${own.join('')}</meta></flow>`;
}

/** A line of `conntrack -L`. */
export function formatFlow(flow: ConnectionView, format: FlowFormat = PLAIN_FLOW): string {
  if (format.as === 'save') return `${saveText(flow, undefined)}\n`;
  return format.as === 'xml' ? `${xmlText(flow, undefined)}\n` : `${flowText(flow, format, undefined)}\n`;
}

/** A line of `conntrack -E`; `epochMs` is virtual time 0. */
export function formatFlowEvent(event: ConnectionEvent, format: FlowFormat, epochMs: number): string {
  const tail = event.kind === 'DESTROY' && event.connection.byHand ? USERSPACE : '';
  if (format.as === 'save') return `${saveText(event.connection, event.kind)}${tail}\n`;
  if (format.as === 'xml') return `${xmlText(event.connection, event.kind)}${tail}\n`;
  const stamp = format.timestamp ? `[${clockText(event.timeNs, epochMs)}]\t` : '';
  return `${stamp}${EVENT_NAMES[event.kind]}${flowText(event.connection, format, event.kind)}${tail}\n`;
}

/** Seconds since 1970 with microseconds, as gettimeofday() has them. */
function clockText(timeNs: number, epochMs: number): string {
  const micros = Math.floor(timeNs / 1000) + (epochMs % 1000) * 1000;
  const seconds = Math.floor(epochMs / 1000) + Math.floor(micros / 1e6);
  return `${seconds}.${String(micros % 1e6).padStart(6, '0')}`;
}

/** A line of /proc/net/nf_conntrack. */
export function procFlow(flow: ConnectionView): string {
  const counters = (direction: 0 | 1): string =>
    flow.counters === undefined ? '' : `packets=${flow.counters[direction][0]} bytes=${flow.counters[direction][1]} `;
  const unknown = flow.protocol === 'unknown' || flow.protocol === 'gre' ? flow.protocol : undefined;
  const head = `${flow.family}     ${FAMILY_NUMBERS[flow.family]} ${(unknown ?? flow.protocol).padEnd(8)} ${flow.protocolNumber} ${flow.timeoutSeconds} `;
  const state = flow.tcpState === undefined ? '' : `${flow.tcpState} `;
  const unreplied = flow.unreplied ? '[UNREPLIED] ' : '';
  const assured = flow.assured ? '[ASSURED] ' : '';
  return `${head}${state}${tupleText(flow, flow.original)} ${counters(0)}${unreplied}${tupleText(flow, flow.reply)} ${counters(1)}${assured}mark=${flow.mark} zone=${flow.zone} use=2\n`;
}
