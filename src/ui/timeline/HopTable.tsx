/** The hops as rows, as a packet sniffer lists them: only the rows in view are in the page. */
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { HopView } from '../../world/views.ts';
import { useCurrentHop, usePlayground, useSession } from '../state/context.ts';
import { filterHops, formatTime, packetNumbers, rowAt, type TimeUnit, unitFor } from './format.ts';
import styles from './Timeline.module.css';

export const ROW_HEIGHT = 22;
const OVERSCAN = 6;

interface RowProps {
  readonly hop: HopView;
  readonly index: number;
  readonly row: number;
  readonly number: number | undefined;
  readonly startNs: number;
  readonly unit: TimeUnit;
  readonly current: boolean;
  readonly later: boolean;
  readonly onPick: (index: number) => void;
}

const Row = memo(function Row({ hop, index, row, number, startNs, unit, current, later, onPick }: RowProps) {
  const classes = [styles.row, current ? styles.current : '', later ? styles.later : '', hop.background ? styles.background : ''].join(' ');
  return (
    <div
      role="row"
      className={classes}
      aria-rowindex={row + 2}
      aria-selected={current}
      data-index={index}
      data-family={hop.family}
      style={{ transform: `translateY(${row * ROW_HEIGHT}px)` }}
      onClick={() => onPick(index)}
      onKeyDown={undefined}
      tabIndex={-1}
    >
      <span role="gridcell">{number ?? ''}</span>
      <span role="gridcell">{formatTime(hop.event.timeNs - startNs, unit)}</span>
      <span role="gridcell">{hop.where}</span>
      <span role="gridcell">{hop.source}</span>
      <span role="gridcell">{hop.destination}</span>
      <span role="gridcell" className={styles.protocol} data-family={hop.family}>
        {hop.protocol}
      </span>
      <span role="gridcell">{hop.lengthBytes > 0 ? hop.lengthBytes : ''}</span>
      <span role="gridcell" className={hop.family === 'drop' ? styles.dropped : undefined}>
        {hop.family === 'drop' ? '✕ ' : ''}
        {hop.summary}
      </span>
    </div>
  );
});

const columns: readonly string[] = ['#', 'time', 'where', 'source', 'destination', 'proto', 'len', 'what happened'];

export function HopTable() {
  const { playback, session } = usePlayground();
  const { hops, index } = useCurrentHop();
  const text = useSession((state) => state.filter);
  const background = useSession((state) => state.background);
  const numbers = useMemo(() => packetNumbers(hops), [hops]);
  const indices = useMemo(() => filterHops(hops, { text, background }, numbers), [hops, text, background, numbers]);
  const current = rowAt(indices, index);
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 200 });

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const read = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(read);
    observer.observe(element);
    element.addEventListener('scroll', read, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', read);
    };
  }, []);

  useEffect(() => {
    const element = scroller.current;
    if (element === null || current < 0) return;
    const top = current * ROW_HEIGHT;
    const room = element.clientHeight - ROW_HEIGHT * 2;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + room) element.scrollTop = top - room + ROW_HEIGHT * 2;
  }, [current]);

  const pick = useMemo(
    () => (at: number) => {
      playback.pause();
      playback.seek(at);
      session.setState({ inspecting: 'hop' });
    },
    [playback, session],
  );
  const move = (rows: number) => {
    const next = indices[Math.min(indices.length - 1, Math.max(0, current + rows))];
    if (next !== undefined) pick(next);
  };

  const startNs = hops[0]?.event.timeNs ?? 0;
  const unit = unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs);
  const from = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - OVERSCAN);
  const to = Math.min(indices.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + OVERSCAN);
  return (
    <div
      className={styles.table}
      ref={scroller}
      role="grid"
      aria-label="Hops"
      aria-rowcount={indices.length + 1}
      aria-readonly="true"
      tabIndex={0}
      onKeyDown={(event) => {
        const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
        const rows = steps[event.key];
        if (rows === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        move(rows);
      }}
    >
      <div className={styles.headings} role="row" aria-rowindex={1}>
        {columns.map((name) => (
          <span role="columnheader" key={name}>
            {name === 'time' ? `time ${unit.name}` : name}
          </span>
        ))}
      </div>
      <div role="rowgroup" className={styles.rows} style={{ height: indices.length * ROW_HEIGHT }}>
        {indices.slice(from, to).map((at, offset) => {
          const hop = hops[at];
          if (hop === undefined) return null;
          return (
            <Row
              key={hop.event.seq}
              hop={hop}
              index={at}
              row={from + offset}
              number={numbers.get(hop.event.packetId)}
              startNs={startNs}
              unit={unit}
              current={from + offset === current}
              later={at > index}
              onPick={pick}
            />
          );
        })}
      </div>
      {indices.length === 0 ? (
        <p className={styles.empty}>{hops.length === 0 ? 'No packets yet. Type a command in the terminal: kubectl exec client -- curl -s web-service' : 'No hop fits this filter.'}</p>
      ) : null}
    </div>
  );
}
