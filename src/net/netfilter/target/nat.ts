/** -j DNAT, SNAT, MASQUERADE, REDIRECT: bind a connection to other addresses. Linux: net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c */
import { formatIp } from '../../addr/ip.ts';
import { parseIp4 } from '../../addr/ip4.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP } from '../../wire/packet.ts';
import { ACCEPT, DROP, defineTarget, type GivenOptions, type NatBinding, type RuleError, type RuleHead } from '../definition.ts';
import { INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../hook.ts';
import { parsePort } from '../text.ts';

const portsAllowed = (head: RuleHead): boolean =>
  !head.protocolNegated && (head.protocol === IP_PROTO_TCP || head.protocol === IP_PROTO_UDP || head.protocol === 132);

interface Range {
  readonly minIp: number;
  readonly maxIp: number;
  readonly minPort: number;
  readonly maxPort: number;
  readonly text: string;
}

function portRange(text: string): readonly [number, number] | undefined {
  const dash = text.indexOf('-');
  const min = parsePort(dash < 0 ? text : text.slice(0, dash));
  const max = parsePort(dash < 0 ? text : text.slice(dash + 1));
  return min === undefined || max === undefined || min === 0 || min > max ? undefined : [min, max];
}

const formatPorts = (min: number, max: number): string => (min === max ? `${min}` : `${min}-${max}`);

/** `ip[-ip][:port[-port]]`, or `:port`. */
function parseRange(text: string, head: RuleHead): Range | RuleError {
  const colon = text.indexOf(':');
  const ipText = colon < 0 ? text : text.slice(0, colon);
  let minPort = 0;
  let maxPort = 0;
  if (colon >= 0) {
    if (!portsAllowed(head)) return { error: 'Need TCP, UDP, SCTP or DCCP with port specification' };
    const ports = portRange(text.slice(colon + 1));
    if (ports === undefined) return { error: `Port \`${text.slice(colon + 1)}' not valid` };
    [minPort, maxPort] = ports;
  }
  let minIp = 0;
  let maxIp = 0;
  if (ipText !== '') {
    const dash = ipText.indexOf('-');
    const low = parseIp4(dash < 0 ? ipText : ipText.slice(0, dash));
    const high = parseIp4(dash < 0 ? ipText : ipText.slice(dash + 1));
    if (low === undefined || high === undefined) return { error: `Bad IP address "${ipText}"` };
    minIp = low;
    maxIp = high;
  }
  const ips = ipText === '' ? '' : minIp === maxIp ? formatIp(minIp) : `${formatIp(minIp)}-${formatIp(maxIp)}`;
  return { minIp, maxIp, minPort, maxPort, text: minPort === 0 ? ips : `${ips}:${formatPorts(minPort, maxPort)}` };
}

const flags = (given: GivenOptions, names: readonly string[]): string =>
  names
    .filter((n) => given.has(n))
    .map((n) => ` --${n}`)
    .join('');

export const dnat = defineTarget({
  name: 'DNAT',
  tables: ['nat'],
  hooks: [PREROUTING, OUTPUT],
  options: [
    { name: 'to-destination', values: 1 },
    { name: 'random', values: 0 },
    { name: 'persistent', values: 0 },
  ],
  build(given, head) {
    const text = given.get('to-destination')?.values[0];
    if (text === undefined) return { error: 'DNAT: option "--to-destination" must be specified' };
    const range = parseRange(text, head);
    if ('error' in range) return range;
    const binding: NatBinding = {
      how: 'DNAT',
      minIp: range.minIp,
      maxIp: range.maxIp,
      minPort: range.minPort,
      maxPort: range.maxPort,
      randomFully: false,
      random: given.has('random'),
    };
    const extra = flags(given, ['random', 'persistent']);
    return {
      name: 'DNAT',
      text: `--to-destination ${range.text}${extra}`,
      listing: `to:${range.text}${extra.replaceAll('--', '')}`,
      run(context) {
        context.nat(binding);
        return ACCEPT;
      },
    };
  },
});

export const snat = defineTarget({
  name: 'SNAT',
  tables: ['nat'],
  hooks: [INPUT, POSTROUTING],
  options: [
    { name: 'to-source', values: 1 },
    { name: 'random', values: 0 },
    { name: 'random-fully', values: 0 },
    { name: 'persistent', values: 0 },
  ],
  build(given, head) {
    const text = given.get('to-source')?.values[0];
    if (text === undefined) return { error: 'SNAT: option "--to-source" must be specified' };
    const range = parseRange(text, head);
    if ('error' in range) return range;
    const binding: NatBinding = {
      how: 'SNAT',
      minIp: range.minIp,
      maxIp: range.maxIp,
      minPort: range.minPort,
      maxPort: range.maxPort,
      randomFully: given.has('random-fully'),
      random: given.has('random'),
    };
    const extra = flags(given, ['random', 'random-fully', 'persistent']);
    return {
      name: 'SNAT',
      text: `--to-source ${range.text}${extra}`,
      listing: `to:${range.text}${extra.replaceAll('--', '')}`,
      run(context) {
        context.nat(binding);
        return ACCEPT;
      },
    };
  },
});

/** `--to-ports` of MASQUERADE and REDIRECT. */
function toPorts(given: GivenOptions, head: RuleHead): readonly [number, number] | RuleError {
  const text = given.get('to-ports')?.values[0];
  if (text === undefined) return [0, 0];
  if (!portsAllowed(head)) return { error: 'Need TCP, UDP, SCTP or DCCP with port specification' };
  return portRange(text) ?? { error: `Port \`${text}' not valid` };
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
    if ('error' in ports) return ports;
    const [minPort, maxPort] = ports;
    const randomFully = given.has('random-fully');
    const random = given.has('random');
    const extra = flags(given, ['random', 'random-fully']);
    const to = minPort === 0 ? '' : ` --to-ports ${formatPorts(minPort, maxPort)}`;
    return {
      name: 'MASQUERADE',
      text: `${to}${extra}`.trim(),
      listing: `${minPort === 0 ? '' : ` masq ports: ${formatPorts(minPort, maxPort)}`}${extra.replaceAll('--', '')}`.trim(),
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
    if ('error' in ports) return ports;
    const [minPort, maxPort] = ports;
    const random = given.has('random');
    const extra = flags(given, ['random']);
    return {
      name: 'REDIRECT',
      text: `${minPort === 0 ? '' : `--to-ports ${formatPorts(minPort, maxPort)}`}${extra}`.trim(),
      listing: `${minPort === 0 ? '' : `redir ports ${formatPorts(minPort, maxPort)}`}${extra.replaceAll('--', '')}`.trim(),
      run(context) {
        const ip = context.hook === OUTPUT ? LOCALHOST : context.incomingAddress();
        if (ip === undefined) return DROP;
        context.nat({ how: 'REDIRECT', minIp: ip, maxIp: ip, minPort, maxPort, randomFully: false, random });
        return ACCEPT;
      },
    };
  },
});
