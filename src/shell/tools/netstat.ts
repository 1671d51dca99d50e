/** netstat of net-tools: sockets, routes and counters of this netns. */
import type { SocketView } from '../../net/engine.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { socketOwners } from './socket-owner.ts';

/** Its own names for states. */
const STATES: Readonly<Record<string, string>> = {
  ESTAB: 'ESTABLISHED',
  'SYN-SENT': 'SYN_SENT',
  'SYN-RECV': 'SYN_RECV',
  'FIN-WAIT-1': 'FIN_WAIT1',
  'FIN-WAIT-2': 'FIN_WAIT2',
  'TIME-WAIT': 'TIME_WAIT',
  CLOSED: 'CLOSE',
  'CLOSE-WAIT': 'CLOSE_WAIT',
  'LAST-ACK': 'LAST_ACK',
  LISTEN: 'LISTEN',
  CLOSING: 'CLOSING',
};

const isIp6 = (ip: string): boolean => ip.includes(':');
const endpoint = (ip: string, port: number): string => `${ip}:${port === 0 ? '*' : port}`;
const isServer = (socket: SocketView): boolean => socket.state === 'LISTEN' || socket.state === 'UNCONN';

function listSockets({ host, place, out }: Invocation, flags: ReadonlySet<string>): number {
  const both = flags.has('t') === flags.has('u');
  const all = host.engine.sockets(place.netns);
  const name = (socket: SocketView): string => `${socket.protocol}${isIp6(socket.localIp) ? '6' : ''}`;
  const rank = (socket: SocketView): number => (socket.protocol === 'tcp' ? 0 : 2) + (isIp6(socket.localIp) ? 1 : 0);
  const sockets = all
    .filter((socket) => socket.protocol !== 'sctp')
    .filter((socket) => both || (socket.protocol === 'tcp' ? flags.has('t') : flags.has('u')))
    .filter((socket) => flags.has('a') || isServer(socket) === flags.has('l'))
    .filter((socket) => flags.has('4') === flags.has('6') || isIp6(socket.localIp) === flags.has('6'))
    .toSorted((a, b) => rank(a) - rank(b) || Number(isServer(b)) - Number(isServer(a)) || a.socketId - b.socketId);
  const ownerOf = flags.has('p') ? socketOwners(host, place.hostId, all) : undefined;
  const title = flags.has('a') ? '(servers and established)' : flags.has('l') ? '(only servers)' : '(w/o servers)';
  out(`Active Internet connections ${title}\n`);
  out(`Proto Recv-Q Send-Q Local Address           Foreign Address         State       ${ownerOf === undefined ? '' : 'PID/Program name    '}\n`);
  for (const socket of sockets) {
    const owner = ownerOf?.(socket);
    const program = ownerOf === undefined ? '' : (owner === undefined ? '-' : `${owner.pid}/${owner.name}`).padEnd(20);
    const state = socket.protocol === 'udp' ? (socket.state === 'ESTAB' ? 'ESTABLISHED' : '') : (STATES[socket.state] ?? socket.state);
    const sendQueue = socket.state === 'LISTEN' ? 0 : socket.sendQueue;
    out(
      `${name(socket).padEnd(5)} ${String(socket.receiveQueue).padStart(6)} ${String(sendQueue).padStart(6)} ${endpoint(socket.localIp, socket.localPort).padEnd(23)} ${endpoint(socket.remoteIp, socket.remotePort).padEnd(23)} ${state.padEnd(11)} ${program}\n`,
    );
  }
  return 0;
}

type Line = readonly [counter: string, words: string];

/** Counters that are printed in words; `%` stands for the number. Those marked with `?` only where they are not 0. */
const SECTIONS: readonly (readonly [title: string, lines: readonly Line[]])[] = [
  [
    'Ip',
    [
      ['IpInReceives', '% total packets received'],
      ['IpInAddrErrors', '?% with invalid addresses'],
      ['IpForwDatagrams', '% forwarded'],
      ['IpInUnknownProtos', '?% with unknown protocol'],
      ['IpInDiscards', '% incoming packets discarded'],
      ['IpInDelivers', '% incoming packets delivered'],
      ['IpOutRequests', '% requests sent out'],
      ['IpOutNoRoutes', '?% dropped because of missing route'],
      ['IpReasmReqds', '?% reassemblies required'],
      ['IpReasmOKs', '?% packets reassembled ok'],
      ['IpReasmFails', '?% packet reassemblies failed'],
      ['IpFragOKs', '?% fragments received ok'],
      ['IpFragCreates', '?% fragments created'],
    ],
  ],
  [
    'Icmp',
    [
      ['IcmpInMsgs', '% ICMP messages received'],
      ['IcmpInErrors', '% input ICMP message failed'],
      ['IcmpOutMsgs', '% ICMP messages sent'],
      ['IcmpOutErrors', '% ICMP messages failed'],
    ],
  ],
  [
    'Tcp',
    [
      ['TcpActiveOpens', '% active connection openings'],
      ['TcpPassiveOpens', '% passive connection openings'],
      ['TcpAttemptFails', '% failed connection attempts'],
      ['TcpEstabResets', '% connection resets received'],
      ['TcpCurrEstab', '% connections established'],
      ['TcpInSegs', '% segments received'],
      ['TcpOutSegs', '% segments sent out'],
      ['TcpRetransSegs', '% segments retransmitted'],
      ['TcpInErrs', '% bad segments received'],
      ['TcpOutRsts', '% resets sent'],
    ],
  ],
  [
    'Udp',
    [
      ['UdpInDatagrams', '% packets received'],
      ['UdpNoPorts', '% packets to unknown port received'],
      ['UdpInErrors', '% packet receive errors'],
      ['UdpOutDatagrams', '% packets sent'],
      ['UdpRcvbufErrors', '% receive buffer errors'],
      ['UdpSndbufErrors', '% send buffer errors'],
    ],
  ],
  [
    'TcpExt',
    [
      ['TcpExtSyncookiesSent', '?% SYN cookies sent'],
      ['TcpExtSyncookiesRecv', '?% SYN cookies received'],
      ['TcpExtSyncookiesFailed', '?% invalid SYN cookies received'],
      ['TcpExtTW', '?% TCP sockets finished time wait in fast timer'],
      ['TcpExtPAWSEstab', '?% packetes rejected in established connections because of timestamp'],
      ['TcpExtDelayedACKs', '?% delayed acks sent'],
      ['TcpExtListenOverflows', '?% times the listen queue of a socket overflowed'],
      ['TcpExtListenDrops', '?% SYNs to LISTEN sockets dropped'],
      ['TcpExtTCPPureAcks', '?% acknowledgments not containing data payload received'],
      ['TcpExtTCPSackRecovery', '?% times recovered from packet loss by selective acknowledgements'],
      ['TcpExtTCPFastRetrans', '?% fast retransmits'],
      ['TcpExtTCPTimeouts', '?TCPTimeouts: %'],
      ['TcpExtTCPDSACKOldSent', '?% DSACKs sent for old packets'],
      ['TcpExtTCPDSACKOfoSent', '?% DSACKs sent for out of order packets'],
      ['TcpExtTCPAbortOnData', '?% connections reset due to unexpected data'],
      ['TcpExtTCPAbortOnClose', '?% connections reset due to early user close'],
      ['TcpExtTCPAbortOnTimeout', '?% connections aborted due to timeout'],
      ['TcpExtTCPReqQFullDoCookies', '?TCPReqQFullDoCookies: %'],
      ['TcpExtTCPOFOQueue', '?TCPOFOQueue: %'],
      ['TcpExtTCPChallengeACK', '?TCPChallengeACK: %'],
      ['TcpExtTCPSYNChallenge', '?TCPSYNChallenge: %'],
      ['TcpExtTCPSynRetrans', '?TCPSynRetrans: %'],
      ['TcpExtTCPWinProbe', '?TCPWinProbe: %'],
      ['TcpExtTCPKeepAlive', '?TCPKeepAlive: %'],
    ],
  ],
];

function statistics({ host, place, out }: Invocation, flags: ReadonlySet<string>): number {
  for (const [title, lines] of SECTIONS) {
    if (flags.has('t') !== flags.has('u') && title !== (flags.has('t') ? 'Tcp' : 'Udp') && title !== (flags.has('t') ? 'TcpExt' : 'UdpLite')) continue;
    out(`${title}:\n`);
    if (title === 'Ip') out(`    Forwarding: ${host.engine.mib(place.netns, 'IpForwarding')}\n`);
    for (const [counter, words] of lines) {
      const value = host.engine.mib(place.netns, counter);
      if (words.startsWith('?') && value === 0) continue;
      out(`    ${words.replace('?', '').replace('%', String(value))}\n`);
    }
  }
  return 0;
}

export const netstat = defineCommand({
  name: 'netstat',
  summary: 'sockets (-t -u -l -n -a -p), routes (-r), counters (-s)',
  group: 'network',
  run: (invocation) => {
    const flags = new Set<string>();
    const long: Readonly<Record<string, string>> = {
      tcp: 't',
      udp: 'u',
      listening: 'l',
      numeric: 'n',
      all: 'a',
      programs: 'p',
      route: 'r',
      statistics: 's',
      wide: 'W',
    };
    for (const word of invocation.argv) {
      const letters = word.startsWith('--') ? long[word.slice(2)] : word.startsWith('-') ? word.slice(1) : undefined;
      if (letters === undefined) {
        invocation.err(`netstat: unrecognized option '${word}'\n`);
        return 4;
      }
      for (const letter of letters) flags.add(letter);
    }
    if (flags.has('r')) return { kind: 'call', argv: ['route', '-n'] };
    return flags.has('s') ? statistics(invocation, flags) : listSockets(invocation, flags);
  },
});
