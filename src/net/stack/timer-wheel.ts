/**
 * When a kernel timer really fires. The timer wheel counts ticks and rounds up, coarser for the later ones: a second becomes 1.004 to 1.036 s, and
 * 1.024 s when it is counted from the tick of another such timer. Hence SYNs and ARP requests that started together go on together.
 * Linux: kernel/time/timer.c, calc_wheel_index.
 */

/** CONFIG_HZ=250. */
const TICK_NS = 4_000_000;
/** Buckets of a level; a level's ticks are eight of the one below. */
const LEVEL_SIZE = 64;
const LEVEL_SHIFT = 3;
const LEVELS = 9;

/** @param delayNs at least 0 */
export function wheelExpiryNs(nowNs: number, delayNs: number): number {
  const delta = Math.ceil(delayNs / TICK_NS);
  const expires = Math.floor(nowNs / TICK_NS) + delta;
  let level = 0;
  while (level < LEVELS - 1 && delta >= (LEVEL_SIZE - 1) * 2 ** (level * LEVEL_SHIFT)) level += 1;
  const granularity = 2 ** (level * LEVEL_SHIFT);
  return (Math.floor(expires / granularity) + 1) * granularity * TICK_NS;
}
