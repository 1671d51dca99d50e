/** Arrow keys in a matrix whose cells say `data-at="row column"`. */
import { useEvent } from '../state/use-event.ts';
import { MAX_LINES } from './matrix-model.ts';

/** Arrows move between the cells; one of them is a tab stop. */
export function useRoving(table: React.RefObject<HTMLTableElement | null>): void {
  useEvent(table, 'keydown', (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const { target } = event;
    if (step === undefined || !(target instanceof HTMLElement) || target.dataset.at === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    let [row = 0, column = 0] = target.dataset.at.split(' ').map(Number);
    for (let i = 0; i < MAX_LINES; i += 1) {
      row += step[0] ?? 0;
      column += step[1] ?? 0;
      const next = table.current?.querySelector<HTMLElement>(`[data-at="${row} ${column}"]`);
      if (next === null || next === undefined) continue;
      for (const one of table.current?.querySelectorAll<HTMLElement>('[data-at][tabindex="0"]') ?? []) one.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return;
    }
  });
}
