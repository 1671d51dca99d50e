/** -j SET: puts the packet's addresses into an ipset, or takes them out. Linux: net/netfilter/xt_set.c */
import { CONTINUE, defineTarget, type GivenOptions, type RuleError } from '../definition.ts';
import { parseDirections, setNameError } from '../match/set.ts';
import { givenValue } from '../options.ts';
import { parseUnsigned } from '../text.ts';

interface Change {
  readonly name: string;
  readonly directionText: string;
  readonly directions: readonly boolean[];
}

function change(given: GivenOptions, option: string): Change | undefined | RuleError {
  const values = given.get(option)?.values;
  if (values === undefined) return undefined;
  const [name = '', directionText = ''] = values;
  const directions = parseDirections(directionText);
  return 'error' in directions ? directions : (setNameError(name) ?? { name, directionText, directions });
}

export const set = defineTarget({
  name: 'SET',
  options: [
    { name: 'add-set', values: 2, tooFew: '--add-set requires two args.', twice: '--add-set can be specified only once' },
    { name: 'del-set', values: 2, tooFew: '--del-set requires two args.', twice: '--del-set can be specified only once' },
    { name: 'timeout', values: 1 },
    { name: 'exist', values: 0 },
  ],
  build(given) {
    const add = change(given, 'add-set');
    const del = change(given, 'del-set');
    if (add !== undefined && 'error' in add) return add;
    if (del !== undefined && 'error' in del) return del;
    if (add === undefined && del === undefined) return { error: "You must specify either `--add-set' or `--del-set' or `--map-set'" };
    const timeoutText = givenValue(given, 'timeout');
    const timeout = timeoutText === undefined ? undefined : parseUnsigned(timeoutText, 2147483);
    if (timeoutText !== undefined && timeout === undefined) return { error: 'Invalid value for option --timeout or out of range 0-2147483' };
    const exist = given.has('exist');
    const words: string[] = [];
    if (add !== undefined) words.push(`add-set ${add.name} ${add.directionText}`);
    if (add !== undefined && exist) words.push('exist');
    if (add !== undefined && timeout !== undefined) words.push(`timeout ${timeout}`);
    if (del !== undefined) words.push(`del-set ${del.name} ${del.directionText}`);
    return {
      name: 'SET',
      continues: true,
      text: words.map((w) => `--${w}`).join(' '),
      listing: words.join(' '),
      sets: [add, del].flatMap((c) => (c === undefined ? [] : [c.name])),
      run(context) {
        if (add !== undefined) context.ipset(add.name)?.addPacket(context, add.directions, timeout, exist);
        if (del !== undefined) context.ipset(del.name)?.deletePacket(context, del.directions);
        return CONTINUE;
      },
    };
  },
});
