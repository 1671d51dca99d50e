/** The hops as rows, as a packet sniffer lists them, with columns of one's own and marked by colour rules: only the rows in view are in the page. */
import { lazy, memo, Suspense, useEffect, useRef, useState } from 'react';
import type { HopView } from '../../../world/views.ts';
import type { MenuItem } from '../../shell/Menu.tsx';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { useCurrentHop, usePlaybackSnapshot, usePlayground, useSession } from '../../state/context.ts';
import { useEvent } from '../../state/use-event.ts';
import { useNarrow } from '../../state/use-media.ts';
import type { ColourRule } from './colour-rules.ts';
import { type Cell, type Column, columnKinds, moved, resized, titleOf, toggled } from './columns.ts';
import { Heads } from './Heads.tsx';
import styles from './List.module.css';
import { LoadedPart } from './LoadedPart.tsx';
import type { Painter } from './language.ts';
import type { Sort } from './order.ts';
import { PopMenu } from './PopMenu.tsx';
import { rowMenu } from './row-menu.ts';
import { changePacketList, defaultPacketList, loadPacketList } from './settings.ts';
import { cellOf, cellText, type Run, useLanguage, usePainter, useRows, useRun, widthFor } from './use-rows.ts';

const RulesDialog = lazy(() => import('./RulesDialog.tsx').then((module) => ({ default: module.RulesDialog })));
const ColumnsDialog = lazy(() => import('./ColumnsDialog.tsx').then((module) => ({ default: module.ColumnsDialog })));

export const ROW_HEIGHT = 22;
const MARK_PX = 26;
const OVERSCAN = 6;

interface RowProps {
  readonly run: Run;
  readonly index: number;
  readonly row: number;
  readonly columns: readonly Column[];
  readonly painter: Painter | undefined;
  readonly rule: ColourRule | undefined;
  readonly current: boolean;
  readonly later: boolean;
}

function classOf(column: string, hop: HopView): string | undefined {
  if (column === 'proto') return styles.protocol;
  return column === 'info' && hop.family === 'drop' ? styles.dropped : undefined;
}

const Row = memo(function Row({ run, index, row, columns, painter, rule, current, later }: RowProps) {
  const cell: Cell = cellOf(run, index);
  const { hop } = cell;
  const classes = [current ? styles.current : '', later ? styles.later : '', hop.background ? styles.background : ''].filter(Boolean).join(' ');
  return (
    <tr className={classes} aria-rowindex={row + 2} aria-current={current ? 'true' : undefined} data-index={index} data-ink={rule?.ink}>
      <td className={styles.mark} title={rule?.name}>
        {rule === undefined ? null : (
          <>
            <span aria-hidden="true">{rule.mark}</span>
            <span className="visually-hidden">{rule.name}</span>
          </>
        )}
      </td>
      {columns.map(({ id }) => (
        <td key={id} className={classOf(id, hop)} data-column={id} data-family={id === 'proto' ? hop.family : undefined}>
          {cellText(id, cell, painter)}
        </td>
      ))}
    </tr>
  );
});

const rowSteps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

interface OpenMenu {
  readonly label: string;
  readonly items: readonly MenuItem[];
  readonly at: { readonly x: number; readonly y: number };
}

/** Enter on a head: up, down, and back to the order of time. */
function nextSort(sort: Sort | undefined, column: string): Sort | undefined {
  if (sort?.column !== column) return { column, direction: 'ascending' };
  return sort.direction === 'ascending' ? { column, direction: 'descending' } : undefined;
}

/** Where there is little room only some columns are shown, in widths of their own. */
const narrowColumns = (columns: readonly Column[]): readonly Column[] =>
  columns.flatMap(({ id }) => {
    const widthPx = columnKinds.get(id)?.narrowPx;
    return widthPx === undefined ? [] : [{ id, widthPx }];
  });

export function HopTable() {
  const playground = usePlayground();
  const { playback, session } = playground;
  const { hops, index } = useCurrentHop();
  const { stop } = usePlaybackSnapshot();
  const settings = useSession((state) => state.packetList) ?? defaultPacketList;
  const dialog = useSession((state) => state.listDialog);
  const narrow = useNarrow();
  const columns = narrow ? narrowColumns(settings.columns) : settings.columns;
  const [sort, setSort] = useState<Sort | undefined>(undefined);
  const [menu, setMenu] = useState<OpenMenu | undefined>(undefined);
  const language = useLanguage();
  const run = useRun(hops);
  const painter = usePainter(hops, settings, language);
  const { rows, pending } = useRows(run, sort, index, language, painter);
  // Rows of the run before stand here until the new ones are found.
  const shown = rows.hops === hops ? rows.shown : [];
  // The row that an event is part of, while somebody goes by events.
  const current = rows.hops === hops ? rows.rowOf(stop === undefined || stop.of < 0 ? index : stop.of) : -1;
  const scroller = useRef<HTMLElement>(null);
  const [view, setView] = useState({ top: 0, height: 200 });

  useEffect(() => void loadPacketList(playground), [playground]);

  const pick = (at: number) => {
    playback.seek(at);
    session.setState({ inspecting: 'hop' });
  };
  const setColumns = (change: readonly Column[]) => changePacketList(playground, { columns: change });

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

  const openRowMenu = (at: number, column: string | undefined, place: OpenMenu['at']) => {
    if (hops[at] === undefined) return;
    setMenu({
      label: 'This row',
      items: rowMenu(playground, {
        column,
        cell: cellOf(run, at),
        index: at,
        painter,
        fieldFilter: language?.fieldFilter,
        onRule: (filter) => session.setState({ listDialog: { kind: 'rules', filter } }),
      }),
      at: place,
    });
  };
  const openHeadMenu = (column: string, at: OpenMenu['at']) => {
    const place = settings.columns.findIndex((one) => one.id === column);
    const width = settings.columns[place]?.widthPx ?? 0;
    const one = settings.columns[place];
    setMenu({
      label: `Column ${titleOf(column)}`,
      items: [
        { label: 'Sort upwards', onPick: () => setSort({ column, direction: 'ascending' }) },
        { label: 'Sort downwards', onPick: () => setSort({ column, direction: 'descending' }) },
        { label: 'In the order of time', disabled: sort === undefined, onPick: () => setSort(undefined) },
        { label: 'Move to the left', detail: 'Alt ←', disabled: place <= 0, onPick: () => setColumns(moved(settings.columns, column, place - 1)) },
        {
          label: 'Move to the right',
          detail: 'Alt →',
          disabled: place === settings.columns.length - 1,
          onPick: () => setColumns(moved(settings.columns, column, place + 2)),
        },
        { label: 'Wider', detail: 'Shift →', onPick: () => setColumns(resized(settings.columns, column, width + 40)) },
        { label: 'Narrower', detail: 'Shift ←', onPick: () => setColumns(resized(settings.columns, column, width - 40)) },
        {
          label: 'As wide as what stands in it',
          detail: 'double click',
          onPick: () => one !== undefined && setColumns(resized(settings.columns, column, widthFor(one, titleOf(column), rows, run, painter))),
        },
        { label: 'Hide this column', disabled: settings.columns.length === 1, onPick: () => setColumns(toggled(settings.columns, column)) },
        { label: 'Columns …', onPick: () => session.setState({ listDialog: { kind: 'columns' } }) },
        { label: 'Colour rules …', onPick: () => session.setState({ listDialog: { kind: 'rules', filter: '' } }) },
      ],
      at,
    });
  };

  // One listener for all rows; the keyboard's way to a row are the arrow keys of the region.
  const rowOfEvent = (event: Event) => (event.target instanceof Element ? event.target.closest('tr[data-index]') : null);
  useEvent(scroller, 'click', (event) => {
    const row = rowOfEvent(event);
    if (row !== null) pick(Number(row.getAttribute('data-index')));
  });
  useEvent(scroller, 'dblclick', (event) => {
    if (rowOfEvent(event) !== null) session.setState({ timelineView: 'bytes' });
  });
  useEvent(scroller, 'contextmenu', (event) => {
    const row = rowOfEvent(event);
    if (row === null) return;
    event.preventDefault();
    const cell = event.target instanceof Element ? event.target.closest('td[data-column]') : null;
    openRowMenu(Number(row.getAttribute('data-index')), cell?.getAttribute('data-column') ?? undefined, { x: event.clientX, y: event.clientY });
  });
  useEvent(scroller, 'keydown', (event) => {
    if (event.target !== scroller.current) return;
    const step = rowSteps[event.key];
    const isMenu = event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10');
    if (step === undefined && !isMenu && event.key !== 'Enter') return;
    event.preventDefault();
    event.stopPropagation();
    if (isMenu) {
      const box = scroller.current?.querySelector('tr[aria-current]')?.getBoundingClientRect() ?? scroller.current?.getBoundingClientRect();
      if (index >= 0 && box !== undefined) openRowMenu(index, undefined, { x: box.left + 40, y: Math.min(box.bottom, window.innerHeight) });
    } else if (step === undefined) session.setState({ timelineView: 'bytes' });
    else {
      const next = shown[Math.min(shown.length - 1, Math.max(0, current + step))];
      if (next !== undefined) pick(next);
    }
  });

  useEffect(() => {
    const element = scroller.current;
    if (element === null || current < 0) return;
    const top = current * ROW_HEIGHT;
    const room = element.clientHeight - ROW_HEIGHT * 2;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + room) element.scrollTop = top - room + ROW_HEIGHT * 2;
  }, [current]);

  const from = Math.min(shown.length, Math.max(0, Math.floor(view.top / ROW_HEIGHT) - OVERSCAN));
  const to = Math.min(shown.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + OVERSCAN);
  const least = columns.reduce((sum, column) => sum + column.widthPx, MARK_PX);
  const drawn = Array.from({ length: to - from }, (_, offset) => from + offset);
  return (
    <>
      <ScrollRegion className={styles.table} ref={scroller} label="Hops: arrow keys move the playhead">
        <table aria-rowcount={shown.length + 1} aria-busy={pending} style={{ minWidth: narrow ? 0 : least }}>
          <colgroup>
            <col style={{ width: MARK_PX }} />
            {columns.map(({ id, widthPx }, at) => (
              <col key={id} style={at === columns.length - 1 ? undefined : { width: widthPx }} />
            ))}
          </colgroup>
          <thead>
            <Heads
              columns={columns}
              unit={run.unit.name}
              sort={sort}
              onSort={(column) => setSort(nextSort(sort, column))}
              onMove={(column, place) => setColumns(moved(settings.columns, column, place))}
              onResize={(column, widthPx) => setColumns(resized(settings.columns, column, widthPx))}
              onFit={(column) => {
                const one = settings.columns.find(({ id }) => id === column);
                if (one !== undefined) setColumns(resized(settings.columns, column, widthFor(one, titleOf(column), rows, run, painter)));
              }}
              onMenu={openHeadMenu}
            />
          </thead>
          <tbody>
            {from > 0 ? <tr style={{ height: from * ROW_HEIGHT }} /> : null}
            {drawn.map((row) => {
              const at = shown[row] as number;
              const hop = hops[at];
              if (hop === undefined) return null;
              const rule = painter?.rule(hop, run.numbers.get(hop.event.packetId));
              return (
                <Row
                  key={hop.event.seq}
                  run={run}
                  index={at}
                  row={row}
                  columns={columns}
                  painter={painter}
                  rule={rule}
                  current={row === current}
                  later={at > index}
                />
              );
            })}
            {to < shown.length ? <tr style={{ height: (shown.length - to) * ROW_HEIGHT }} /> : null}
          </tbody>
        </table>
        {shown.length === 0 && !pending ? (
          <p className={styles.empty}>
            {hops.length === 0 ? 'No packets yet. Type a command in the terminal: kubectl exec client -- curl -s web-service' : 'No hop fits this filter.'}
          </p>
        ) : null}
      </ScrollRegion>
      <LoadedPart />
      {menu === undefined ? null : <PopMenu label={menu.label} items={menu.items} at={menu.at} onClose={() => setMenu(undefined)} />}
      <Suspense fallback={null}>
        {dialog?.kind === 'rules' ? <RulesDialog filter={dialog.filter} onClose={() => session.setState({ listDialog: undefined })} /> : null}
        {dialog?.kind === 'columns' ? <ColumnsDialog onClose={() => session.setState({ listDialog: undefined })} /> : null}
      </Suspense>
    </>
  );
}
