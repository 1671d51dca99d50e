/** -m addrtype: what kind of address it is for this kernel's routing tables. Linux: net/netfilter/xt_addrtype.c */
import { type AddressType, defineMatch } from '../definition.ts';
import { option } from '../text.ts';

const TYPES: readonly AddressType[] = ['UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT'];

function parseTypes(text: string): AddressType[] | undefined {
  const types: AddressType[] = [];
  for (const word of text.split(',')) {
    const type = TYPES.find((t) => t === word.toUpperCase());
    if (type === undefined) return undefined;
    types.push(type);
  }
  return types;
}

export const addrtype = defineMatch({
  name: 'addrtype',
  options: [
    { name: 'src-type', values: 1, invertible: true },
    { name: 'dst-type', values: 1, invertible: true },
    { name: 'limit-iface-in', values: 0 },
    { name: 'limit-iface-out', values: 0 },
  ],
  build(given) {
    const source = given.get('src-type');
    const destination = given.get('dst-type');
    if (source === undefined && destination === undefined) return { error: 'addrtype: you must specify --src-type or --dst-type' };
    const sourceTypes = source === undefined ? undefined : parseTypes(source.values[0] as string);
    const destinationTypes = destination === undefined ? undefined : parseTypes(destination.values[0] as string);
    if (source !== undefined && sourceTypes === undefined) return { error: `addrtype: bad type \`${source.values[0]}'` };
    if (destination !== undefined && destinationTypes === undefined) return { error: `addrtype: bad type \`${destination.values[0]}'` };
    const limitIn = given.has('limit-iface-in');
    const limitOut = given.has('limit-iface-out');
    if (limitIn && limitOut) return { error: 'addrtype: both incoming and outgoing interface limitation cannot be selected' };
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
      test(context) {
        const device = limitIn ? context.inDevice : limitOut ? context.outDevice : undefined;
        if (sourceTypes !== undefined && sourceTypes.includes(context.addressType(context.skb.src, device)) === source?.negated) return false;
        if (destinationTypes !== undefined && destinationTypes.includes(context.addressType(context.skb.dst, device)) === destination?.negated) return false;
        return true;
      },
    };
  },
});
