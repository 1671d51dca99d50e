/** A menu where somebody pressed the other button or the menu key: arrows move, Escape and a press elsewhere close it. */
import { useLayoutEffect, useRef } from 'react';
import styles from '../../shell/Menu.module.css';
import type { MenuItem } from '../../shell/Menu.tsx';
import { useEvent } from '../../state/use-event.ts';

export interface PopMenuProps {
  readonly label: string;
  readonly items: readonly MenuItem[];
  /** Of the window, in CSS px. */
  readonly at: { readonly x: number; readonly y: number };
  readonly onClose: () => void;
}

const EDGE_PX = 4;

export function PopMenu({ label, items, at, onClose }: PopMenuProps) {
  const list = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const before = document.activeElement;
    element.showPopover();
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(EDGE_PX, Math.min(at.x, window.innerWidth - width - EDGE_PX))}px`;
    element.style.top = `${at.y + height > window.innerHeight ? Math.max(EDGE_PX, at.y - height) : at.y}px`;
    element.querySelector<HTMLButtonElement>('button:not(:disabled)')?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !element.contains(event.target)) close.current();
    };
    document.addEventListener('pointerdown', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      if (before instanceof HTMLElement && element.contains(document.activeElement)) before.focus();
    };
  }, [at]);
  useEvent(list, 'keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      onClose();
      return;
    }
    const buttons = [...(list.current?.querySelectorAll<HTMLButtonElement>('button:not(:disabled)') ?? [])];
    const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to =
      event.key === 'ArrowDown'
        ? now + 1
        : event.key === 'ArrowUp'
          ? now - 1 + buttons.length
          : event.key === 'Home'
            ? 0
            : event.key === 'End'
              ? -1
              : undefined;
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to === -1 ? -1 : to % buttons.length)?.focus();
  });
  return (
    <div role="menu" aria-label={label} ref={list} popover="manual" className={styles.list}>
      {items.map((item) => (
        <button
          key={item.label}
          type="button"
          role="menuitem"
          className={styles.item}
          disabled={item.disabled === true}
          onClick={() => {
            onClose();
            item.onPick();
          }}
        >
          <span>{item.label}</span>
          {item.detail === undefined ? null : <span className={styles.detail}>{item.detail}</span>}
        </button>
      ))}
    </div>
  );
}
