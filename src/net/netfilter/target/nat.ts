/** -j DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP: bind a connection to other addresses. Linux: net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c, xt_NETMAP.c; iptables, extensions/libxt_NAT.c */
import { formatIp, parseIp } from '../../addr/ip.ts';
import { maskOf } from '../../addr/ip4.ts';
import { maskOf6 } from '../../addr/ip6.ts';
import type { Ip } from '../../wire/packet.ts';
import { formatAddress, parseAddress } from '../address.ts';
import { ACCEPT, DROP, defineTarget, type GivenOptions, type NatBinding, type RuleError, type RuleHead, type TargetDefinition } from '../definition.ts';
import { INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../hook.ts';
import { flagText } from '../options.ts';
import { parsePort } from '../text.ts';

/** TCP, UDP, DCCP, SCTP have ports, ICMP its identifier; the protocol may be negated, the kernel then finds none. */
const WITH_PORTS = new Set([1, 6, 17, 33, 58, 132]);
const NEEDS_PORTS: RuleError = { error: 'Need TCP, UDP, SCTP or DCCP with port specification' };

interface Ports {
  readonly min: number;
  readonly max: number;
  readonly shiftFrom?: number;
  readonly text: string;
}

interface Range {
  readonly minIp: Ip;
  readonly maxIp: Ip;
  readonly ports: Ports | undefined;
  readonly text: string;
}

/** `80`, `80-90`, and with `shifts` `80-90/1000`. */
function parsePorts(whole: string, shifts: boolean): Ports | RuleError {
  const slash = shifts ? whole.indexOf('/') : -1;
  const text = slash < 0 ? whole : whole.slice(0, slash);
  const dash = text.indexOf('-');
  const [low, high] = dash < 0 ? [text, text] : [text.slice(0, dash), text.slice(dash + 1)];
  const [min, max] = [parsePort(low), parsePort(high)];
  if (min === undefined) return { error: `Port \`${low}' not valid` };
  if (max === undefined) return { error: `Port \`${high}' not valid` };
  if (min > max) return { error: `Port range \`${high}' funky` };
  const printed = min === max ? `${min}` : `${min}-${max}`;
  if (slash < 0) return { min, max, text: printed };
  const shiftFrom = parsePort(whole.slice(slash + 1));
  return shiftFrom === undefined ? { error: `Port \`${whole.slice(slash + 1)}' not valid` } : { min, max, shiftFrom, text: `${printed}/${shiftFrom}` };
}

/** Where the address ends and `:port` begins: behind the bracket, or, IPv4, at the colon. */
function split(text: string, six: boolean): { readonly ips: string; readonly ports: string | undefined } {
  if (!six) {
    const colon = text.indexOf(':');
    return colon < 0 ? { ips: text, ports: undefined } : { ips: text.slice(0, colon), ports: text.slice(colon + 1) };
  }
  if (/^:[^:]*$/.test(text)) return { ips: '', ports: text.slice(1) };
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) return { ips: bracketed[1] as string, ports: bracketed[2] };
  const quad = /^([0-9.]+):([^:]*)$/.exec(text);
  return quad === null ? { ips: text, ports: undefined } : { ips: quad[1] as string, ports: quad[2] };
}

/** `ip[-ip][:port[-port]]`, or `:port`; an IPv6 address with a port stands in brackets. */
function parseRange(text: string, head: RuleHead, shifts: boolean): Range | RuleError {
  const six = head.family === 'ipv6';
  const parts = split(text, six);
  let ports: Ports | undefined;
  if (parts.ports !== undefined) {
    if (!WITH_PORTS.has(head.protocol)) return NEEDS_PORTS;
    const parsed = parsePorts(parts.ports, shifts);
    if ('error' in parsed) return parsed;
    ports = parsed;
  }
  if (parts.ips === '') return ports === undefined ? { error: 'Bad IP address ""' } : { minIp: 0, maxIp: 0, ports, text: `:${ports.text}` };
  const [low = '', high = low] = parts.ips.split('-');
  const ips: Ip[] = [];
  for (const word of [low, high]) {
    const ip = parseIp(word);
    if (ip === undefined || (typeof ip === 'bigint') !== six) return { error: `Bad IP address "${word}"` };
    ips.push(ip);
  }
  const [minIp, maxIp] = ips as [Ip, Ip];
  const printed = minIp === maxIp ? formatIp(minIp) : `${formatIp(minIp)}-${formatIp(maxIp)}`;
  return { minIp, maxIp, ports, text: ports === undefined ? printed : `${six ? `[${printed}]` : printed}:${ports.text}` };
}

function toRange(name: 'DNAT' | 'SNAT', optionName: string, flags: readonly string[], placement: Pick<TargetDefinition, 'hooks'>): TargetDefinition {
  return defineTarget({
    name,
    tables: ['nat'],
    ...placement,
    options: [{ name: optionName, values: 1, mandatory: true }, ...flags.map((flag) => ({ name: flag, values: 0 as const }))],
    build(given, head) {
      const range = parseRange(given.get(optionName)?.values[0] ?? '', head, name === 'DNAT');
      if ('error' in range) return range;
      const binding: NatBinding = {
        how: name,
        minIp: range.minIp,
        maxIp: range.maxIp,
        minPort: range.ports?.min ?? 0,
        maxPort: range.ports?.max ?? 0,
        randomFully: given.has('random-fully'),
        random: given.has('random'),
        persistent: given.has('persistent'),
        ...(range.ports?.shiftFrom === undefined ? {} : { shiftFrom: range.ports.shiftFrom }),
      };
      const extra = flagText(given, flags);
      return {
        name,
        text: `--${optionName} ${range.text}${extra}`,
        listing: `to:${range.text}${extra.replaceAll('--', '')}`,
        run(context) {
          context.nat(binding);
          return ACCEPT;
        },
      };
    },
  });
}

export const dnat = toRange('DNAT', 'to-destination', ['random', 'persistent'], { hooks: [PREROUTING, OUTPUT] });
export const snat = toRange('SNAT', 'to-source', ['random', 'random-fully', 'persistent'], { hooks: [INPUT, POSTROUTING] });

/** `--to-ports` of MASQUERADE and REDIRECT. */
function toPorts(given: GivenOptions, head: RuleHead): Ports | undefined | RuleError {
  const text = given.get('to-ports')?.values[0];
  if (text === undefined) return undefined;
  return WITH_PORTS.has(head.protocol) ? parsePorts(text, false) : NEEDS_PORTS;
}

export const masquerade = defineTarget({
  name: 'MASQUERADE',
  tables: ['nat'],
  hooks: [POSTROUTING],
  options: [
    { name: 'to-ports', values: 1 },
    { name: 'random', values: 0 },
    { name: 'random-fully', values: 0 },
  ],
  build(given, head) {
    const ports = toPorts(given, head);
    if (ports !== undefined && 'error' in ports) return ports;
    const [minPort, maxPort] = [ports?.min ?? 0, ports?.max ?? 0];
    const randomFully = given.has('random-fully');
    const random = given.has('random');
    const extra = flagText(given, ['random', 'random-fully']);
    return {
      name: 'MASQUERADE',
      text: `${ports === undefined ? '' : ` --to-ports ${ports.text}`}${extra}`.trim(),
      listing: `${ports === undefined ? '' : `masq ports: ${ports.text}`}${extra.replaceAll('--', '')}`.trim(),
      run(context) {
        const ip = context.masqueradeAddress();
        if (ip === undefined) return DROP;
        context.nat({ how: 'MASQUERADE', minIp: ip, maxIp: ip, minPort, maxPort, randomFully, random });
        return ACCEPT;
      },
    };
  },
});

const LOCALHOST = 0x7f000001;
const LOCALHOST6 = 1n;

export const redirect = defineTarget({
  name: 'REDIRECT',
  tables: ['nat'],
  hooks: [PREROUTING, OUTPUT],
  options: [
    { name: 'to-ports', values: 1 },
    { name: 'random', values: 0 },
  ],
  build(given, head) {
    const ports = toPorts(given, head);
    if (ports !== undefined && 'error' in ports) return ports;
    const [minPort, maxPort] = [ports?.min ?? 0, ports?.max ?? 0];
    const random = given.has('random');
    const extra = flagText(given, ['random']);
    return {
      name: 'REDIRECT',
      text: `${ports === undefined ? '' : `--to-ports ${ports.text}`}${extra}`.trim(),
      listing: `${ports === undefined ? '' : `redir ports ${ports.text}`}${extra.replaceAll('--', '')}`.trim(),
      run(context) {
        const ip = context.hook === OUTPUT ? (head.family === 'ipv6' ? LOCALHOST6 : LOCALHOST) : context.incomingAddress();
        if (ip === undefined) return DROP;
        context.nat({ how: 'REDIRECT', minIp: ip, maxIp: ip, minPort, maxPort, randomFully: false, random });
        return ACCEPT;
      },
    };
  },
});

export const netmap = defineTarget({
  name: 'NETMAP',
  tables: ['nat'],
  options: [{ name: 'to', values: 1, mandatory: true }],
  build(given, head) {
    const to = parseAddress(given.get('to')?.values[0] ?? '', head.family);
    if ('error' in to) return to;
    const text = formatAddress(to, false);
    return {
      name: 'NETMAP',
      text: `--to ${text}`,
      listing: `to:${text}`,
      run(context) {
        const source = context.hook === POSTROUTING || context.hook === INPUT;
        const old = source ? context.skb.src : context.skb.dst;
        // The network is the new one, the host part stays.
        const ip =
          typeof old === 'bigint'
            ? (old & ~maskOf6(to.prefixLength) & ((1n << 128n) - 1n)) | (to.network as bigint)
            : (old & ~(to.mask ?? maskOf(to.prefixLength))) | (to.network as number);
        context.nat({ how: source ? 'SNAT' : 'DNAT', minIp: ip, maxIp: ip, minPort: 0, maxPort: 0, randomFully: false, random: false });
        return ACCEPT;
      },
    };
  },
});
