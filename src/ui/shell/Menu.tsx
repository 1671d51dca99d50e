/** A button that opens a list of actions: arrows move, Escape and a click elsewhere close it. */
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useEvent } from '../state/use-event.ts';
import styles from './Menu.module.css';

export interface MenuItem {
  readonly label: string;
  readonly detail?: string;
  readonly disabled?: boolean;
  readonly onPick: () => void;
}

export interface MenuProps {
  readonly label: string;
  readonly items: readonly MenuItem[];
  readonly children: ReactNode;
  readonly className?: string | undefined;
  /** The list's edge that lines up with the button's. */
  readonly align?: 'start' | 'end';
}

const GAP_PX = 4;

export function Menu({ label, items, children, className, align = 'start' }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    const element = list.current;
    const place = button.current?.getBoundingClientRect();
    if (!open || element === null || place === undefined) return;
    // In the top layer nothing clips it; there, it must be told where its button is.
    element.showPopover();
    const { width, height } = element.getBoundingClientRect();
    const left = align === 'end' ? place.right - width : place.left;
    const top = place.bottom + GAP_PX + height > window.innerHeight ? place.top - GAP_PX - height : place.bottom + GAP_PX;
    element.style.left = `${Math.max(GAP_PX, Math.min(left, window.innerWidth - width - GAP_PX))}px`;
    element.style.top = `${Math.max(GAP_PX, top)}px`;
    element.querySelector<HTMLButtonElement>('button:not(:disabled)')?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !(root.current?.contains(event.target) ?? false)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open, align]);

  useEvent(root, 'keydown', (event) => {
    if (!open) return;
    event.stopPropagation();
    if (event.key === 'Escape') {
      setOpen(false);
      button.current?.focus();
      return;
    }
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const buttons = [...(list.current?.querySelectorAll<HTMLButtonElement>('button:not(:disabled)') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  });

  return (
    <div className={styles.menu} ref={root}>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {children}
      </button>
      {open ? (
        <div id={id} role="menu" aria-label={label} ref={list} popover="manual" className={styles.list}>
          {items.map((item) => (
            <button
              key={`${item.label} ${item.detail ?? ''}`}
              type="button"
              role="menuitem"
              className={styles.item}
              disabled={item.disabled === true}
              onClick={() => {
                setOpen(false);
                button.current?.focus();
                item.onPick();
              }}
            >
              <span>{item.label}</span>
              {item.detail === undefined ? null : <span className={styles.detail}>{item.detail}</span>}
            </button>
          ))}
        </div>
      ) : null}
    </div>
  );
}
