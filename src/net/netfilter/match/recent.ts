/** -m recent: a list of addresses and when they were seen; kube-proxy's session affinity. Linux: net/netfilter/xt_recent.c */
import { formatIp } from '../../addr/ip.ts';
import { parseIp4 } from '../../addr/ip4.ts';
import type { Ip } from '../../wire/packet.ts';
import { defineMatch } from '../definition.ts';
import { parseUnsigned } from '../text.ts';

const NS = 1e9;
/** ip_pkt_list_tot: how many times are kept an address. */
const STAMPS = 20;
/** ip_list_tot: how many addresses a list keeps; the oldest goes. */
const ADDRESSES = 100;

export const recent = defineMatch({
  name: 'recent',
  options: [
    { name: 'set', values: 0, invertible: true },
    { name: 'rcheck', values: 0, invertible: true },
    { name: 'update', values: 0, invertible: true },
    { name: 'remove', values: 0, invertible: true },
    { name: 'seconds', values: 1 },
    { name: 'reap', values: 0 },
    { name: 'hitcount', values: 1 },
    { name: 'name', values: 1 },
    { name: 'mask', values: 1 },
    { name: 'rsource', values: 0 },
    { name: 'rdest', values: 0 },
  ],
  build(given) {
    const action = (['set', 'rcheck', 'update', 'remove'] as const).find((a) => given.has(a));
    if (action === undefined) return { error: "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'" };
    const negated = given.get(action)?.negated === true;
    const list = given.get('name')?.values[0] ?? 'DEFAULT';
    const seconds = parseUnsigned(given.get('seconds')?.values[0] ?? '0', 0xffffffff);
    const hits = parseUnsigned(given.get('hitcount')?.values[0] ?? '0', 0xffffffff);
    const mask = parseIp4(given.get('mask')?.values[0] ?? '255.255.255.255');
    const reap = given.has('reap');
    if (seconds === undefined || hits === undefined || mask === undefined) return { error: 'recent: bad value' };
    if (reap && seconds === 0) return { error: 'recent: option "--reap" requires option "--seconds"' };
    const bySource = !given.has('rdest');
    const words = [`${negated ? '! ' : ''}--${action}`];
    if (seconds !== 0) words.push(`--seconds ${seconds}`);
    if (reap) words.push('--reap');
    if (hits !== 0) words.push(`--hitcount ${hits}`);
    words.push(`--name ${list}`, `--mask ${formatIp(mask)}`, bySource ? '--rsource' : '--rdest');
    const verb = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' }[action];
    return {
      name: 'recent',
      text: words.join(' '),
      listing: `${negated ? '! ' : ''}recent: ${verb}${seconds === 0 ? '' : ` seconds: ${seconds}`}${reap ? ' reap' : ''}${hits === 0 ? '' : ` hit_count: ${hits}`} name: ${list} side: ${bySource ? 'source' : 'dest'} mask: ${formatIp(mask)}`,
      test(context) {
        const addresses = context.recent(list);
        const whole = bySource ? context.skb.src : context.skb.dst;
        const address = typeof whole === 'bigint' ? whole : whole & mask;
        let stamps = addresses.get(address);
        const found = stamps !== undefined;
        let result = negated;
        if (action === 'set') {
          if (stamps === undefined) {
            if (addresses.size >= ADDRESSES) addresses.delete(addresses.keys().next().value as Ip);
            stamps = [];
            addresses.set(address, stamps);
          }
          result = !negated;
        } else if (stamps !== undefined) {
          if (action === 'remove') {
            addresses.delete(address);
            return !negated;
          }
          const since = seconds === 0 ? Number.NEGATIVE_INFINITY : context.nowNs - seconds * NS;
          const fresh = stamps.filter((t) => t >= since);
          if (reap) {
            if (fresh.length === 0) {
              addresses.delete(address);
              return negated;
            }
            stamps = fresh;
            addresses.set(address, stamps);
          }
          if (seconds === 0 && hits === 0) result = !negated;
          else if (fresh.length >= Math.max(1, hits)) result = !negated;
        } else return negated;
        if (action === 'set' || (action === 'update' && found && result !== negated)) {
          stamps.push(context.nowNs);
          if (stamps.length > STAMPS) stamps.shift();
        }
        return result;
      },
    };
  },
});
