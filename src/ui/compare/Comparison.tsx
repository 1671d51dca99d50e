/** What two roads have in common and in what they differ: facts, the largest frame in pieces, and the hops of each packet. */
import { alignJourneys } from '../../world/align-journeys.ts';
import { type FramePart, factRows, largestFrame, roadFacts } from '../../world/road-facts.ts';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { AlignedHops, MARKS } from './AlignedHops.tsx';
import styles from './CompareDialog.module.css';
import type { RoadRun } from './run-road.ts';

function Facts({ left, right }: { readonly left: RoadRun; readonly right: RoadRun }) {
  const rows = factRows([roadFacts(left.hops, left.topology), roadFacts(right.hops, right.topology)]);
  return (
    <table className={styles.facts}>
      <caption>What each road costs, and what it asks of the network below</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{left.title}</th>
          <th scope="col">{right.title}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([what, a, b]) => (
          <tr key={what} data-same={a === b}>
            <th scope="row">{what}</th>
            <td>{a}</td>
            <td>{b}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Frame({ title, parts, widest }: { readonly title: string; readonly parts: readonly FramePart[]; readonly widest: number }) {
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  return (
    <div className={styles.frame}>
      <span className={styles.frameTitle}>
        {title} <b>{total} bytes</b>
      </span>
      <ol className={styles.parts} style={{ width: `${widest === 0 ? 0 : (100 * total) / widest}%` }}>
        {withKeys(parts, (part) => part.name).map(({ key, item: part }) => (
          <li key={key} data-family={part.family} style={{ flexGrow: part.bytes }}>
            <span>{part.name}</span> <span>{part.bytes}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

export function Comparison({ left, right }: { readonly left: RoadRun; readonly right: RoadRun }) {
  const alignment = alignJourneys(left.hops, right.hops);
  const frames = [largestFrame(left.hops, left.topology), largestFrame(right.hops, right.topology)] as const;
  const widest = Math.max(...frames.map((parts) => parts.reduce((sum, part) => sum + part.bytes, 0)));
  return (
    <>
      <div className={styles.over}>
        <Facts left={left} right={right} />
        <section className={styles.frames} aria-label="The largest frame between the machines">
          <h3>The largest frame between the machines</h3>
          <Frame title={left.title} parts={frames[0]} widest={widest} />
          <Frame title={right.title} parts={frames[1]} widest={widest} />
          <p className={styles.legend}>
            {Object.values(MARKS).map(([sign, words]) => (
              <span key={sign}>
                <b>{sign}</b> {words}
              </span>
            ))}
          </p>
        </section>
      </div>
      <ScrollRegion label="Hops side by side" className={styles.scroll}>
        <AlignedHops left={left} right={right} alignment={alignment} />
      </ScrollRegion>
    </>
  );
}
