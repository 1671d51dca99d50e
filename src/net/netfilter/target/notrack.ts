/** -j CT --notrack (and its old name NOTRACK): no connection tracking for this packet. Linux: net/netfilter/xt_CT.c */
import { type BuiltTarget, CONTINUE, defineTarget } from '../definition.ts';
import { OUTPUT, PREROUTING } from '../hook.ts';

const built: BuiltTarget = {
  name: 'CT',
  continues: true,
  text: '--notrack',
  listing: 'NOTRACK',
  run(context) {
    context.untrack();
    return CONTINUE;
  },
};

export const ct = defineTarget({
  name: 'CT',
  tables: ['raw'],
  hooks: [PREROUTING, OUTPUT],
  options: [{ name: 'notrack', values: 0 }],
  build: (given) => (given.has('notrack') ? built : { error: 'CT: only "--notrack" is simulated' }),
});

export const notrack = defineTarget({ name: 'NOTRACK', tables: ['raw'], hooks: [PREROUTING, OUTPUT], options: [], build: () => built });
