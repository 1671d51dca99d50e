/** -m owner: whose socket sent the packet. Linux: net/netfilter/xt_owner.c */
import { defineMatch, EINVAL, type GivenOption, type RuleError } from '../definition.ts';
import { OUTPUT, POSTROUTING } from '../hook.ts';
import { badValue } from '../options.ts';
import { option, parseUnsigned } from '../text.ts';

const MAX = 0xfffffffe;
/** The users and groups every host has. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['root', 0],
  ['daemon', 1],
  ['bin', 2],
  ['sys', 3],
]);
const nameOf = (id: number): string => [...NAMES].find((n) => n[1] === id)?.[0] ?? String(id);

interface Ids {
  readonly min: number;
  readonly max: number;
  readonly negated: boolean;
}

function parseIds(name: string, wanted: GivenOption | undefined): Ids | undefined | RuleError {
  if (wanted === undefined) return undefined;
  const text = wanted.values[0] as string;
  const known = NAMES.get(text);
  if (known !== undefined) return { min: known, max: known, negated: wanted.negated };
  const [low = '', high = low] = text.split('-');
  const min = parseUnsigned(low, MAX);
  const max = parseUnsigned(high, MAX);
  if (min === undefined || max === undefined) return badValue('owner', name, text);
  return min > max ? EINVAL : { min, max, negated: wanted.negated };
}

const numbers = (ids: Ids): string => (ids.min === ids.max ? `${ids.min}` : `${ids.min}-${ids.max}`);
const holds = (ids: Ids | undefined, id: number): boolean => ids === undefined || (id >= ids.min && id <= ids.max) !== ids.negated;

export const owner = defineMatch({
  name: 'owner',
  hooks: [OUTPUT, POSTROUTING],
  options: [
    { name: 'uid-owner', values: 1, invertible: true },
    { name: 'gid-owner', values: 1, invertible: true },
    { name: 'socket-exists', values: 0, invertible: true },
    { name: 'suppl-groups', values: 0 },
  ],
  build(given) {
    const uid = parseIds('uid-owner', given.get('uid-owner'));
    const gid = parseIds('gid-owner', given.get('gid-owner'));
    if (uid !== undefined && 'error' in uid) return uid;
    if (gid !== undefined && 'error' in gid) return gid;
    const exists = given.get('socket-exists');
    if (uid === undefined && gid === undefined && exists === undefined)
      return { error: 'owner: At least one of --uid-owner, --gid-owner or --socket-exists is required' };
    const words: string[] = [];
    const listed: string[] = [];
    const named: string[] = [];
    if (exists !== undefined) {
      words.push(option('socket-exists', exists.negated, ''));
      listed.push(`${exists.negated ? '! ' : ''}owner socket exists`);
      named.push(`${exists.negated ? '! ' : ''}owner socket exists`);
    }
    for (const [name, word, ids] of [['uid-owner', 'UID', uid] as const, ['gid-owner', 'GID', gid] as const]) {
      if (ids === undefined) continue;
      words.push(option(name, ids.negated, numbers(ids)));
      const bang = ids.negated ? '! ' : '';
      listed.push(`${bang}owner ${word} match ${numbers(ids)}`);
      named.push(`${bang}owner ${word} match ${ids.min === ids.max ? nameOf(ids.min) : numbers(ids)}`);
    }
    if (given.has('suppl-groups')) {
      words.push('--suppl-groups');
      listed.push('incl. suppl. groups');
      named.push('incl. suppl. groups');
    }
    return {
      name: 'owner',
      text: words.join(' '),
      listing: listed.join(' '),
      named: named.join(' '),
      test(context) {
        const socket = context.owner();
        // What no socket sent has no owner: only a negated question is answered with yes (owner_mt()).
        if (socket === undefined) return [exists, uid, gid].every((one) => one?.negated !== false);
        return exists?.negated !== true && holds(uid, socket.uid) && holds(gid, socket.gid);
      },
    };
  },
});
