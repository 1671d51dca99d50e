/** -m addrtype: what kind of address it is for this kernel's routing tables. Linux: net/netfilter/xt_addrtype.c */
import { defineMatch, EINVAL, type GivenOption, type RuleError } from '../definition.ts';
import { FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../hook.ts';
import { option } from '../text.ts';

/** In the order of RTN_*: as they are printed. */
const TYPES = ['UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE'];
/** What IPv6 does not know (xt_addrtype_mt_checkentry_v1). */
const NOT_IPV6 = ['BLACKHOLE', 'PROHIBIT', 'THROW', 'BROADCAST', 'NAT', 'XRESOLVE'];

function parseTypes(wanted: GivenOption | undefined): string[] | undefined | RuleError {
  if (wanted === undefined) return undefined;
  const types = new Set<string>();
  for (const word of (wanted.values[0] as string).split(',')) {
    if (!TYPES.includes(word.toUpperCase())) return { error: `addrtype: bad type "${word}"` };
    types.add(word.toUpperCase());
  }
  return TYPES.filter((t) => types.has(t));
}

export const addrtype = defineMatch({
  name: 'addrtype',
  options: [
    { name: 'src-type', values: 1, invertible: true },
    { name: 'dst-type', values: 1, invertible: true },
    { name: 'limit-iface-in', values: 0, excludes: ['limit-iface-out'] },
    { name: 'limit-iface-out', values: 0, excludes: ['limit-iface-in'] },
  ],
  build(given, head) {
    const source = given.get('src-type');
    const destination = given.get('dst-type');
    if (source === undefined && destination === undefined) return { error: 'addrtype: you must specify --src-type or --dst-type' };
    const sourceTypes = parseTypes(source);
    const destinationTypes = parseTypes(destination);
    if (sourceTypes !== undefined && 'error' in sourceTypes) return sourceTypes;
    if (destinationTypes !== undefined && 'error' in destinationTypes) return destinationTypes;
    if (head.family === 'ipv6' && [...(sourceTypes ?? []), ...(destinationTypes ?? [])].some((t) => NOT_IPV6.includes(t))) return EINVAL;
    const limitIn = given.has('limit-iface-in');
    const limitOut = given.has('limit-iface-out');
    const words: string[] = [];
    const listed: string[] = ['ADDRTYPE match'];
    if (source !== undefined && sourceTypes !== undefined) {
      words.push(option('src-type', source.negated, sourceTypes.join(',')));
      listed.push(`src-type ${source.negated ? '!' : ''}${sourceTypes.join(',')}`);
    }
    if (destination !== undefined && destinationTypes !== undefined) {
      words.push(option('dst-type', destination.negated, destinationTypes.join(',')));
      listed.push(`dst-type ${destination.negated ? '!' : ''}${destinationTypes.join(',')}`);
    }
    if (limitIn) words.push('--limit-iface-in');
    if (limitOut) words.push('--limit-iface-out');
    if (limitIn) listed.push('limit-in');
    if (limitOut) listed.push('limit-out');
    return {
      name: 'addrtype',
      text: words.join(' '),
      listing: listed.join(' '),
      ...(limitIn ? { hooks: [PREROUTING, INPUT, FORWARD] } : limitOut ? { hooks: [OUTPUT, FORWARD, POSTROUTING] } : {}),
      test(context) {
        const device = limitIn ? context.inDevice : limitOut ? context.outDevice : undefined;
        if (sourceTypes !== undefined && sourceTypes.includes(context.addressType(context.skb.src, device)) === source?.negated) return false;
        if (destinationTypes !== undefined && destinationTypes.includes(context.addressType(context.skb.dst, device)) === destination?.negated) return false;
        return true;
      },
    };
  },
});
