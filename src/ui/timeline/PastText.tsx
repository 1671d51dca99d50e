/** The open file as it was at the playhead, over the editor, where it was different then. It can be read, and changed by branching. */
import { StaticText } from '../editor/StaticText.tsx';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { usePast, usePlayground, useSession } from '../state/context.ts';
import styles from './Moment.module.css';

export function PastText() {
  const playground = usePlayground();
  const openFile = useSession((session) => session.openFile);
  const files = usePast((past) => (past.now ? undefined : past.view?.files));
  const file = files?.find((one) => one.path === openFile);
  if (file === undefined) return null;
  return (
    <div className={styles.pastText}>
      <div className={styles.pastBar}>
        <span>{file.text === null ? 'There was no such file at the playhead.' : 'As it was at the playhead.'}</span>
        <button type="button" onClick={() => void playground.branch()}>
          Branch here to change it
        </button>
        <button type="button" onClick={() => void playground.toPresent()}>
          Back to now
        </button>
      </div>
      <ScrollRegion className={styles.pastBody} label={`${openFile} as it was at the playhead`}>
        <StaticText text={file.text ?? ''} />
      </ScrollRegion>
    </div>
  );
}
