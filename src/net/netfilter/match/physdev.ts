/** -m physdev: the bridge ports behind the bridge. Linux: net/netfilter/xt_physdev.c */
import { defineMatch, type GivenOption } from '../definition.ts';
import { FORWARD, INPUT, POSTROUTING, PREROUTING } from '../hook.ts';
import { option } from '../text.ts';

/** `cni0` or `veth+` against a device's name. */
export function deviceMatches(pattern: string, name: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

const FLAGS = ['physdev-is-in', 'physdev-is-out', 'physdev-is-bridged'] as const;

export const physdev = defineMatch({
  name: 'physdev',
  options: [
    { name: 'physdev-in', values: 1, invertible: true },
    { name: 'physdev-out', values: 1, invertible: true },
    { name: 'physdev-is-in', values: 0, invertible: true },
    { name: 'physdev-is-out', values: 0, invertible: true },
    { name: 'physdev-is-bridged', values: 0, invertible: true },
  ],
  build(given) {
    const inside = given.get('physdev-in');
    const outside = given.get('physdev-out');
    const words: string[] = [];
    const flag = (name: (typeof FLAGS)[number]): GivenOption | undefined => given.get(name);
    if (flag('physdev-is-in') !== undefined) words.push(option('physdev-is-in', flag('physdev-is-in')?.negated === true, ''));
    if (inside !== undefined) words.push(option('physdev-in', inside.negated, inside.values[0] as string));
    if (flag('physdev-is-out') !== undefined) words.push(option('physdev-is-out', flag('physdev-is-out')?.negated === true, ''));
    if (outside !== undefined) words.push(option('physdev-out', outside.negated, outside.values[0] as string));
    if (flag('physdev-is-bridged') !== undefined) words.push(option('physdev-is-bridged', flag('physdev-is-bridged')?.negated === true, ''));
    if (words.length === 0) return { error: 'PHYSDEV: no physdev option specified' };
    const isIn = flag('physdev-is-in');
    const isOut = flag('physdev-is-out');
    const isBridged = flag('physdev-is-bridged');
    return {
      name: 'physdev',
      text: words.join(' '),
      listing: `PHYSDEV match ${words.join(' ')}`,
      // Which port a frame leaves by is known only where it is bridged.
      ...(outside !== undefined || isOut !== undefined || isBridged !== undefined ? { hooks: [PREROUTING, INPUT, FORWARD, POSTROUTING] } : {}),
      test({ physIn, physOut }) {
        if (isIn !== undefined && (physIn !== '') === isIn.negated) return false;
        if (isOut !== undefined && (physOut !== '') === isOut.negated) return false;
        if (isBridged !== undefined && (physIn !== '' && physOut !== '') === isBridged.negated) return false;
        if (inside !== undefined && (physIn !== '' && deviceMatches(inside.values[0] as string, physIn)) === inside.negated) return false;
        if (outside !== undefined && (physOut !== '' && deviceMatches(outside.values[0] as string, physOut)) === outside.negated) return false;
        return true;
      },
    };
  },
});
