/** One writer per document over all tabs, by Web Locks: the second tab looks on until it takes over. */

export interface DocumentLock {
  /** Gives the lock to this tab; the tab that had it becomes a reader. */
  takeOver(): void;
  release(): void;
}

/** `onChange(true)` when this tab may write. Without Web Locks every tab may, and the revision check alone guards. */
export function claimDocument(documentId: string, onChange: (writable: boolean) => void): DocumentLock {
  if (typeof navigator === 'undefined' || !('locks' in navigator)) {
    onChange(true);
    return { takeOver: () => undefined, release: () => undefined };
  }
  let release: (() => void) | undefined;
  let released = false;
  const hold = (options: LockOptions) => {
    navigator.locks
      .request(`kubehop/${documentId}`, options, (lock) => {
        if (lock === null || released) {
          if (!released) onChange(false);
          return undefined;
        }
        onChange(true);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      })
      .catch((error: unknown) => {
        // A frame whose storage is walled off has no locks either: nobody else can have its documents. Anything else: another tab stole it.
        if (!released) onChange(error instanceof DOMException && error.name === 'SecurityError');
      });
  };
  hold({ ifAvailable: true });
  return {
    takeOver: () => hold({ steal: true }),
    release: () => {
      released = true;
      release?.();
    },
  };
}
