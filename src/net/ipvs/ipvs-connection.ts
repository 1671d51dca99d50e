/** One connection of IPVS: its states and how long each lasts. Linux: net/netfilter/ipvs/ip_vs_proto_tcp.c, ip_vs_proto_udp.c, ip_vs_conn.c */

import type { Ip } from '../wire/packet.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { SCTP_STATES } from './ipvs-sctp.ts';
import type { DestinationState } from './ipvs-state.ts';

export const STATE_NAMES = [
  'NONE',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'SYNACK',
] as const;
const NO = 0;
export const ES = 1;
const SS = 2;
const SR = 3;
const FW = 4;
export const TW = 5;
export const CL = 6;
const CW = 7;
const LA = 8;
const LI = 9;

/** Seconds of each state of TCP. */
export const TCP_TIMEOUTS: readonly number[] = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120];
export const UDP_TIMEOUT = 300;

/** By direction (in, out, in only), then by flag (syn, fin, ack, rst): the next state for each state. */
const TRANSITIONS: readonly (readonly (readonly number[])[])[] = [
  [
    [SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR],
    [CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW],
    [ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES],
    [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR],
  ],
  [
    [SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR],
    [TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW],
    [ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES],
    [CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL],
  ],
  [
    [SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR],
    [CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW],
    [ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES],
    [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL],
  ],
];

export type Direction = 0 | 1;

/** The state after a segment; unchanged where it has none of the flags. `oneWay`: the answers do not come by here. */
export function nextState(state: number, flags: number, direction: Direction, oneWay: boolean): number {
  const row = (flags & TCP_RST) !== 0 ? 3 : (flags & TCP_SYN) !== 0 ? 0 : (flags & TCP_FIN) !== 0 ? 1 : (flags & TCP_ACK) !== 0 ? 2 : -1;
  if (row < 0) return state;
  return TRANSITIONS[oneWay && direction === 0 ? 2 : direction]?.[row]?.[state] ?? NO;
}

export class IpvsConnection {
  readonly protocol: number;
  readonly clientIp: Ip;
  readonly clientPort: number;
  readonly virtualIp: Ip;
  readonly virtualPort: number;
  readonly destination: DestinationState;
  /** Counts up: connections are listed in this order. */
  readonly serial: number;
  state = NO;
  timeoutSeconds = 0;
  expiresNs = 0;
  /** Counts as inactive at its real server. */
  inactive = true;
  /** A template of persistence: no connection of its own. */
  readonly template: boolean;
  readonly onePacket: boolean;
  /** IP_VS_CONN_F_NFCT: conntrack knows its packets (net.ipv4.vs.conntrack). */
  conntrack = false;
  /** The template that this connection keeps alive, by its key. */
  control: string | undefined;
  controlled = 0;

  constructor(
    serial: number,
    protocol: number,
    clientIp: Ip,
    clientPort: number,
    virtualIp: Ip,
    virtualPort: number,
    destination: DestinationState,
    kind: { readonly template: boolean; readonly onePacket: boolean },
  ) {
    this.serial = serial;
    this.protocol = protocol;
    this.clientIp = clientIp;
    this.clientPort = clientPort;
    this.virtualIp = virtualIp;
    this.virtualPort = virtualPort;
    this.destination = destination;
    this.template = kind.template;
    this.onePacket = kind.onePacket;
  }

  /** What `ipvsadm -Lc` calls its state. */
  get stateName(): string {
    if (this.template) return 'NONE';
    if (this.protocol === IP_PROTO_SCTP) return SCTP_STATES[this.state] ?? 'NONE';
    return this.protocol === 17 ? 'UDP' : (STATE_NAMES[this.state] ?? 'NONE');
  }
}
