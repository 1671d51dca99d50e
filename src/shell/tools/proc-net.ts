/** Files of /proc/net, as the kernel writes them for this netns. Linux: net/ipv4/proc.c, net/ipv4/tcp_ipv4.c, net/core/net-procfs.c */
import { ipOf, parseIpPrefix } from '../../net/addr/ip.ts';
import { procFlow } from '../../net/conntrack/format.ts';
import type { SocketView } from '../../net/engine.ts';
import { MIB_TABLES, type MibTable } from '../../net/stack/mib.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { devicesOf, routesOf } from './net-view.ts';
import { inodeOf } from './socket-owner.ts';

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** As the machine's memory has it: each group of four bytes from the last to the first. */
function addressText(ip: string): string {
  const value = ipOf(ip);
  const digits = typeof value === 'bigint' ? value.toString(16).padStart(32, '0') : hex(value >>> 0, 8);
  let text = '';
  for (let at = 0; at < digits.length; at += 8) for (let byte = 6; byte >= 0; byte -= 2) text += digits.slice(at + byte, at + byte + 2);
  return text.toUpperCase();
}

/** TCP states by their number (include/net/tcp_states.h). */
const STATES: Readonly<Record<string, number>> = {
  ESTAB: 1,
  'SYN-SENT': 2,
  'SYN-RECV': 3,
  'FIN-WAIT-1': 4,
  'FIN-WAIT-2': 5,
  'TIME-WAIT': 6,
  CLOSED: 7,
  UNCONN: 7,
  'CLOSE-WAIT': 8,
  'LAST-ACK': 9,
  LISTEN: 10,
  CLOSING: 11,
};
const TIMERS = { on: 1, keepalive: 2, timewait: 3, persist: 4 } as const;
/** Hundredths of a second (USER_HZ). */
const CLOCK_NS = 10_000_000;

function endsText(socket: SocketView): string {
  return `${addressText(socket.localIp)}:${hex(socket.localPort, 4)} ${addressText(socket.remoteIp)}:${hex(socket.remotePort, 4)}`;
}

function tcpFile(sockets: readonly SocketView[], six: boolean): string {
  const title = six
    ? '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
    : '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'.padEnd(149);
  const rows = sockets.map((socket, index) => {
    const listening = socket.state === 'LISTEN';
    const timer = socket.tcp?.timer;
    const active = timer === undefined ? 0 : TIMERS[timer.name];
    const when = timer === undefined ? 0 : Math.round(timer.leftNs / CLOCK_NS);
    const gone = socket.state === 'TIME-WAIT';
    const inode = gone || socket.processId === '' ? 0 : inodeOf(socket);
    const tail = gone
      ? `3 ${socket.socketId.toString(16).padStart(16, '0')}`
      : `1 ${socket.socketId.toString(16).padStart(16, '0')} ${listening ? '100 0 0 10 0' : `${Math.round((socket.tcp?.rtoNs ?? 0) / 1e7)} ${Math.round((socket.tcp?.atoNs ?? 0) / 1e7)} ${0} ${socket.tcp?.cwnd ?? 10} ${socket.tcp?.ssthresh ?? -1}`}`;
    const queues = `${hex(listening ? 0 : socket.sendQueue, 8)}:${hex(socket.receiveQueue, 8)}`;
    const row = `${String(index).padStart(4)}: ${endsText(socket)} ${hex(STATES[socket.state] ?? 7, 2)} ${queues} ${hex(active, 2)}:${hex(when, 8)} ${hex(timer?.retransmissions ?? 0, 8)} ${'0'.padStart(5)} ${'0'.padStart(8)} ${inode} ${tail}`;
    return six ? row : row.padEnd(149);
  });
  return `${[title, ...rows].join('\n')}\n`;
}

function udpFile(sockets: readonly SocketView[], six: boolean): string {
  const title = six
    ? '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops'
    : '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops'.padEnd(127);
  const rows = sockets.map((socket) => {
    const row = `${String((socket.localPort * 31) % 16_384).padStart(5)}: ${endsText(socket)} ${hex(STATES[socket.state] ?? 7, 2)} 00000000:00000000 00:00000000 00000000     0        0 ${inodeOf(socket)} 2 ${socket.socketId.toString(16).padStart(16, '0')} 0`;
    return six ? row : row.padEnd(127);
  });
  return `${[title, ...rows].join('\n')}\n`;
}

/** Two lines a table: names, values. */
function counters(host: ShellHost, netns: string, tables: readonly MibTable[]): string {
  return tables
    .map(
      (table) =>
        `${table}: ${MIB_TABLES[table].join(' ')}\n${table}: ${MIB_TABLES[table].map((name) => host.engine.mib(netns, `${table}${name}`)).join(' ')}\n`,
    )
    .join('');
}

function deviceFile(host: ShellHost, netns: string): string {
  const title =
    'Inter-|   Receive                                                |  Transmit\n' +
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n';
  const pad = (value: number, width: number): string => String(value).padStart(width);
  const rows = devicesOf(host, netns).map((device) => {
    const [rxPackets, rxBytes, txPackets, txBytes, rxDropped, txDropped] = host.engine.deviceCounters(device.id);
    return `${device.name.padStart(6)}: ${pad(rxBytes, 7)} ${pad(rxPackets, 7)} ${pad(0, 4)} ${pad(rxDropped, 4)} ${pad(0, 4)} ${pad(0, 5)} ${pad(0, 10)} ${pad(0, 9)} ${pad(txBytes, 8)} ${pad(txPackets, 7)} ${pad(0, 4)} ${pad(txDropped, 4)} ${pad(0, 4)} ${pad(0, 5)} ${pad(0, 7)} ${pad(0, 10)}\n`;
  });
  return title + rows.join('');
}

function arpFile(host: ShellHost, netns: string): string {
  const rows = host.engine
    .neighbors(netns)
    .filter((entry) => !entry.ip.includes(':') && entry.state !== 'NOARP')
    .map((entry) => {
      const flags = entry.mac === undefined ? 0 : entry.state === 'PERMANENT' ? 6 : 2;
      return `${entry.ip.padEnd(16)} 0x1         0x${String(flags).padEnd(10)}${(entry.mac ?? '00:00:00:00:00:00').padEnd(17)}     *        ${entry.device}\n`;
    });
  return `IP address       HW type     Flags       HW address            Mask     Device\n${rows.join('')}`;
}

function routeFile(host: ShellHost, netns: string): string {
  const rows = routesOf(host, netns, 254)
    .filter((route) => !route.destination.includes(':'))
    .map((route) => {
      const prefix = parseIpPrefix(route.destination);
      const length = prefix?.prefixLength ?? 0;
      const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
      const maskText = [24, 16, 8, 0].map((shift) => String((mask >>> shift) & 255)).join('.');
      const rejects = route.type !== 'unicast';
      const flags = (rejects ? 0x200 : 1) | (route.gateway === undefined ? 0 : 2) | (length === 32 ? 4 : 0);
      const destination = (route.destination.split('/')[0] ?? '0.0.0.0').replace('default', '0.0.0.0');
      const cells = [
        route.device ?? '*',
        addressText(destination),
        addressText(route.gateway ?? '0.0.0.0'),
        hex(flags, 4),
        0,
        0,
        route.metric,
        addressText(maskText),
        0,
        0,
        0,
      ];
      return `${cells.join('\t').padEnd(127)}\n`;
    });
  return `${'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'.padEnd(127)}\n${rows.join('')}`;
}

function socketStatistics(sockets: readonly SocketView[]): string {
  const tcp = sockets.filter((socket) => socket.protocol === 'tcp' && !socket.localIp.includes(':'));
  const waiting = tcp.filter((socket) => socket.state === 'TIME-WAIT').length;
  const orphans = tcp.filter((socket) => socket.processId === '' && socket.state !== 'TIME-WAIT').length;
  const udp = sockets.filter((socket) => socket.protocol === 'udp' && !socket.localIp.includes(':')).length;
  const inUse = tcp.length - waiting;
  return `sockets: used ${sockets.length - waiting}\nTCP: inuse ${inUse} orphan ${orphans} tw ${waiting} alloc ${inUse} mem 0\nUDP: inuse ${udp} mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n`;
}

/** By the file's name; the text is made when it is read. */
const FILES: Readonly<Record<string, (host: ShellHost, netns: string) => string>> = {
  arp: arpFile,
  dev: deviceFile,
  netstat: (host, netns) => counters(host, netns, ['TcpExt', 'IpExt']),
  nf_conntrack: (host, netns) => host.engine.connections(netns).map(procFlow).join(''),
  route: routeFile,
  snmp: (host, netns) => counters(host, netns, ['Ip', 'Icmp', 'Tcp', 'Udp', 'UdpLite']),
  sockstat: (host, netns) => socketStatistics(host.engine.sockets(netns)),
  tcp: (host, netns) => tcpFile(chosen(host, netns, 'tcp', false), false),
  tcp6: (host, netns) => tcpFile(chosen(host, netns, 'tcp', true), true),
  udp: (host, netns) => udpFile(chosen(host, netns, 'udp', false), false),
  udp6: (host, netns) => udpFile(chosen(host, netns, 'udp', true), true),
};

function chosen(host: ShellHost, netns: string, protocol: SocketView['protocol'], six: boolean): SocketView[] {
  const rank = (socket: SocketView): number => (socket.state === 'LISTEN' ? 0 : 1);
  return host.engine
    .sockets(netns)
    .filter((socket) => socket.protocol === protocol && socket.localIp.includes(':') === six)
    .toSorted((a, b) => rank(a) - rank(b) || a.socketId - b.socketId);
}

/** Timer ticks since the machine started, as a kernel of 1000 Hz counts them. */
const jiffies = (ns: number): number => 4_294_667_296 + Math.floor(ns / 1e6);
/** Times a list keeps an address (ip_pkt_list_tot). */
const RECENT_STAMPS = 20;

/** /proc/net/xt_recent/NAME: one line an address, the one that was seen last at the end. Linux: net/netfilter/xt_recent.c, recent_seq_show() */
function recentFile(host: ShellHost, netns: string, name: string): string | undefined {
  const list = host.engine.recentLists(netns).find((one) => one.name === name);
  if (list === undefined) return undefined;
  const lines = list.addresses.map(({ ip, ttl, stampsNs }) => {
    const stamps = stampsNs.map(jiffies);
    return `src=${ip} ttl: ${ttl} last_seen: ${stamps.at(-1) ?? 0} oldest_pkt: ${stamps.length % RECENT_STAMPS} ${stamps.join(', ')}\n`;
  });
  return lines.join('');
}

/** Text of /proc/net/NAME, or undefined where there is no such file. */
export function procNetFile(host: ShellHost, netns: string, name: string): string | undefined {
  if (name.startsWith('xt_recent/')) return recentFile(host, netns, name.slice('xt_recent/'.length));
  return Object.hasOwn(FILES, name) ? FILES[name]?.(host, netns) : undefined;
}

export const PROC_NET_FILES: readonly string[] = Object.keys(FILES);
