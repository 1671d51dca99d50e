/** Two runs hop beside hop, packet by packet; where they part for the first time is marked. */
import { Fragment, type Ref, useState } from 'react';
import type { AlignedHop, Alignment, HopDifference } from '../../world/align-journeys.ts';
import type { HopView } from '../../world/views.ts';
import styles from './AlignedHops.module.css';

export const MARKS: Readonly<Record<HopDifference, readonly [sign: string, words: string]>> = {
  'only-left': ['‹', 'only on the left'],
  'only-right': ['›', 'only on the right'],
  outcome: ['✕', 'another end'],
  decision: ['≠', 'another decision'],
  headers: ['~', 'the same decision, other addresses or lengths'],
};

export interface AlignedSide {
  readonly title: string;
  readonly hops: readonly HopView[];
  /** Its hops can be gone to. */
  readonly here?: boolean;
}

/** Rows that are drawn at first, and each time somebody asks for more. */
const ROWS = 400;

function Stop({ hop, current, here }: { readonly hop: HopView | undefined; readonly current: boolean; readonly here: boolean }) {
  if (hop === undefined) return <td className={styles.none} />;
  return (
    <td data-family={hop.family} data-seq={here ? hop.event.seq : undefined} className={current ? styles.current : undefined}>
      <span className={styles.where}>{hop.where}</span>
      <span className={styles.what}>{hop.summary}</span>
    </td>
  );
}

export interface AlignedHopsProps {
  readonly left: AlignedSide;
  readonly right: AlignedSide;
  readonly alignment: Alignment;
  /** Leaves out packets of which all hops are alike. */
  readonly onlyDifferent?: boolean;
  readonly currentSeq?: number | undefined;
  readonly firstRef?: Ref<HTMLTableRowElement>;
}

export function AlignedHops({ left, right, alignment, onlyDifferent = false, currentSeq, firstRef }: AlignedHopsProps) {
  const [room, setRoom] = useState(ROWS);
  const wanted = alignment.packets.filter(
    (packet) => !onlyDifferent || packet.hops.some((row) => row.difference !== undefined && row.difference !== 'headers'),
  );
  // All rows up to where the runs part are drawn, however far that is.
  const upTo = alignment.first === undefined ? 0 : wanted.findIndex((packet) => packet.hops.includes(alignment.first as AlignedHop)) + 1;
  let rows = 0;
  const shown = wanted.filter((packet, at) => {
    const fits = at < upTo || rows < room;
    rows += packet.hops.length;
    return fits;
  });
  const row = (one: AlignedHop) => {
    const a = one.left === undefined ? undefined : left.hops[one.left];
    const b = one.right === undefined ? undefined : right.hops[one.right];
    const mark = one.difference === undefined ? undefined : MARKS[one.difference];
    const first = one === alignment.first;
    return (
      <tr key={`${one.left ?? ''} ${one.right ?? ''}`} ref={first ? firstRef : undefined} data-difference={one.difference} data-first={first}>
        <Stop hop={a} here={left.here === true} current={left.here === true && a !== undefined && a.event.seq === currentSeq} />
        <td className={styles.bytes}>{a?.lengthBytes}</td>
        <td className={styles.mark}>
          {mark === undefined ? null : (
            <>
              <span aria-hidden="true" title={first ? `${mark[1]}: here they part` : mark[1]}>
                {mark[0]}
              </span>
              <span className="visually-hidden">
                {mark[1]}
                {first ? ': the first difference' : ''}
              </span>
            </>
          )}
        </td>
        <td className={styles.bytes}>{b?.lengthBytes}</td>
        <Stop hop={b} here={right.here === true} current={right.here === true && b !== undefined && b.event.seq === currentSeq} />
      </tr>
    );
  };
  return (
    <>
      <table className={styles.hops}>
        <thead>
          <tr>
            <th scope="col">{left.title}</th>
            <th scope="col" className={styles.bytes}>
              bytes
            </th>
            <th scope="col">
              <span className="visually-hidden">difference</span>
            </th>
            <th scope="col" className={styles.bytes}>
              bytes
            </th>
            <th scope="col">{right.title}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((packet) => (
            <Fragment key={`${packet.left ?? ''} ${packet.right ?? ''}`}>
              <tr className={styles.packet}>
                <th colSpan={5} scope="rowgroup">
                  {packet.label}
                  {packet.left === undefined ? ' · only on the right' : packet.right === undefined ? ' · only on the left' : ''}
                </th>
              </tr>
              {packet.hops.map(row)}
            </Fragment>
          ))}
        </tbody>
      </table>
      {shown.length < wanted.length ? (
        <p className={styles.more}>
          <button type="button" onClick={() => setRoom(room + ROWS)}>
            {wanted.length - shown.length} more packets
          </button>
        </p>
      ) : null}
    </>
  );
}
