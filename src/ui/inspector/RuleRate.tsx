/** A small plot of how often the chosen rule matches, from its own counter. */
import { useEffect, useState } from 'react';
import { useMirror, usePast } from '../state/context.ts';
import { ratesOf, type Sample, withSample } from './rule-rate.ts';
import styles from './TrafficPane.module.css';

const WIDTH = 300;
const HEIGHT = 30;

/** `rule` names it; `packets` is its counter. In the past, and before the second sample, there is nothing to plot. */
export function RuleRate({ rule, packets }: { readonly rule: string; readonly packets: number }) {
  const nowNs = useMirror((mirror) => mirror.nowNs);
  const present = usePast((past) => past.seq === undefined || past.now);
  const [seen, setSeen] = useState<{ readonly rule: string; readonly samples: readonly Sample[] }>({ rule, samples: [] });
  useEffect(() => {
    if (!present) return;
    setSeen((before) => {
      const samples = withSample(before.rule === rule ? before.samples : [], { nowNs, packets });
      return before.rule === rule && samples === before.samples ? before : { rule, samples };
    });
  }, [rule, packets, nowNs, present]);
  const rates = seen.rule === rule ? ratesOf(seen.samples) : [];
  if (!present || rates.length === 0) return null;
  const most = Math.max(1e-9, ...rates);
  const points = rates.map(
    (rate, at) => `${((at / Math.max(1, rates.length - 1)) * WIDTH).toFixed(1)} ${(HEIGHT - 2 - (rate / most) * (HEIGHT - 4)).toFixed(1)}`,
  );
  const now = rates.at(-1) ?? 0;
  return (
    <figure className={styles.plot}>
      <figcaption>
        <span>{now.toFixed(now < 10 ? 1 : 0)} packets a second</span>
        <span className={styles.most}>up to {most.toFixed(most < 10 ? 1 : 0)}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path className={styles.main} d={`M${points.join('L')}`} />
      </svg>
    </figure>
  );
}
