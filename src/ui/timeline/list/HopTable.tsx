/** The hops as rows, as a packet sniffer lists them: only the rows in view are in the page. */
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { HopView } from '../../../world/views.ts';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { useCurrentHop, usePlayground, useSession } from '../../state/context.ts';
import { useEvent } from '../../state/use-event.ts';
import { formatTime, packetNumbers, rowAt, type TimeUnit, unitFor } from '../format.ts';
import styles from '../Timeline.module.css';
import { useFilter } from '../use-filter.ts';

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
}

const Row = memo(function Row({ hop, index, row, number, startNs, unit, current, later }: RowProps) {
  const classes = [current ? styles.current : '', later ? styles.later : '', hop.background ? styles.background : ''].filter(Boolean).join(' ');
  const drop = hop.family === 'drop';
  return (
    <tr className={classes} aria-rowindex={row + 2} aria-current={current ? 'true' : undefined} data-index={index} data-family={hop.family}>
      <td>{number ?? ''}</td>
      <td>{formatTime(hop.event.timeNs - startNs, unit)}</td>
      <td>{hop.where}</td>
      <td>{hop.source}</td>
      <td>{hop.destination}</td>
      <td className={styles.protocol} data-family={hop.family}>
        {hop.protocol}
      </td>
      <td>{hop.lengthBytes > 0 ? hop.lengthBytes : ''}</td>
      <td className={drop ? styles.dropped : undefined}>{hop.summary}</td>
    </tr>
  );
});

const columns: readonly string[] = ['#', 'time', 'where', 'source', 'destination', 'proto', 'len', 'what happened'];
const rowSteps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

export function HopTable() {
  const { playback, session } = usePlayground();
  const { hops, index } = useCurrentHop();
  const text = useSession((state) => state.filter);
  const background = useSession((state) => state.background);
  const hidden = useSession((state) => state.hiddenLayers);
  const numbers = useMemo(() => packetNumbers(hops), [hops]);
  const filter = useFilter(text !== '' || hidden.length > 0);
  const selected = text.includes('${') ? hops[index] : undefined;
  const indices = useMemo(
    () => filter?.filterHops(hops, { text, background, hidden, selected }, numbers) ?? hops.flatMap((hop, at) => (hop.background && !background ? [] : [at])),
    [hops, text, background, hidden, numbers, filter, selected],
  );
  const current = rowAt(indices, index);
  const scroller = useRef<HTMLElement>(null);
  const [view, setView] = useState({ top: 0, height: 200 });

  const pick = (at: number) => {
    playback.seek(at);
    session.setState({ inspecting: 'hop' });
  };

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

  // One listener for all rows; the keyboard's way to a row are the arrow keys of the region.
  useEvent(scroller, 'click', (event) => {
    const row = event.target instanceof Element ? event.target.closest('tr[data-index]') : null;
    if (row !== null) pick(Number(row.getAttribute('data-index')));
  });
  useEvent(scroller, 'keydown', (event) => {
    const rows = rowSteps[event.key];
    if (rows === undefined || event.target !== scroller.current) return;
    event.preventDefault();
    event.stopPropagation();
    const next = indices[Math.min(indices.length - 1, Math.max(0, current + rows))];
    if (next !== undefined) pick(next);
  });

  useEffect(() => {
    const element = scroller.current;
    if (element === null || current < 0) return;
    const top = current * ROW_HEIGHT;
    const room = element.clientHeight - ROW_HEIGHT * 2;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + room) element.scrollTop = top - room + ROW_HEIGHT * 2;
  }, [current]);

  const startNs = hops[0]?.event.timeNs ?? 0;
  const unit = unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs);
  const from = Math.min(indices.length, Math.max(0, Math.floor(view.top / ROW_HEIGHT) - OVERSCAN));
  const to = Math.min(indices.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + OVERSCAN);
  return (
    <ScrollRegion className={styles.table} ref={scroller} label="Hops: arrow keys move the playhead">
      <table aria-rowcount={indices.length + 1}>
        <colgroup>
          {columns.map((name) => (
            <col key={name} data-column={name} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((name) => (
              <th key={name} scope="col">
                {name === 'time' ? `time ${unit.name}` : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 ? <tr style={{ height: from * ROW_HEIGHT }} /> : null}
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
              />
            );
          })}
          {to < indices.length ? <tr style={{ height: (indices.length - to) * ROW_HEIGHT }} /> : null}
        </tbody>
      </table>
      {indices.length === 0 ? (
        <p className={styles.empty}>
          {hops.length === 0 ? 'No packets yet. Type a command in the terminal: kubectl exec client -- curl -s web-service' : 'No hop fits this filter.'}
        </p>
      ) : null}
    </ScrollRegion>
  );
}
