/** Panes with borders that can be dragged: one takes what is left, its neighbours keep the pixels the reader gave them. */
import { type CSSProperties, type ReactNode, useId, useRef } from 'react';
import styles from './Split.module.css';

export interface SidePane {
  /** What its border is called: `Width of the inspector`. */
  readonly label: string;
  readonly sizePx: number;
  /** What a double click on the border gives back. */
  readonly usualPx: number;
  /** Dragged below half of it the pane closes. */
  readonly minPx: number;
  readonly content: ReactNode;
  /** 0: closed. */
  readonly onSize: (sizePx: number) => void;
}

interface SplitProps {
  readonly direction: 'row' | 'column';
  readonly before?: SidePane;
  readonly after?: SidePane;
  /** What the middle keeps, in hundredths of the whole. */
  readonly minPercent: number;
  readonly children: ReactNode;
}

/** With Shift, and without. */
const STEP_PX = { coarse: 80, fine: 16 };

/** What a size that was asked for becomes: closed, the least, or no more than there is room for. */
export function settleSize(wantedPx: number, minPx: number, maxPx: number): number {
  if (!(wantedPx >= minPx / 2)) return 0;
  return Math.round(Math.max(minPx, Math.min(wantedPx, Math.max(minPx, maxPx))));
}

interface BorderProps {
  readonly pane: SidePane;
  readonly direction: 'row' | 'column';
  /** The pane grows towards the start of the row or column. */
  readonly reversed: boolean;
  readonly minPercent: number;
  readonly controls: string;
  readonly variable: '--before' | '--after';
}

function Border({ pane, direction, reversed, minPercent, controls, variable }: BorderProps) {
  const border = useRef<HTMLHRElement>(null);
  const drag = useRef<{ readonly from: number; readonly sizePx: number; px: number } | undefined>(undefined);
  const horizontal = direction === 'row';
  /** The pane's own pixels and those that the middle could still give it. */
  const measure = () => {
    const split = border.current?.parentElement;
    const own = document.getElementById(controls)?.getBoundingClientRect();
    const all = split?.getBoundingClientRect();
    const middle = split?.querySelector(':scope > [data-middle]')?.getBoundingClientRect();
    const length = (box: DOMRect | undefined) => (box === undefined ? 0 : horizontal ? box.width : box.height);
    return { ownPx: length(own), maxPx: length(own) + length(middle) - (length(all) * minPercent) / 100 };
  };
  const settle = (wantedPx: number) => pane.onSize(settleSize(wantedPx, pane.minPx, measure().maxPx));
  const show = (px: number) => border.current?.parentElement?.style.setProperty(variable, `${px}px`);
  return (
    // A separator that can be focused and has a value is a widget (WAI-ARIA 1.2, separator).
    <hr
      ref={border}
      // The line lies across the direction in which the panes follow each other.
      aria-orientation={horizontal ? 'vertical' : 'horizontal'}
      aria-label={pane.label}
      aria-controls={controls}
      aria-valuenow={pane.sizePx}
      aria-valuemin={0}
      aria-valuemax={Math.max(2_000, pane.sizePx)}
      aria-valuetext={pane.sizePx === 0 ? 'closed' : `${pane.sizePx} pixels`}
      tabIndex={0}
      title={`${pane.label}: drag, or arrow keys; Enter closes and opens it`}
      className={horizontal ? styles.column : styles.row}
      onKeyDown={(event) => {
        const [less, more] = horizontal ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
        const step = event.shiftKey ? STEP_PX.coarse : STEP_PX.fine;
        const sign = (event.key === more ? 1 : event.key === less ? -1 : 0) * (reversed ? -1 : 1);
        if (sign !== 0) {
          const { ownPx } = measure();
          // One step out of a closed pane opens it, one step below the least closes it.
          if (sign > 0) settle(Math.max(pane.minPx, ownPx + step));
          else pane.onSize(ownPx - step < pane.minPx ? (ownPx > pane.minPx ? pane.minPx : 0) : ownPx - step);
        } else if (event.key === 'Enter') settle(pane.sizePx === 0 ? pane.usualPx : 0);
        else if (event.key === 'Home') pane.onSize(0);
        else if (event.key === 'End') settle(Number.MAX_SAFE_INTEGER);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
      onDoubleClick={() => settle(pane.usualPx)}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        const { ownPx } = measure();
        drag.current = { from: horizontal ? event.clientX : event.clientY, sizePx: ownPx, px: ownPx };
      }}
      onPointerMove={(event) => {
        const held = drag.current;
        if (held === undefined) return;
        const moved = ((horizontal ? event.clientX : event.clientY) - held.from) * (reversed ? -1 : 1);
        held.px = settleSize(held.sizePx + moved, pane.minPx, measure().maxPx);
        // The style alone: nothing is rendered for each pixel.
        show(held.px);
      }}
      onLostPointerCapture={() => {
        const held = drag.current;
        drag.current = undefined;
        if (held !== undefined && held.px !== held.sizePx) pane.onSize(held.px);
      }}
    />
  );
}

export function Split({ direction, before, after, minPercent, children }: SplitProps) {
  const id = useId();
  const side = (pane: SidePane, name: 'before' | 'after') => (
    <div
      id={`${id}-${name}`}
      className={name === 'before' ? styles.before : styles.after}
      style={{ '--min': `${pane.sizePx === 0 ? 0 : pane.minPx}px` } as CSSProperties}
      inert={pane.sizePx === 0}
    >
      {pane.content}
    </div>
  );
  const border = (pane: SidePane, name: 'before' | 'after') => (
    <Border
      pane={pane}
      direction={direction}
      reversed={name === 'after'}
      minPercent={minPercent}
      controls={`${id}-${name}`}
      variable={name === 'before' ? '--before' : '--after'}
    />
  );
  const sizes = { '--before': `${before?.sizePx ?? 0}px`, '--after': `${after?.sizePx ?? 0}px`, '--middle': `${minPercent}%` } as CSSProperties;
  return (
    <div className={styles.split} data-direction={direction} style={sizes}>
      {before === undefined ? null : side(before, 'before')}
      {before === undefined ? null : border(before, 'before')}
      <div className={styles.middle} data-middle>
        {children}
      </div>
      {after === undefined ? null : border(after, 'after')}
      {after === undefined ? null : side(after, 'after')}
    </div>
  );
}
