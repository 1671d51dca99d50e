/** What `vi` and `kubectl edit` open: their text in place of the files, until it is saved or put away; the terminal waits meanwhile. */
import { useEffect, useRef, useState } from 'react';
import { MAX_FILE_LENGTH } from '../state/check-document.ts';
import { useMirror, usePlayground, useSession } from '../state/context.ts';
import styles from './EditSheet.module.css';

function Sheet({ session, path, text }: { readonly session: string; readonly path: string; readonly text: string }) {
  const playground = usePlayground();
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState(text);
  const answer = (saved: string | null) => {
    playground.client
      .call('edited', session, saved)
      .catch(() => playground.notify('The simulation did not take the text; it is still in the field.', 'problem'));
    playground.session.setState({ pane: 'terminal' });
  };
  useEffect(() => {
    playground.session.setState({ pane: 'editor' });
    field.current?.focus();
    field.current?.setSelectionRange(0, 0);
  }, [playground]);
  return (
    <form
      className={styles.sheet}
      aria-label={`Editing ${path}`}
      onSubmit={(event) => {
        event.preventDefault();
        answer(draft);
      }}
    >
      <div className={styles.bar}>
        <span className={styles.path} title={path}>
          {path.slice(path.lastIndexOf('/') + 1)}
        </span>
        <button type="submit" className={styles.save}>
          Save and close
        </button>
        <button type="button" className={styles.cancel} onClick={() => answer(null)}>
          Discard
        </button>
      </div>
      <textarea
        ref={field}
        className={styles.text}
        aria-label={`Text of ${path}`}
        value={draft}
        maxLength={MAX_FILE_LENGTH}
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        wrap="off"
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 's') return;
          event.preventDefault();
          answer(draft);
        }}
      />
      <p className={styles.note}>The terminal waits. Ctrl+S saves and closes, as :wq does.</p>
    </form>
  );
}

/** Nothing while nobody edits: the session in front counts first. */
export function EditSheet() {
  const sessions = useMirror((mirror) => mirror.sessions);
  const front = useSession((session) => session.terminalSession);
  const editing = sessions.find((one) => one.id === front && one.editing !== undefined) ?? sessions.find((one) => one.editing !== undefined);
  if (editing?.editing === undefined) return null;
  const { path, text } = editing.editing;
  return <Sheet key={`${editing.id} ${path} ${text.length}`} session={editing.id} path={path} text={text} />;
}
