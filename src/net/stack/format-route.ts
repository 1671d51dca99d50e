/** Routes and rules as iproute2 prints them. iproute2: ip/iproute.c, print_route; ip/iprule.c, print_rule */
import type { Route, RoutingRule } from '../records.ts';

export interface RouteFormat {
  /** -d: says what is the default, too. */
  readonly details?: boolean;
  /** Words that a selector of the same command line makes needless: `via`, `dev`, `table`, `proto`, `scope`. */
  readonly hide?: ReadonlySet<string>;
  /** Devices without a carrier. */
  readonly linkdown?: (device: string) => boolean;
  /** What stands between the route and each of its several ways. */
  readonly newLine?: string;
}

const MAIN = 254;
/** IP6_RT_PRIO_USER */
const DEFAULT_METRIC6 = 1024;
const TABLE_NAMES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };

export const tableName = (table: number): string => TABLE_NAMES[table] ?? String(table);
export const isIp6Route = (route: Route): boolean => route.destination.includes(':');

const destinationText = (text: string): string =>
  text === '0.0.0.0/0' || text === '::/0' ? 'default' : text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '');

/** The line of `ip route show`, with the blank that iproute2 leaves at the end of an IPv4 route. */
export function formatRouteLine(route: Route, format: RouteFormat = {}): string {
  const hidden = (word: string): boolean => format.hide?.has(word) === true;
  const details = format.details === true;
  const six = isIp6Route(route);
  const words: string[] = [];
  if (route.type !== 'unicast' || details) words.push(route.type);
  words.push(destinationText(route.destination));
  if (route.gateway !== undefined && !hidden('via')) words.push('via', route.gateway);
  const down = route.device !== undefined && format.linkdown?.(route.device) === true;
  if (route.device !== undefined && !hidden('dev')) words.push('dev', route.device);
  if (route.table !== MAIN && !hidden('table')) words.push('table', tableName(route.table));
  if ((route.protocol !== 'boot' || details) && !hidden('proto')) words.push('proto', route.protocol);
  if (!six && (route.scope !== 'global' || details) && !hidden('scope')) words.push('scope', route.scope);
  if (six && details) words.push('scope', 'global');
  if (route.source !== undefined) words.push('src', route.source);
  if (route.metric !== 0 || six) words.push('metric', String(six && route.metric === 0 && route.type !== 'local' ? DEFAULT_METRIC6 : route.metric));
  if (route.onlink) words.push('onlink');
  if (down) words.push('linkdown');
  if (route.mtuBytes !== undefined) words.push('mtu', ...(route.mtuLocked === true ? ['lock'] : []), String(route.mtuBytes));
  const line = six ? `${words.join(' ')} pref medium` : `${words.join(' ')} `;
  if (route.nextHops === undefined) return line;
  const ways = route.nextHops.map((hop) => {
    const parts = ['nexthop', ...(hop.gateway === undefined ? [] : ['via', hop.gateway]), 'dev', hop.device, 'weight', String(hop.weight)];
    if (hop.onlink) parts.push('onlink');
    if (format.linkdown?.(hop.device) === true) parts.push('linkdown');
    return `${format.newLine ?? '\n\t'}${parts.join(' ')} `;
  });
  return `${line}${ways.join('')}`;
}

/** A route in one line without a blank at the end, for the log. */
export const formatRoute = (route: Route): string => formatRouteLine(route, { newLine: ' ' }).trim().replace(/ {2,}/g, ' ');

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const range = (words: string, [first, last]: readonly [number, number]): string => `${words} ${first === last ? first : `${first}-${last}`}`;
export const ipProtocolName = (protocol: number): string =>
  ({ 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' })[protocol] ?? `ipproto-${protocol}`;

/** The line of `ip rule` behind its `<priority>:\t`. */
export function formatRule(rule: RoutingRule, details = false): string {
  const words = [...(rule.not === true ? ['not'] : []), 'from', rule.from === undefined ? 'all' : destinationText(rule.from)];
  if (rule.to !== undefined) words.push('to', destinationText(rule.to));
  if (rule.mark !== undefined) words.push('fwmark', rule.mask === undefined ? hex(rule.mark) : `${hex(rule.mark)}/${hex(rule.mask)}`);
  if (rule.iif !== undefined) words.push('iif', rule.iif);
  if (rule.oif !== undefined) words.push('oif', rule.oif);
  if (rule.ipProtocol !== undefined) words.push('ipproto', ipProtocolName(rule.ipProtocol));
  if (rule.sourcePorts !== undefined) words.push(range('sport', rule.sourcePorts));
  if (rule.destinationPorts !== undefined) words.push(range('dport', rule.destinationPorts));
  if (rule.action === 'lookup') words.push('lookup', tableName(rule.table ?? MAIN));
  if (rule.suppressPrefixLength !== undefined) words.push('suppress_prefixlength', String(rule.suppressPrefixLength));
  if (rule.action === 'goto') words.push('goto', String(rule.target ?? 0));
  else if (rule.action !== 'lookup') words.push(rule.action);
  if (rule.protocol !== undefined && (rule.protocol !== 'kernel' || details)) words.push('proto', rule.protocol);
  else if (rule.protocol === undefined && details) words.push('proto', 'unspec');
  return words.join(' ');
}
