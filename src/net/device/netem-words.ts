/** Options of netem as tc reads them: on a command's line, and in an annotation. iproute2: tc/q_netem.c */
import type { NetemQdisc } from '../records.ts';
import { parsePercent, parseRate, parseTime } from './qdisc-units.ts';

export interface NetemProblem {
  /** tc's words. */
  readonly problem: string;
  /** tc says what it takes as well. */
  readonly usage?: true;
}

const illegal = (what: string): NetemProblem => ({ problem: `Illegal "${what}"` });

/** One that does nothing yet. */
export const BLANK_NETEM: Omit<NetemQdisc, 'handle'> = {
  kind: 'netem',
  limitPackets: 1000,
  delayNs: 0,
  jitterNs: 0,
  delayCorrelation: 0,
  lossRatio: 0,
  lossCorrelation: 0,
  duplicateRatio: 0,
  duplicateCorrelation: 0,
  corruptRatio: 0,
  corruptCorrelation: 0,
  reorderRatio: 0,
  reorderCorrelation: 0,
  reorderGap: 0,
  rateBitsPerSecond: 0,
};

const startsNumber = (text: string | undefined): text is string => text !== undefined && /^[\d.]/.test(text);

/** What follows `netem` on a line of tc; the handle is the kernel's to give. */
export function readNetem(words: readonly string[]): Omit<NetemQdisc, 'handle'> | NetemProblem {
  const options: { -readonly [K in keyof Omit<NetemQdisc, 'handle'>]: Omit<NetemQdisc, 'handle'>[K] } = { ...BLANK_NETEM };
  const rest = [...words];
  let gapGiven = false;
  const ratio = (name: 'loss' | 'duplicate' | 'corrupt' | 'reorder'): NetemProblem | undefined => {
    const value = parsePercent(rest.shift() ?? '');
    if (value === undefined) return illegal(name === 'loss' ? 'loss percent' : name);
    options[`${name}Ratio`] = value;
    if (!startsNumber(rest[0])) return undefined;
    const correlation = parsePercent(rest.shift() ?? '');
    if (correlation === undefined) return illegal(name === 'loss' ? 'loss correlation' : name);
    options[`${name}Correlation`] = correlation;
    return undefined;
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    let refusal: NetemProblem | undefined;
    switch (word) {
      case 'limit': {
        const value = rest.shift() ?? '';
        if (!/^\d{1,9}$/.test(value)) return illegal('limit');
        options.limitPackets = Number(value);
        break;
      }
      case 'latency':
      case 'delay': {
        const value = parseTime(rest.shift() ?? '');
        if (value === undefined) return illegal('latency');
        options.delayNs = value;
        if (!startsNumber(rest[0])) break;
        const jitter = parseTime(rest.shift() ?? '');
        if (jitter === undefined) return illegal('latency');
        options.jitterNs = jitter;
        if (!startsNumber(rest[0])) break;
        const correlation = parsePercent(rest.shift() ?? '');
        if (correlation === undefined) return illegal('latency');
        options.delayCorrelation = correlation;
        break;
      }
      case 'loss':
      case 'drop':
        if (rest[0] === 'state' || rest[0] === 'gemodel') return { problem: `netem: loss ${rest[0]} is not simulated here; loss PERCENT [CORRELATION] is` };
        if (rest[0] === 'random') rest.shift();
        refusal = ratio('loss');
        break;
      case 'duplicate':
      case 'corrupt':
      case 'reorder':
        refusal = ratio(word);
        break;
      case 'gap': {
        const value = rest.shift() ?? '';
        if (!/^\d{1,9}$/.test(value)) return illegal('gap');
        options.reorderGap = Number(value);
        gapGiven = true;
        break;
      }
      case 'rate': {
        const value = parseRate(rest.shift() ?? '');
        if (value === undefined) return illegal('rate');
        options.rateBitsPerSecond = value;
        break;
      }
      case 'distribution': {
        const value = rest.shift() ?? '';
        if (value !== 'uniform') return { problem: `netem: distribution ${value} is not simulated here; jitter is uniform` };
        break;
      }
      case 'slot':
      case 'ecn':
        return { problem: `netem: ${word} is not simulated here` };
      case 'help':
        return { problem: '', usage: true };
      default:
        return { problem: `What is "${word}"?`, usage: true };
    }
    if (refusal !== undefined) return refusal;
  }
  if (options.reorderRatio > 0) {
    if (options.delayNs === 0) return { problem: 'reordering not possible without specifying some delay', usage: true };
    if (!gapGiven) options.reorderGap = 1;
  } else if (options.reorderGap > 0) return { problem: 'gap specified without reorder probability', usage: true };
  return options;
}
