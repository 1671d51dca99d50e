/** Options of netem and tbf as tc reads them. iproute2: tc/q_netem.c, tc/q_tbf.c */
import { readNetem } from '../../net/device/netem-words.ts';
import { parseRate, parseSize, parseTime } from '../../net/device/qdisc-units.ts';
import type { NetemQdisc, TbfQdisc } from '../../net/records.ts';
import { type Refusal, refuse } from './link-refusal.ts';

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

/** @returns the qdisc without its handle, or tc's words. */
export function parseNetem(words: readonly string[]): Omit<NetemQdisc, 'handle'> | Refusal {
  const read = readNetem(words);
  if (!('problem' in read)) return read;
  return refuse(read.usage === true ? `${read.problem}\n${NETEM_USAGE}`.trimStart() : read.problem, 1);
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
