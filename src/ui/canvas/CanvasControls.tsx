/** Zoom and fit, and for a selected box the buttons that do what dragging does. */
import styles from './canvas.module.css';
import type { Item } from './scene.ts';

const glyphs = {
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3',
  left: 'M10 3L5 8l5 5',
  right: 'M6 3l5 5-5 5',
  up: 'M3 10l5-5 5 5',
  down: 'M3 6l5 5 5-5',
  back: 'M4 8a4.5 4.5 0 1 1 1.4 3.2M4 4v4h4',
} as const;

function Control({ glyph, label, onClick }: { readonly glyph: keyof typeof glyphs; readonly label: string; readonly onClick: () => void }) {
  return (
    <button type="button" aria-label={label} title={label} onClick={onClick}>
      <svg
        width="16"
        height="16"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        <path d={glyphs[glyph]} />
      </svg>
    </button>
  );
}

export interface CanvasControlsProps {
  readonly movable: Item | undefined;
  onZoom(factor: number): void;
  onFit(): void;
  onNudge(item: Item, dx: number, dy: number): void;
  onPutBack(item: Item): void;
}

const STEP = 40;

export function CanvasControls({ movable, onZoom, onFit, onNudge, onPutBack }: CanvasControlsProps) {
  return (
    <div className={styles.controls}>
      <a className={styles.credit} href="https://reactflow.dev" target="_blank" rel="noreferrer">
        React Flow
      </a>
      {movable === undefined ? null : (
        <fieldset className={styles.group} aria-label="Move the selected box">
          <Control glyph="left" label="Move left" onClick={() => onNudge(movable, -STEP, 0)} />
          <Control glyph="up" label="Move up" onClick={() => onNudge(movable, 0, -STEP)} />
          <Control glyph="down" label="Move down" onClick={() => onNudge(movable, 0, STEP)} />
          <Control glyph="right" label="Move right" onClick={() => onNudge(movable, STEP, 0)} />
          <Control glyph="back" label="Put back" onClick={() => onPutBack(movable)} />
        </fieldset>
      )}
      <div className={styles.group}>
        <Control glyph="minus" label="Zoom out" onClick={() => onZoom(0.8)} />
        <Control glyph="fit" label="Fit the whole picture" onClick={onFit} />
        <Control glyph="plus" label="Zoom in" onClick={() => onZoom(1.25)} />
      </div>
    </div>
  );
}
