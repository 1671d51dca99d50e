/** Options of netem and tbf as tc reads them. iproute2: tc/q_netem.c, tc/q_tbf.c */
import type { NetemQdisc, TbfQdisc } from '../../net/records.ts';
import { type Refusal, refuse } from './link-refusal.ts';
import { parsePercent, parseRate, parseSize, parseTime } from './tc-units.ts';

const NS = 1e9;

const NETEM_USAGE = `Usage: ... netem [ limit PACKETS ]
                 [ delay TIME [ JITTER [CORRELATION]]]
                 [ distribution {uniform|normal|pareto|paretonormal} ]
                 [ corrupt PERCENT [CORRELATION]]
                 [ duplicate PERCENT [CORRELATION]]
                 [ loss random PERCENT [CORRELATION]]
                 [ loss state P13 [P31 [P32 [P23 P14]]]
                 [ loss gemodel PERCENT [R [1-H [1-K]]]
                 [ ecn ]
                 [ reorder PERCENT [CORRELATION] [ gap DISTANCE ]]
                 [ rate RATE [PACKETOVERHEAD] [CELLSIZE] [CELLOVERHEAD]]
                 [ slot MIN_DELAY [MAX_DELAY] [packets MAX_PACKETS] [bytes MAX_BYTES]]
                 [ slot distribution {uniform|normal|pareto|paretonormal|custom}
                   DELAY JITTER [packets MAX_PACKETS] [bytes MAX_BYTES]]`;
const TBF_USAGE = `Usage: ... tbf limit BYTES burst BYTES[/BYTES] rate KBPS [ mtu BYTES[/BYTES] ]
	[ peakrate KBPS ] [ latency TIME ] [ overhead BYTES ] [ linklayer TYPE ]`;

const illegal = (what: string): Refusal => refuse(`Illegal "${what}"`, 1);

const BLANK: Omit<NetemQdisc, 'handle'> = {
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

/** @returns the qdisc without its handle, or tc's words. */
export function parseNetem(words: readonly string[]): Omit<NetemQdisc, 'handle'> | Refusal {
  const options: { -readonly [K in keyof Omit<NetemQdisc, 'handle'>]: Omit<NetemQdisc, 'handle'>[K] } = { ...BLANK };
  const rest = [...words];
  let gapGiven = false;
  const ratio = (name: 'loss' | 'duplicate' | 'corrupt' | 'reorder'): Refusal | undefined => {
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
    let refusal: Refusal | undefined;
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
        if (rest[0] === 'state' || rest[0] === 'gemodel') return refuse(`netem: loss ${rest[0]} is not simulated here; loss PERCENT [CORRELATION] is`, 1);
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
        if (value !== 'uniform') return refuse(`netem: distribution ${value} is not simulated here; jitter is uniform`, 1);
        break;
      }
      case 'slot':
      case 'ecn':
        return refuse(`netem: ${word} is not simulated here`, 1);
      case 'help':
        return refuse(NETEM_USAGE, 1);
      default:
        return refuse(`What is "${word}"?\n${NETEM_USAGE}`, 1);
    }
    if (refusal !== undefined) return refusal;
  }
  if (options.reorderRatio > 0) {
    if (options.delayNs === 0) return refuse(`reordering not possible without specifying some delay\n${NETEM_USAGE}`, 1);
    if (!gapGiven) options.reorderGap = 1;
  } else if (options.reorderGap > 0) return refuse(`gap specified without reorder probability\n${NETEM_USAGE}`, 1);
  return options;
}

export function parseTbf(words: readonly string[]): Omit<TbfQdisc, 'handle'> | Refusal {
  let rate: number | undefined;
  let burst: number | undefined;
  let limit: number | undefined;
  let latencyNs: number | undefined;
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i] ?? '';
    const value = words[i + 1] ?? '';
    switch (word) {
      case 'rate':
        rate = parseRate(value);
        if (rate === undefined) return illegal('rate');
        break;
      case 'burst':
      case 'buffer':
      case 'maxburst':
        burst = parseSize(value.split('/')[0] ?? '');
        if (burst === undefined) return illegal('burst');
        break;
      case 'limit':
        limit = parseSize(value);
        if (limit === undefined) return illegal('limit');
        break;
      case 'latency':
        latencyNs = parseTime(value);
        if (latencyNs === undefined) return illegal('latency');
        break;
      case 'peakrate':
      case 'mtu':
      case 'minburst':
      case 'overhead':
      case 'linklayer':
        return refuse(`tbf: ${word} is not simulated here`, 1);
      default:
        return refuse(`tbf: unknown parameter "${word}"\n${TBF_USAGE}`, 1);
    }
  }
  const missing: string[] = [];
  if (rate === undefined || rate === 0) missing.push('tbf: the "rate" parameter is mandatory.');
  if (burst === undefined || burst === 0) missing.push('tbf: the "burst" parameter is mandatory.');
  if (limit === undefined && latencyNs === undefined) missing.push('tbf: either "limit" or "latency" is required.');
  if (rate === undefined || burst === undefined || missing.length > 0) return refuse(`${missing.join('\n')}\n${TBF_USAGE}`, 1);
  return { kind: 'tbf', rateBitsPerSecond: rate, burstBytes: burst, limitBytes: limit ?? Math.round((rate / 8) * ((latencyNs ?? 0) / NS)) + burst };
}
