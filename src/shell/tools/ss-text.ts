/** How ss (iproute2 6.1) writes one socket: addresses, timers, memory and TCP's inner life. */
import type { SocketView, TcpSocketView } from '../../net/engine.ts';
import { serviceName } from '../../net/wire/tcpdump/names.ts';
import { inodeOf, type SocketOwner } from './socket-owner.ts';

const isIp6 = (ip: string): boolean => ip.includes(':');

/** Address with its colon, and port, as two columns that meet. */
export function endpointColumns(socket: SocketView, local: boolean, numeric: boolean): readonly [string, string] {
  const ip = local ? socket.localIp : socket.remoteIp;
  const port = local ? socket.localPort : socket.remotePort;
  const device = local && socket.device !== '' ? `%${socket.device}` : '';
  const address = isIp6(ip) ? `[${ip}]${device}` : `${ip}${device}`;
  return [
    `${address}:`,
    port === 0 ? '*' : numeric ? String(port) : ((socket.protocol === 'sctp' ? undefined : serviceName(port, socket.protocol)) ?? String(port)),
  ];
}

/** `119min`, `4.996ms` (for nearly five seconds), `432ms` (print_ms_timer()). */
export function timerText(leftNs: number): string {
  const total = Math.floor(leftNs / 1e6);
  const minutes = Math.floor(total / 60_000);
  let seconds = Math.floor(total / 1000) % 60;
  let millis = total % 1000;
  let text = '';
  if (minutes > 0) {
    millis = 0;
    text += `${minutes}min`;
    if (minutes > 9) seconds = 0;
  }
  if (seconds > 0) {
    if (seconds > 9) millis = 0;
    text += `${seconds}${millis > 0 ? '.' : 'sec'}`;
  }
  if (millis > 0) text += `${String(millis).padStart(3, '0')}ms`;
  return text;
}

export interface Detail {
  readonly options: boolean;
  readonly extended: boolean;
  readonly memory: boolean;
  readonly info: boolean;
  readonly oneLine: boolean;
}

/** What stands behind the addresses. */
export function detailText(socket: SocketView, detail: Detail, owner: SocketOwner | undefined, nowNs: number): string {
  let text = owner === undefined ? '' : ` users:(("${owner.name}",pid=${owner.pid},fd=${owner.fd}))`;
  const { tcp } = socket;
  const listening = socket.state === 'LISTEN';
  if (detail.options || detail.extended) {
    const timer = tcp?.timer;
    if (timer !== undefined) text += ` timer:(${timer.name},${timerText(timer.leftNs)},${timer.retransmissions})`;
  }
  if (detail.extended) {
    const arrow = tcp === undefined ? '<->' : { none: '<->', receive: '-->', send: '<--', both: '---' }[tcp.shutdown];
    text += ` ino:${socket.processId === '' ? 0 : inodeOf(socket)} sk:${socket.socketId.toString(16)} cgroup:unreachable:1 ${arrow}`;
  }
  const more: string[] = [];
  const sleeping = socket.state === 'TIME-WAIT';
  if (detail.memory && !sleeping) more.push(memoryText(socket));
  if (detail.info && tcp !== undefined && !sleeping) more.push(infoText(tcp, listening, detail.options, nowNs));
  if (more.length > 0) text += `${detail.oneLine ? '' : '\n\t'} ${more.join(' ')}`;
  return text;
}

function memoryText(socket: SocketView): string {
  const receive = socket.tcp?.receiveBufferBytes || 212_992;
  const send = socket.tcp === undefined ? 212_992 : socket.state === 'LISTEN' ? 16_384 : 87_040;
  const used = socket.state === 'LISTEN' ? 0 : socket.receiveQueue;
  return `skmem:(r${used},rb${receive},t0,tb${send},f0,w${socket.state === 'LISTEN' ? 0 : socket.sendQueue},o0,bl0,d0)`;
}

/** Milliseconds with as many digits as are needed (`%g`). */
const millis = (ns: number): string => String(Number((ns / 1e6).toPrecision(6)));

/** tcp_stats_print(): what is 0 is left out. Congestion control is slow start and Reno's increase with CUBIC's decrease. */
function infoText(tcp: TcpSocketView, listening: boolean, options: boolean, nowNs: number): string {
  const words: string[] = [];
  const put = (name: string, value: number): void => {
    if (value > 0) words.push(`${name}:${value}`);
  };
  if (options && !listening) {
    if (tcp.timestamps) words.push('ts');
    if (tcp.sack) words.push('sack');
  }
  words.push('cubic');
  if (listening) {
    words.push('cwnd:10');
    return words.join(' ');
  }
  if (tcp.sendScale > 0 || tcp.receiveScale > 0) words.push(`wscale:${tcp.sendScale},${tcp.receiveScale}`);
  put('rto', Math.round(tcp.rtoNs / 1e6));
  if (tcp.rttNs > 0) words.push(`rtt:${millis(tcp.rttNs)}/${millis(tcp.rttVarianceNs)}`);
  put('ato', Math.round(tcp.atoNs / 1e6));
  put('mss', tcp.mss);
  put('pmtu', tcp.pathMtu);
  put('rcvmss', tcp.receiveMss);
  put('advmss', tcp.advertisedMss);
  put('cwnd', tcp.cwnd);
  if (tcp.ssthresh !== undefined) put('ssthresh', tcp.ssthresh);
  put('bytes_sent', tcp.bytesSent);
  put('bytes_retrans', tcp.bytesRetransmitted);
  put('bytes_acked', tcp.bytesAcked);
  put('bytes_received', tcp.bytesReceived);
  put('segs_out', tcp.segmentsOut);
  put('segs_in', tcp.segmentsIn);
  put('data_segs_out', tcp.dataSegmentsOut);
  put('data_segs_in', tcp.dataSegmentsIn);
  if (tcp.rttNs > 0) words.push(`send ${Math.round((tcp.cwnd * tcp.mss * 8e9) / tcp.rttNs)}bps`);
  put('lastsnd', Math.round((nowNs - tcp.lastSentNs) / 1e6));
  put('lastrcv', Math.round((nowNs - tcp.lastReceivedNs) / 1e6));
  put('lastack', Math.round((nowNs - tcp.lastAckNs) / 1e6));
  if (tcp.rttNs > 0) words.push(`pacing_rate ${Math.round((tcp.cwnd * tcp.mss * (tcp.ssthresh === undefined ? 16e9 : 9.6e9)) / tcp.rttNs)}bps`);
  put('unacked', tcp.unacked);
  if (tcp.retransmissions > 0) words.push(`retrans:${tcp.retransmissionsNow}/${tcp.retransmissions}`);
  put('lost', tcp.lost);
  put('sacked', tcp.sacked);
  put('rcv_space', tcp.receiveSpace > 1 ? tcp.receiveSpace : 0);
  put('rcv_ssthresh', tcp.receiveSsthresh);
  if (tcp.minRttNs > 0) words.push(`minrtt:${millis(tcp.minRttNs)}`);
  put('snd_wnd', tcp.sendWindow);
  return words.join(' ');
}
