/** The canvas for the keyboard and for screen readers: one tab stop, a tree whose focused item is ringed on the canvas. */
import { useEffect, useMemo, useRef } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import styles from './canvas.module.css';
import { findByName, type Move, moveFrom, outlineEntries } from './outline.ts';
import type { Item, Scene } from './scene.ts';

const keys: Readonly<Record<string, Move>> = { ArrowRight: 'in', ArrowLeft: 'out', ArrowDown: 'next', ArrowUp: 'previous', Home: 'first', End: 'last' };

export interface OutlineProps {
  readonly scene: Scene;
  readonly focused: string | undefined;
  readonly selected: string | undefined;
  onFocus(id: string | undefined): void;
  onSelect(target: LinkTarget | undefined): void;
  /** Alt with an arrow moves a box. */
  onNudge(item: Item, dx: number, dy: number): void;
}

const NUDGE = 20;
const nudges: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [NUDGE, 0],
  ArrowLeft: [-NUDGE, 0],
  ArrowDown: [0, NUDGE],
  ArrowUp: [0, -NUDGE],
};

export function Outline({ scene, focused, selected, onFocus, onSelect, onNudge }: OutlineProps) {
  const entries = useMemo(() => outlineEntries(scene, focused), [scene, focused]);
  const tree = useRef<HTMLDivElement>(null);
  const hasFocus = useRef(false);
  // The item that takes the tab stop when none was focused yet.
  const stop = focused !== undefined && scene.itemById.has(focused) ? focused : entries[0]?.item.id;

  useEffect(() => {
    if (hasFocus.current && stop !== undefined) tree.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
  }, [stop]);

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const item = stop === undefined ? undefined : scene.itemById.get(stop);
    if (item === undefined || event.ctrlKey || event.metaKey) return;
    const nudge = event.altKey ? nudges[event.key] : undefined;
    const move = keys[event.key];
    if (nudge !== undefined) onNudge(item, nudge[0], nudge[1]);
    else if (event.altKey) return;
    else if (move !== undefined) onFocus(moveFrom(scene, item.id, move)?.id);
    else if (event.key === 'Enter') onSelect(item.target);
    else if (event.key === 'Escape') onSelect(undefined);
    else if (/^[a-z0-9]$/i.test(event.key) && event.shiftKey) onFocus(findByName(scene, item.id, event.key)?.id ?? item.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={tree}
      role="tree"
      aria-label="Map of the cluster. Arrow keys move; Enter selects; Alt with an arrow moves a box."
      className={styles.outline}
      onKeyDown={onKeyDown}
      onFocus={() => {
        hasFocus.current = true;
        if (stop !== undefined) onFocus(stop);
      }}
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        // A menu of this item: who closes it stands where he stood.
        if (event.relatedTarget instanceof Element && event.relatedTarget.closest('[data-of-item]') !== null) return;
        hasFocus.current = false;
        onFocus(undefined);
      }}
    >
      {entries.map(({ item, level, children }) => (
        <div
          key={item.id}
          role="treeitem"
          aria-level={level}
          aria-selected={item.id === selected}
          tabIndex={item.id === stop ? 0 : -1}
          {...(children.length === 0 ? {} : { 'aria-expanded': entries.some((entry) => entry.item.parent === item.id) })}
        >
          {item.spoken}
        </div>
      ))}
    </div>
  );
}
