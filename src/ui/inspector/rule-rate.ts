/** How often a rule matches: its counter at moments of virtual time, and what it grew by between them. Pure. */

export interface Sample {
  readonly nowNs: number;
  readonly packets: number;
}

const MAX_SAMPLES = 61;
const STEP_NS = 1e9;

/** Samples stand at least a second of virtual time apart; a counter that was set back, or time that has gone back, begins anew. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last === undefined || sample.packets < last.packets || sample.nowNs < last.nowNs) return [sample];
  return sample.nowNs - last.nowNs < STEP_NS ? samples : [...samples, sample].slice(-MAX_SAMPLES);
}

/** Packets a second between each two. */
export const ratesOf = (samples: readonly Sample[]): readonly number[] =>
  samples.slice(1).map((sample, at) => {
    const before = samples[at] as Sample;
    return ((sample.packets - before.packets) * 1e9) / (sample.nowNs - before.nowNs);
  });
