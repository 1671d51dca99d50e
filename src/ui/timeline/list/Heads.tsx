/** The head of the packet list: one tab stop; arrows go along it, Enter sorts, Alt and arrows move a column, Shift and arrows change its width. The mouse drags heads and their edges. */
import { type PointerEvent as ReactPointerEvent, useRef, useState } from 'react';
import { type Column, columnKinds, FIELD, titleOf } from './columns.ts';
import styles from './List.module.css';
import type { Sort } from './order.ts';

export interface HeadsProps {
  readonly columns: readonly Column[];
  readonly unit: string;
  readonly sort: Sort | undefined;
  readonly onSort: (column: string) => void;
  readonly onMove: (column: string, to: number) => void;
  readonly onResize: (column: string, widthPx: number) => void;
  readonly onFit: (column: string) => void;
  readonly onMenu: (column: string, at: { readonly x: number; readonly y: number }) => void;
}

const WIDTH_STEP_PX = 16;
/** A press that moves less is a click. */
const STILL_PX = 6;

interface Drag {
  readonly column: string;
  readonly x: number;
  /** The column before which it would come to stand. */
  to: number | undefined;
}

export function Heads({ columns, unit, sort, onSort, onMove, onResize, onFit, onMenu }: HeadsProps) {
  const row = useRef<HTMLTableRowElement>(null);
  const [stop, setStop] = useState(0);
  const drag = useRef<Drag | undefined>(undefined);
  const dragged = useRef(false);
  const [drop, setDrop] = useState<number | undefined>(undefined);
  const heads = () => [...(row.current?.querySelectorAll<HTMLElement>('th[data-column]') ?? [])];
  const focus = (at: number) => {
    const to = Math.max(0, Math.min(columns.length - 1, at));
    setStop(to);
    heads()[to]?.querySelector('button')?.focus();
  };
  /** Before which column a place of the window lies. */
  const placeAt = (x: number): number => {
    const edges = heads().map((head) => head.getBoundingClientRect());
    const at = edges.findIndex((edge) => x < edge.left + edge.width / 2);
    return at < 0 ? columns.length : at;
  };
  const resize = (event: ReactPointerEvent<HTMLElement>, column: Column) => {
    event.preventDefault();
    event.stopPropagation();
    const grip = event.currentTarget;
    const from = event.clientX;
    const width = grip.parentElement?.getBoundingClientRect().width ?? column.widthPx;
    grip.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => onResize(column.id, width + moved.clientX - from);
    const end = () => {
      grip.removeEventListener('pointermove', move);
      grip.removeEventListener('lostpointercapture', end);
    };
    grip.addEventListener('pointermove', move);
    grip.addEventListener('lostpointercapture', end);
  };
  return (
    <tr aria-rowindex={1} ref={row}>
      <th scope="col" className={styles.mark}>
        <span className="visually-hidden">colour rule</span>
      </th>
      {columns.map((column, at) => {
        const { id, widthPx } = column;
        const direction = sort?.column === id ? sort.direction : undefined;
        const title = id === 'time' || id === 'delta' ? `${titleOf(id)} ${unit}` : titleOf(id);
        const says = columnKinds.get(id)?.says ?? `the field ${id.slice(FIELD.length)}`;
        return (
          <th
            key={id}
            scope="col"
            data-column={id}
            aria-sort={direction}
            data-drop={drop === at ? 'before' : drop === at + 1 && at === columns.length - 1 ? 'behind' : undefined}
          >
            <button
              type="button"
              className={styles.head}
              tabIndex={at === Math.min(stop, columns.length - 1) ? 0 : -1}
              title={`${says}. Enter sorts, Alt ← → moves, Shift ← → changes the width, right click for more`}
              onFocus={() => setStop(at)}
              onClick={() => {
                if (dragged.current) dragged.current = false;
                else onSort(id);
              }}
              onContextMenu={(event) => {
                event.preventDefault();
                const box = event.currentTarget.getBoundingClientRect();
                onMenu(id, event.clientX === 0 && event.clientY === 0 ? { x: box.left, y: box.bottom } : { x: event.clientX, y: event.clientY });
              }}
              onKeyDown={(event) => {
                const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
                if (event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10')) {
                  const box = event.currentTarget.getBoundingClientRect();
                  onMenu(id, { x: box.left, y: box.bottom });
                } else if (event.key === 'Home' || event.key === 'End') focus(event.key === 'Home' ? 0 : columns.length - 1);
                else if (step === 0) return;
                else if (event.altKey) {
                  onMove(id, step === 1 ? at + 2 : at - 1);
                  // A head that is put elsewhere in the page loses the focus.
                  requestAnimationFrame(() => focus(at + step));
                } else if (event.shiftKey) onResize(id, widthPx + step * WIDTH_STEP_PX);
                else focus(at + step);
                event.preventDefault();
                event.stopPropagation();
              }}
              onPointerDown={(event) => {
                dragged.current = false;
                if (event.button === 0) drag.current = { column: id, x: event.clientX, to: undefined };
              }}
              onPointerMove={(event) => {
                const now = drag.current;
                if (now === undefined || (now.to === undefined && Math.abs(event.clientX - now.x) < STILL_PX)) return;
                if (now.to === undefined) event.currentTarget.setPointerCapture(event.pointerId);
                now.to = placeAt(event.clientX);
                setDrop(now.to);
              }}
              onPointerUp={() => {
                const now = drag.current;
                drag.current = undefined;
                setDrop(undefined);
                if (now?.to === undefined) return;
                dragged.current = true;
                onMove(now.column, now.to);
              }}
              onPointerCancel={() => {
                drag.current = undefined;
                setDrop(undefined);
              }}
            >
              {title}
              {direction === undefined ? null : <span aria-hidden="true">{direction === 'ascending' ? ' ▲' : ' ▼'}</span>}
            </button>
            <span className={styles.grip} aria-hidden="true" onPointerDown={(event) => resize(event, column)} onDoubleClick={() => onFit(id)} />
          </th>
        );
      })}
    </tr>
  );
}
