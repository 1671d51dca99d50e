/** -j MARK, -j CONNMARK: sets bits of the packet's mark, or of its connection's, and copies between the two. Linux: net/netfilter/xt_mark.c, xt_connmark.c */
import { CONTINUE, defineTarget, type GivenOptions, type OptionDefinition, type RuleError } from '../definition.ts';
import { givenValue, markOption } from '../options.ts';
import { formatHex, parseUnsigned } from '../text.ts';

const SETTERS = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;

interface Setting {
  readonly value: number;
  readonly mask: number;
}

/** Every form is one: clear the bits of `mask`, then exclusive-or `value`. */
function parse(target: string, given: GivenOptions): Setting | undefined | RuleError {
  const name = SETTERS.find((s) => given.has(s));
  if (name === undefined) return undefined;
  const text = givenValue(given, name) ?? '';
  if (name === 'set-xmark' || name === 'set-mark') {
    const pair = markOption(target, name, text);
    return 'error' in pair || name === 'set-xmark' ? pair : { value: pair.value, mask: (pair.mask | pair.value) >>> 0 };
  }
  const bits = parseUnsigned(text, 0xffffffff);
  if (bits === undefined) return { error: `${target}: bad value for option "--${name}", or out of range (0-4294967295).\n` };
  if (name === 'and-mark') return { value: 0, mask: ~bits >>> 0 };
  return { value: bits, mask: name === 'or-mark' ? bits : 0 };
}

/** `iptables -L` names the simplest form that means the same. */
function listing(word: string, { value, mask }: Setting): string {
  if (value === 0) return `${word} and ${formatHex(~mask)}`;
  if (value === mask) return `${word} or ${formatHex(value)}`;
  if (mask === 0) return `${word} xor ${formatHex(value)}`;
  if (mask === 0xffffffff) return `${word} set ${formatHex(value)}`;
  return `${word} xset ${formatHex(value)}/${formatHex(mask)}`;
}

const exclusive = (names: readonly string[]): OptionDefinition[] =>
  names.map((name) => ({ name, values: 1 as const, excludes: names.filter((n) => n !== name) }));

export const mark = defineTarget({
  name: 'MARK',
  options: exclusive(SETTERS),
  build(given) {
    const setting = parse('MARK', given);
    if (setting === undefined) return { error: 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required' };
    if ('error' in setting) return setting;
    const { value, mask } = setting;
    return {
      name: 'MARK',
      continues: true,
      text: `--set-xmark ${formatHex(value)}/${formatHex(mask)}`,
      // All bits set to one value prints as `set`; only 0 reads as `and`.
      listing: mask === 0xffffffff && value !== 0 ? `MARK set ${formatHex(value)}` : listing('MARK', setting),
      run({ skb }) {
        skb.mark = ((skb.mark & ~mask) ^ value) >>> 0;
        return CONTINUE;
      },
    };
  },
});

const COPIES = ['save-mark', 'restore-mark'] as const;
const OPERATIONS = [...SETTERS, ...COPIES];

/** Which bits are taken and which are written. */
function masks(given: GivenOptions): { readonly packet: number; readonly connection: number } | RuleError {
  const both = givenValue(given, 'mask');
  const numbers: number[] = [];
  for (const name of ['nfmask', 'ctmask']) {
    const text = both ?? givenValue(given, name) ?? '0xffffffff';
    const value = parseUnsigned(text, 0xffffffff);
    if (value === undefined) return { error: `CONNMARK: bad value for option "--${both === undefined ? name : 'mask'}", or out of range (0-4294967295).\n` };
    numbers.push(value);
  }
  return { packet: numbers[0] as number, connection: numbers[1] as number };
}

export const connmark = defineTarget({
  name: 'CONNMARK',
  options: [
    ...SETTERS.map((name) => ({ name, values: 1 as const, excludes: OPERATIONS.filter((n) => n !== name) })),
    ...COPIES.map((name) => ({ name, values: 0 as const, excludes: OPERATIONS.filter((n) => n !== name) })),
    { name: 'ctmask', values: 1, excludes: ['mask'] },
    { name: 'nfmask', values: 1, excludes: ['mask'] },
    { name: 'mask', values: 1, excludes: ['ctmask', 'nfmask'] },
  ],
  build(given) {
    const copy = COPIES.find((c) => given.has(c));
    if (copy === undefined) {
      const setting = parse('CONNMARK', given);
      if (setting === undefined) return { error: 'CONNMARK target: No operation specified' };
      if ('error' in setting) return setting;
      const { value, mask } = setting;
      return {
        name: 'CONNMARK',
        continues: true,
        text: `--set-xmark ${formatHex(value)}/${formatHex(mask)}`,
        listing: mask === 0xffffffff && value !== 0 ? `CONNMARK set ${formatHex(value)}` : listing('CONNMARK', setting),
        run({ skb }) {
          if (skb.connection !== undefined) skb.connection.mark = ((skb.connection.mark & ~mask) ^ value) >>> 0;
          return CONTINUE;
        },
      };
    }
    const wanted = masks(given);
    if ('error' in wanted) return wanted;
    const { packet, connection } = wanted;
    const save = copy === 'save-mark';
    let tail = '';
    if (packet === connection && packet !== 0xffffffff) tail = ` mask ${formatHex(packet)}`;
    else if (packet !== connection)
      tail = save ? ` nfmask ${formatHex(packet)} ctmask ~${formatHex(connection)}` : ` ctmask ${formatHex(connection)} nfmask ~${formatHex(packet)}`;
    return {
      name: 'CONNMARK',
      continues: true,
      text: `--${copy} --nfmask ${formatHex(packet)} --ctmask ${formatHex(connection)}`,
      listing: `CONNMARK ${save ? 'save' : 'restore'}${tail}`,
      run({ skb }) {
        const entry = skb.connection;
        if (entry === undefined) return CONTINUE;
        if (save) entry.mark = ((entry.mark & ~connection) ^ (skb.mark & packet)) >>> 0;
        else skb.mark = ((skb.mark & ~packet) ^ (entry.mark & connection)) >>> 0;
        return CONTINUE;
      },
    };
  },
});
