/** How Felix hooks its chains in: all that a node's built-in chains need to know of it. Calico v3.30: felix/rules/static.go */
import type { StoreView } from '../../../objects/types.ts';
import type { BuiltInJump } from '../../service/kube-proxy-base-rules.ts';
import { ACCEPT_MARK, hashedRules, jump, markSet, setMark } from './felix-rule.ts';
import { calicoSettings } from './settings.ts';

const HOOKS: readonly (readonly [BuiltInJump['table'], readonly BuiltInJump['from'][]])[] = [
  ['raw', ['PREROUTING', 'OUTPUT']],
  ['mangle', ['PREROUTING', 'POSTROUTING']],
  ['nat', ['PREROUTING', 'OUTPUT', 'POSTROUTING']],
  ['filter', ['INPUT', 'FORWARD', 'OUTPUT']],
];

/** Felix inserts its jumps before all others, unless told to append them; two rules are always last in FORWARD. */
export function felixJumps(allow: string, append: boolean): readonly BuiltInJump[] {
  const jumps: BuiltInJump[] = HOOKS.flatMap(([table, chains]) =>
    chains.map((from) => {
      const [rule] = hashedRules(from, [{ action: jump(`cali-${from}`) }]);
      return { table, from, text: rule?.text ?? '', ...(append ? {} : { head: true as const }) };
    }),
  );
  const last = hashedRules(
    'FORWARD',
    [
      { match: markSet(ACCEPT_MARK), action: jump(allow), comments: ['Policy explicitly accepted packet.'] },
      // To the mangle table it says that the packet is a forwarded one.
      { action: setMark(ACCEPT_MARK) },
    ],
    'FORWARD*appends*',
  );
  return [...jumps, ...last.map(({ text }): BuiltInJump => ({ table: 'filter', from: 'FORWARD', text }))];
}

export function jumpsOfFelix(view: StoreView): readonly BuiltInJump[] {
  const { felix } = calicoSettings(view);
  return felixJumps((felix.iptablesFilterAllowAction ?? 'Accept').toUpperCase(), (felix.chainInsertMode ?? 'insert').toLowerCase() === 'append');
}
