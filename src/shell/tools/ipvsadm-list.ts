/** Lists of ipvsadm, as it prints them. ipvsadm: ipvsadm.c */
import { compareIp, formatEndpoint, ipOf, parseIp } from '../../net/addr/ip.ts';
import type { IpvsForwarding, IpvsService } from '../../net/ipvs/ipvs-records.ts';
import type { IpvsState, Statistics } from '../../net/ipvs/ipvs-state.ts';
import { ipvsEndpoint, netmaskText } from '../../net/ipvs/ipvs-words.ts';
import type { Ip } from '../../net/wire/packet.ts';
import type { ShellHost } from '../../world/shell-host.ts';

export interface IpvsFormat {
  numeric: boolean;
  stats: boolean;
  rate: boolean;
  thresholds: boolean;
  persistent: boolean;
  exact: boolean;
  connections: boolean;
  timeout: boolean;
}

/** Ports that /etc/services has a name for, of those people meet here. */
const PORT_NAMES: Readonly<Record<number, string>> = {
  22: 'ssh',
  53: 'domain',
  80: 'http',
  443: 'https',
  3306: 'mysql',
  5432: 'postgresql',
  6379: 'redis',
  8080: 'http-alt',
};

export function portNumber(text: string): number | undefined {
  if (/^\d{1,5}$/.test(text)) return Number(text) <= 65535 ? Number(text) : undefined;
  const named = Object.entries(PORT_NAMES).find(([, name]) => name === text);
  return named === undefined ? undefined : Number(named[0]);
}

const FORWARDING: Readonly<Record<IpvsForwarding, string>> = { masq: 'Masq', route: 'Route', tunnel: 'Tunnel' };
const PROTOCOL_ORDER: Readonly<Record<IpvsService['protocol'], number>> = { tcp: 6, udp: 17, sctp: 132, fwmark: 1000 };

/** By protocol, address, port (marks last), as ipvsadm sorts them; servers by address and port. */
export function sortedServices(host: ShellHost, netns: string, only: IpvsService | undefined): IpvsService[] {
  const found: IpvsService[] = [];
  for (const r of host.engine.records.values()) if (r.kind === 'ipvs-service' && r.netns === netns && (only === undefined || r.id === only.id)) found.push(r);
  const at = (a: string, b: string): number => compareIp(ipOf(a), ipOf(b));
  return found
    .map((s) => ({ ...s, destinations: [...s.destinations].sort((a, b) => at(a.address, b.address) || a.port - b.port) }))
    .sort((a, b) => {
      if (a.protocol === 'fwmark' || b.protocol === 'fwmark')
        return PROTOCOL_ORDER[a.protocol] - PROTOCOL_ORDER[b.protocol] || Number(a.address) - Number(b.address);
      return PROTOCOL_ORDER[a.protocol] - PROTOCOL_ORDER[b.protocol] || at(a.address, b.address) || a.port - b.port;
    });
}

function endpointText(address: string, port: number, numeric: boolean): string {
  if (numeric) return ipvsEndpoint(address, port);
  const name = PORT_NAMES[port];
  const ip = parseIp(address);
  return name === undefined || ip === undefined ? ipvsEndpoint(address, port) : formatEndpoint(ip, port).replace(/:\d+$/, `:${name}`);
}

/** As wide as nine columns; thousands, millions and so on where it is longer. */
function large(value: number, exact: boolean): string {
  if (exact) return ` ${String(value).padStart(19)}`;
  if (value < 100_000_000) return ` ${String(value).padStart(8)}`;
  const steps: readonly (readonly [number, string])[] = [
    [1e11, 'K'],
    [1e14, 'M'],
    [1e17, 'G'],
  ];
  let scale = 1000;
  for (const [limit, letter] of steps) {
    if (value < limit) return ` ${String(Math.floor(value / scale)).padStart(7)}${letter}`;
    scale *= 1000;
  }
  return ` ${String(Math.floor(value / 1e12)).padStart(7)}T`;
}

function titles(format: IpvsFormat): string {
  if (format.stats)
    return format.exact
      ? 'Prot LocalAddress:Port                         Conns              InPkts             OutPkts             InBytes            OutBytes\n'
      : 'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n';
  if (format.rate) return 'Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n';
  if (format.thresholds) return 'Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn\n';
  if (format.persistent) return 'Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn\n';
  return 'Prot LocalAddress:Port Scheduler Flags\n';
}

export function listServices(services: readonly IpvsService[], state: IpvsState | undefined, nowNs: number, format: IpvsFormat, withHead: boolean): string {
  state?.collect(nowNs);
  let text = withHead ? 'IP Virtual Server version 1.2.1 (size=4096)\n' : '';
  text += titles(format);
  text +=
    format.stats || format.rate
      ? '  -> RemoteAddress:Port\n'
      : format.thresholds || format.persistent
        ? '  -> RemoteAddress:Port\n'
        : '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n';
  const numbers = (s: Statistics | undefined): string =>
    (format.rate ? (s?.rates(nowNs) ?? [0, 0, 0, 0, 0]) : (s?.counts ?? [0, 0, 0, 0, 0])).map((n) => large(n, format.exact)).join('');
  for (const s of services) {
    const live = state?.service(s.id);
    const name = s.protocol === 'fwmark' ? `FWM  ${s.address}` : `${s.protocol.toUpperCase().padEnd(4)} ${endpointText(s.address, s.port, format.numeric)}`;
    if (format.stats || format.rate) text += `${name.padEnd(33)}${numbers(live?.statistics)}\n`;
    else {
      text += `${name} ${s.scheduler}`;
      if (s.persistentSeconds !== undefined) text += ` persistent ${s.persistentSeconds}`;
      if (s.persistentPrefix !== undefined && s.persistentPrefix < 32 && !s.address.includes(':')) text += ` mask ${netmaskText(s.persistentPrefix)}`;
      if (s.onePacket === true) text += ' ops';
      if (s.schedulerFlags !== undefined && s.schedulerFlags.length > 0) text += ` (${s.schedulerFlags.join(',')})`;
      text += '\n';
    }
    for (const d of s.destinations) {
      const server = live?.destinations.find((o) => o.record === d || (o.record.address === d.address && o.record.port === d.port));
      const left = `  -> ${endpointText(d.address, d.port, format.numeric).padEnd(28)}`;
      const active = server?.active ?? 0;
      const inactive = server?.inactive ?? 0;
      if (format.stats || format.rate) text += `${left}${numbers(server?.statistics)}\n`;
      else if (format.thresholds)
        text += `${left} ${String(d.upperThreshold).padEnd(10)} ${String(d.lowerThreshold).padEnd(10)} ${String(active).padEnd(10)} ${String(inactive).padEnd(10)}\n`;
      else if (format.persistent)
        text += `${left} ${String(d.weight).padEnd(9)} ${String(server?.persistent ?? 0).padEnd(11)} ${String(active).padEnd(10)} ${String(inactive).padEnd(10)}\n`;
      else text += `${left} ${FORWARDING[d.forwarding].padEnd(7)} ${String(d.weight).padEnd(6)} ${String(active).padEnd(10)} ${String(inactive).padEnd(10)}\n`;
    }
  }
  return text;
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 0: 'IP', 6: 'TCP', 17: 'UDP', 132: 'SCTP' };

export function listConnections(state: IpvsState | undefined, nowNs: number, numeric: boolean): string {
  let text = 'IPVS connection entries\npro expire state       source             virtual            destination\n';
  for (const c of state?.list(nowNs) ?? []) {
    const seconds = Math.max(0, Math.floor((c.expiresNs - nowNs) / 1e9));
    const two = (n: number): string => String(n).padStart(2, '0');
    const at = (ip: Ip, port: number): string => {
      const whole = formatEndpoint(ip, port);
      const name = numeric ? undefined : PORT_NAMES[port];
      return name === undefined ? whole : whole.replace(/:\d+$/, `:${name}`);
    };
    const server = at(c.destination.ip, c.destination.port === 0 ? c.virtualPort : c.destination.port);
    const left = `${(PROTOCOL_NAMES[c.protocol] ?? String(c.protocol)).padEnd(3)} ${two(Math.floor(seconds / 60))}:${two(seconds % 60)}  ${c.stateName.padEnd(11)}`;
    text += `${left} ${at(c.clientIp, c.clientPort).padEnd(18)} ${at(c.virtualIp, c.virtualPort).padEnd(18)} ${server}\n`;
  }
  return text;
}
