/** A sheet beneath the canvas' bar: Escape closes it and gives the focus back. */
import { type ReactNode, useEffect, useRef } from 'react';
import styles from './CanvasBar.module.css';

export interface SheetProps {
  readonly label: string;
  /** It stands low, so that what is above the machines can be seen. */
  readonly low?: boolean;
  readonly children: ReactNode;
  onClose(): void;
}

export function Sheet({ label, low = false, onClose, children }: SheetProps) {
  const sheet = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    sheet.current?.querySelector<HTMLElement>('input, select, button')?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <section
      ref={sheet}
      className={low ? styles.low : styles.sheet}
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      {children}
    </section>
  );
}
