/** -j MARK: sets bits of the packet's mark. Linux: net/netfilter/xt_mark.c, mark_tg */
import { CONTINUE, defineTarget, type GivenOptions } from '../definition.ts';
import { formatHex, parseMarkMask, parseUnsigned } from '../text.ts';

/** Every form is one: clear the bits of `mask`, then exclusive-or `value`. */
function parse(given: GivenOptions): { readonly value: number; readonly mask: number } | undefined {
  const [name, wanted] = [...given][0] ?? ['', undefined];
  const text = wanted?.values[0] ?? '';
  if (name === 'set-xmark') return parseMarkMask(text);
  if (name === 'set-mark') {
    const pair = parseMarkMask(text);
    return pair === undefined ? undefined : { value: pair.value, mask: (pair.mask | pair.value) >>> 0 };
  }
  const bits = parseUnsigned(text, 0xffffffff);
  if (bits === undefined) return undefined;
  if (name === 'and-mark') return { value: 0, mask: ~bits >>> 0 };
  if (name === 'or-mark') return { value: bits, mask: bits };
  return name === 'xor-mark' ? { value: bits, mask: 0 } : undefined;
}

export const mark = defineTarget({
  name: 'MARK',
  options: ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'].map((name) => ({ name, values: 1 as const })),
  build(given) {
    if (given.size === 0) return { error: 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required' };
    const pair = parse(given);
    if (pair === undefined) return { error: `MARK: bad mark value for option "--${[...given.keys()][0]}", or out of range.` };
    const { value, mask } = pair;
    const printed = `${formatHex(value)}/${formatHex(mask)}`;
    return {
      name: 'MARK',
      continues: true,
      text: `--set-xmark ${printed}`,
      listing: listing(value, mask),
      run({ skb }) {
        skb.mark = ((skb.mark & ~mask) ^ value) >>> 0;
        return CONTINUE;
      },
    };
  },
});

/** `iptables -L` names the simplest form that means the same. */
function listing(value: number, mask: number): string {
  if (value === 0) return `MARK and ${formatHex(~mask)}`;
  if (value === mask) return `MARK or ${formatHex(value)}`;
  if (mask === 0) return `MARK xor ${formatHex(value)}`;
  if (mask === 0xffffffff) return `MARK set ${formatHex(value)}`;
  return `MARK xset ${formatHex(value)}/${formatHex(mask)}`;
}
