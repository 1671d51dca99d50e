/** The rows that are shown, found and ordered in slices, and what marks them. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import type { HopView } from '../../../world/views.ts';
import { useSession } from '../../state/context.ts';
import type { PacketLayer } from '../../state/session.ts';
import { packetNumbers, rowAt, unitFor } from '../format.ts';
import { useSliced, type Work } from '../sliced.ts';
import { type Cell, type Column, columnKinds, FIELD } from './columns.ts';
import type { Painter } from './language.ts';
import { ordering, type Sort } from './order.ts';
import type { PacketList } from './settings.ts';

type Language = typeof import('./language.ts');

/** Undefined until it is there: nobody waits for it to see the first rows. */
export function useLanguage(): Language | undefined {
  const [language, setLanguage] = useState<Language | undefined>(undefined);
  useEffect(() => {
    let live = true;
    void import('./language.ts').then((loaded) => {
      if (live) setLanguage(loaded);
    });
    return () => {
      live = false;
    };
  }, []);
  return language;
}

export interface Rows {
  readonly hops: readonly HopView[];
  /** Hops by row. */
  readonly shown: ArrayLike<number>;
  /** The row of a hop, or of the last one before it that is shown; -1 without. */
  rowOf(index: number): number;
}

export interface RowsAsked {
  readonly hops: readonly HopView[];
  readonly text: string;
  readonly background: boolean;
  readonly hidden: readonly PacketLayer[];
  readonly selected: HopView | undefined;
  readonly sort: Sort | undefined;
}

function* plain(hops: readonly HopView[], background: boolean): Work<readonly number[]> {
  yield;
  return hops.flatMap((hop, at) => (hop.background && !background ? [] : [at]));
}

function* finding(asked: RowsAsked, run: Run, language: Language | undefined, painter: Painter | undefined): Work<Rows> {
  const { hops, text, background, hidden, selected, sort } = asked;
  const wanted = text.trim() !== '' || hidden.length > 0;
  const indices =
    wanted && language !== undefined ? yield* language.filtering(hops, { text, background, hidden, selected }, run.numbers) : yield* plain(hops, background);
  if (sort === undefined) return { hops, shown: indices, rowOf: (index) => rowAt(indices, index) };
  const order = yield* ordering(indices, (index) => sortKey(sort.column, cellOf(run, index), painter), sort.direction);
  const places = new Int32Array(hops.length).fill(-1);
  for (let row = 0; row < order.length; row += 1) places[order[row] as number] = row;
  return { hops, shown: order, rowOf: (index) => places[indices[rowAt(indices, index)] ?? -1] ?? -1 };
}

function sortKey(column: string, cell: Cell, painter: Painter | undefined): number | string {
  const kind = columnKinds.get(column);
  if (kind !== undefined) return kind.key?.(cell) ?? kind.text(cell);
  const [first] = painter?.values(column.slice(FIELD.length), cell.hop, cell.number) ?? [];
  return first ?? '';
}

/** What holds for all rows of a run. */
export interface Run {
  readonly hops: readonly HopView[];
  readonly numbers: ReadonlyMap<number, number>;
  readonly startNs: number;
  readonly unit: Cell['unit'];
}

export function useRun(hops: readonly HopView[]): Run {
  return useMemo(() => {
    const startNs = hops[0]?.event.timeNs ?? 0;
    return { hops, numbers: packetNumbers(hops), startNs, unit: unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs) };
  }, [hops]);
}

export function cellOf({ hops, numbers, startNs, unit }: Run, index: number): Cell {
  const hop = hops[index] as HopView;
  return { hop, before: hops[index - 1], number: numbers.get(hop.event.packetId), startNs, unit };
}

export function cellText(column: string, cell: Cell, painter: Painter | undefined): string {
  return columnKinds.get(column)?.text(cell) ?? painter?.values(column.slice(FIELD.length), cell.hop, cell.number).slice(0, 8).join(', ') ?? '';
}

export function usePainter(hops: readonly HopView[], { rules, columns, coloured }: PacketList, language: Language | undefined): Painter | undefined {
  const make = useCallback(
    function* (): Work<Painter | undefined> {
      return language === undefined ? undefined : yield* language.painting(coloured ? rules : [], columns, hops);
    },
    [hops, rules, columns, coloured, language],
  );
  return useSliced(make).value;
}

/** `rows` are those of the last question until the new ones are found. */
export function useRows(
  run: Run,
  sort: Sort | undefined,
  index: number,
  language: Language | undefined,
  painter: Painter | undefined,
): { readonly rows: Rows; readonly pending: boolean } {
  const { hops } = run;
  const text = useSession((state) => state.filter);
  const background = useSession((state) => state.background);
  const hidden = useSession((state) => state.hiddenLayers);
  const selected = text.includes('${') ? hops[index] : undefined;
  // Only an order by a field has to wait for who knows its values.
  const valued = sort?.column.startsWith(FIELD) === true ? painter : undefined;
  const make = useCallback(
    () => finding({ hops, text, background, hidden, selected, sort }, run, language, valued),
    [hops, text, background, hidden, selected, sort, run, language, valued],
  );
  const { value, pending } = useSliced(make);
  return { rows: value ?? { hops, shown: [], rowOf: () => -1 }, pending };
}

/** How wide a column must be for what stands in its first rows: letters of one width. */
export function widthFor(column: Column, title: string, rows: Rows, run: Run, painter: Painter | undefined): number {
  const LETTER_PX = 7;
  const ROOM_PX = 14;
  const MAX_ROWS = 2_000;
  let letters = title.length + 2;
  for (let row = 0; row < Math.min(MAX_ROWS, rows.shown.length); row += 1)
    letters = Math.max(letters, cellText(column.id, cellOf(run, rows.shown[row] as number), painter).length);
  return letters * LETTER_PX + ROOM_PX;
}
