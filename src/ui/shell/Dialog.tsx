/** A native dialog: focus stays inside, Escape closes, and the focus returns to where it was. */
import { type ReactNode, useEffect, useId, useRef } from 'react';
import styles from './Dialog.module.css';
import { Icon } from './Icon.tsx';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly wide?: boolean;
  /** As large as the window lets it be. */
  readonly full?: boolean;
  /** No title bar is drawn (the title is still read out). */
  readonly bare?: boolean;
}

export function Dialog({ title, onClose, children, wide = false, full = false, bare = false }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className={[styles.dialog, wide ? styles.wide : '', full ? styles.full : '', bare ? styles.bare : ''].join(' ')}
      aria-labelledby={titleId}
      onClose={onClose}
      onKeyDown={(event) => event.stopPropagation()}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div className={styles.body}>
        <div className={bare ? styles.hidden : styles.head}>
          <h2 id={titleId}>{title}</h2>
          {bare ? null : (
            <button type="button" className={styles.close} onClick={onClose} aria-label="Close">
              <Icon name="close" />
            </button>
          )}
        </div>
        {children}
      </div>
    </dialog>
  );
}
