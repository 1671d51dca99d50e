/** Requests of a pod, a Service or a Host in the last minute, as those count them who ask or who answer: plots, and the same numbers as tables. */
import { useEffect, useState } from 'react';
import type { TrafficView } from '../../world/traffic-views.ts';
import { usePlayground } from '../state/context.ts';
import { Dials } from './Dials.tsx';
import { PlugPane } from './PlugPane.tsx';
import styles from './TrafficPane.module.css';

const REFRESH_MS = 1_000;
const WIDTH = 300;
const HEIGHT = 44;
/** Rows of seconds that are listed: the newest. */
const LISTED_SECONDS = 15;

const milliseconds = (ms: number | undefined): string => (ms === undefined ? '–' : ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms)} ms`);
const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** A line through what is known; seconds without a value are gaps. */
function lineOf(values: readonly (number | undefined)[], most: number): string {
  let path = '';
  let isOpen = false;
  values.forEach((value, at) => {
    if (value === undefined) {
      isOpen = false;
      return;
    }
    const x = (at / Math.max(1, values.length - 1)) * WIDTH;
    path += `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`;
    isOpen = true;
  });
  return path;
}

interface Line {
  readonly name: string;
  readonly style: 'main' | 'errors' | 'slow';
  readonly values: readonly (number | undefined)[];
}

function Plot({ label, unit, lines }: { readonly label: string; readonly unit: (value: number) => string; readonly lines: readonly Line[] }) {
  const most = Math.max(1e-9, ...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  return (
    <figure className={styles.plot}>
      <figcaption>
        <span>{label}</span>
        <span className={styles.most}>up to {unit(most)}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {lines.map((line) => (
          <path key={line.name} className={styles[line.style]} d={lineOf(line.values, most)} />
        ))}
      </svg>
      <p className={styles.key}>
        {lines.map((line) => (
          <span key={line.name} data-line={line.style}>
            {line.name}
          </span>
        ))}
      </p>
    </figure>
  );
}

function useTraffic(objectKey: string): TrafficView | null {
  const { client } = usePlayground();
  const [view, setView] = useState<TrafficView | null>(null);
  useEffect(() => {
    let alive = true;
    const look = () =>
      client.call('traffic', objectKey).then(
        (next) => {
          if (alive) setView(next);
        },
        () => undefined,
      );
    void look();
    const timer = setInterval(look, REFRESH_MS);
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, [client, objectKey]);
  return view;
}

/** Of the present, wherever the playhead stands; of a Pod, how it came to its network as well. */
export function TrafficPane({ objectKey }: { readonly objectKey: string }) {
  return (
    <>
      <Requests objectKey={objectKey} />
      <Dials />
      {objectKey.startsWith('Pod/') ? <PlugPane objectKey={objectKey} /> : null}
    </>
  );
}

/** Nothing where nobody counts. */
function Requests({ objectKey }: { readonly objectKey: string }) {
  const view = useTraffic(objectKey);
  if (view === null) return null;
  const { seconds, totals, streams, endpoints, lastSecond } = view;
  const now = seconds.at(-1);
  const timed = seconds.some((second) => second.p50Ms !== undefined);
  return (
    <section className={styles.pane} aria-label="Requests in the last minute">
      <h3 className={styles.heading}>Requests, last minute of virtual time</h3>
      <p className={styles.sum}>
        <strong>{now?.requests ?? 0}</strong> in the last second, {now?.errors ?? 0} of them failed. Counted by those who{' '}
        {view.countedBy === 'clients' ? 'ask' : 'answer'}
        {streams.length === 0 ? '' : `: ${streams.map(({ key, target }) => `${key.slice(key.lastIndexOf('/') + 1)} → ${target}`).join(', ')}`}.
      </p>
      <Plot
        label="Requests per second"
        unit={(value) => `${Math.round(value)}/s`}
        lines={[
          { name: 'all', style: 'main', values: seconds.map((second) => second.requests) },
          { name: 'failed', style: 'errors', values: seconds.map((second) => second.errors) },
        ]}
      />
      {timed ? (
        <Plot
          label="Time until the answer"
          unit={milliseconds}
          lines={[
            { name: `p50 ${milliseconds(view.p50Ms)}`, style: 'main', values: seconds.map((second) => second.p50Ms) },
            { name: `p99 ${milliseconds(view.p99Ms)}`, style: 'slow', values: seconds.map((second) => second.p99Ms) },
          ]}
        />
      ) : null}
      {endpoints.length === 0 ? null : (
        <table className={styles.numbers}>
          <caption>Who answered</caption>
          <tbody>
            {endpoints.map((one) => (
              <tr key={one.key}>
                <th scope="row">{one.name}</th>
                <td>{one.requests}</td>
                <td>{percent(one.share)}</td>
                <td className={styles.barCell} aria-hidden="true">
                  <span className={styles.bar} style={{ inlineSize: `${one.share * 100}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <table className={styles.numbers}>
        <caption>What came of them since they began</caption>
        <tbody>
          {totals.map(({ outcome, requests }) => (
            <tr key={outcome}>
              <th scope="row">{outcome}</th>
              <td>{requests}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <details className={styles.details}>
        <summary>Second by second</summary>
        <table className={styles.numbers}>
          <thead>
            <tr>
              {['second', 'requests', 'failed', 'p50', 'p95', 'p99'].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {seconds.slice(-LISTED_SECONDS).map((second, at, listed) => {
              const time = lastSecond - (listed.length - 1 - at);
              return (
                <tr key={time}>
                  <th scope="row">{time}</th>
                  <td>{second.requests}</td>
                  <td>{second.errors}</td>
                  <td>{milliseconds(second.p50Ms)}</td>
                  <td>{milliseconds(second.p95Ms)}</td>
                  <td>{milliseconds(second.p99Ms)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </details>
    </section>
  );
}
