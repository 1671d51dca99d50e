/** Named moments and futures that were left: go there, rename, forget. */
import { Dialog } from '../shell/Dialog.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { useDocument, usePlayground } from '../state/context.ts';
import { renameBookmark } from '../state/futures.ts';
import styles from './Moment.module.css';

export function MomentsDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const bookmarks = useDocument((document) => document.bookmarks);
  const futures = useDocument((document) => document.futures);
  return (
    <Dialog title="Bookmarks and other futures" onClose={onClose}>
      <h3 className={styles.marksHead}>Bookmarks</h3>
      {bookmarks.length === 0 ? (
        <p className={styles.marksNote}>None yet. B marks the moment at the playhead; marks are part of the document and of its links.</p>
      ) : null}
      <ul className={styles.marks}>
        {bookmarks.map((one) => (
          <li key={one.seq}>
            <input
              aria-label={`Name of the bookmark at event ${one.seq}`}
              defaultValue={one.name}
              maxLength={120}
              onBlur={(event) => renameBookmark(playground, one.seq, event.target.value)}
            />
            <button
              type="button"
              aria-label={`Go to ${one.name}`}
              onClick={() => {
                onClose();
                void playground.goTo(one.seq);
              }}
            >
              Go
            </button>
            <button type="button" aria-label={`Remove ${one.name}`} onClick={() => renameBookmark(playground, one.seq, undefined)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
      <h3 className={styles.marksHead}>Other futures</h3>
      {futures.length === 0 ? (
        <p className={styles.marksNote}>None. “Branch” goes on from a moment of the past in another way, and keeps here what had come after it.</p>
      ) : null}
      <ul className={styles.marks}>
        {withKeys(futures, (one) => one.name).map(({ key, item, index }) => (
          <li key={key}>
            <span className={styles.futureName} title={item.name}>
              {item.name}
            </span>
            <button
              type="button"
              aria-label={`Go back to ${item.name}`}
              onClick={() => {
                onClose();
                void playground.openFuture(index);
              }}
            >
              Go back to it
            </button>
            <button
              type="button"
              aria-label={`${item.name} and this future side by side`}
              onClick={() => {
                onClose();
                playground.session.setState({ timelineView: 'compare', comparing: [`future ${index}`, `since ${index}`], pane: 'timeline' });
              }}
            >
              Side by side
            </button>
            <button type="button" aria-label={`Forget ${item.name}`} onClick={() => playground.keep({ futures: futures.filter((_, at) => at !== index) })}>
              Forget
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
