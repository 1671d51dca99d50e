/** -m ipvs: packets and connections that IPVS has dealt with. Linux: net/netfilter/xt_ipvs.c */
import { bitsOf, formatIp, inPrefix } from '../../addr/ip.ts';
import { parseAddress } from '../address.ts';
import { type BuiltMatch, defineMatch, type GivenOptions, type IpvsView, type RuleContext, type RuleError, type RuleHead } from '../definition.ts';
import { protocolOf } from '../names.ts';
import { badValue } from '../options.ts';
import { parsePort, parseUnsigned } from '../text.ts';

interface Part {
  readonly text: string;
  test(view: IpvsView, context: RuleContext): boolean;
}

const METHODS = ['GATE', 'IPIP', 'MASQ'];

function ports(given: GivenOptions, name: 'vport' | 'vportctl', of: (view: IpvsView) => number): Part | undefined | RuleError {
  const wanted = given.get(name);
  if (wanted === undefined) return undefined;
  const port = parsePort(wanted.values[0] as string);
  if (port === undefined) return { error: `Port "${wanted.values[0]}" does not resolve to anything.\n` };
  return { text: `${wanted.negated ? '! ' : ''}--${name} ${port}`, test: (view) => (of(view) === port) !== wanted.negated };
}

function partsOf(given: GivenOptions, head: RuleHead): (Part | undefined | RuleError)[] {
  const parts: (Part | undefined | RuleError)[] = [];
  const protocol = given.get('vproto');
  if (protocol !== undefined) {
    const word = protocol.values[0] as string;
    const number = protocolOf(word.toLowerCase()) ?? parseUnsigned(word, 255);
    parts.push(
      number === undefined
        ? { error: `unknown protocol "${word}" specified` }
        : { text: `${protocol.negated ? '! ' : ''}--vproto ${number}`, test: (_, { skb }) => (skb.protocol === number) !== protocol.negated },
    );
  }
  const address = given.get('vaddr');
  if (address !== undefined) {
    const parsed = parseAddress(address.values[0] as string, head.family);
    if ('error' in parsed) parts.push(parsed);
    else {
      const { network, prefixLength } = parsed;
      const shown = `${formatIp(network)}${prefixLength === bitsOf(network) ? '' : `/${prefixLength}`}`;
      parts.push({
        text: `${address.negated ? '! ' : ''}--vaddr ${shown}`,
        test: (view) => inPrefix(network, prefixLength, view.virtualIp) !== address.negated,
      });
    }
  }
  parts.push(ports(given, 'vport', (view) => view.virtualPort));
  const direction = given.get('vdir');
  if (direction !== undefined) {
    const word = (direction.values[0] as string).toUpperCase();
    parts.push(
      word === 'ORIGINAL' || word === 'REPLY'
        ? { text: `--vdir ${word}`, test: (_, { skb }) => skb.connection !== undefined && skb.ctReply === (word === 'REPLY') }
        : badValue('ipvs', 'vdir', direction.values[0] as string),
    );
  }
  const method = given.get('vmethod');
  if (method !== undefined) {
    const word = (method.values[0] as string).toUpperCase();
    parts.push(
      METHODS.includes(word)
        ? { text: `${method.negated ? '! ' : ''}--vmethod ${word}`, test: (view) => (view.method === word) !== method.negated }
        : badValue('ipvs', 'vmethod', method.values[0] as string),
    );
  }
  parts.push(ports(given, 'vportctl', (view) => view.controlPort));
  return parts;
}

export const ipvs = defineMatch({
  name: 'ipvs',
  options: [
    { name: 'ipvs', values: 0, invertible: true },
    { name: 'vproto', values: 1, invertible: true },
    { name: 'vaddr', values: 1, invertible: true },
    { name: 'vport', values: 1, invertible: true },
    { name: 'vdir', values: 1 },
    { name: 'vmethod', values: 1, invertible: true },
    { name: 'vportctl', values: 1, invertible: true },
  ],
  build(given, head): BuiltMatch | RuleError {
    const parts: Part[] = [];
    for (const part of partsOf(given, head)) {
      if (part === undefined) continue;
      if ('error' in part) return part;
      parts.push(part);
    }
    const property = given.get('ipvs');
    if (parts.length > 0) {
      // Beside other questions --ipvs says nothing of its own.
      const text = parts.map((part) => part.text).join(' ');
      return {
        name: 'ipvs',
        text,
        listing: text.replaceAll('--', ''),
        test(context) {
          const view = context.ipvs();
          return view !== undefined && parts.every((part) => part.test(view, context));
        },
      };
    }
    if (property === undefined) return { error: 'IPVS: At least one option is required' };
    const bang = property.negated ? '! ' : '';
    return { name: 'ipvs', text: `${bang}--ipvs`, listing: `${bang}ipvs`, test: ({ skb }) => skb.ipvs !== property.negated };
  },
});
