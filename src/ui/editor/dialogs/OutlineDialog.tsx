/** All objects of all files by kind and name: type a few letters, Enter goes there. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { OutlineEntry } from '../../../world/language/requests.ts';
import { Dialog } from '../../shell/Dialog.tsx';
import { FindField, listId } from '../../shell/FindField.tsx';
import { useDocument, usePlayground } from '../../state/context.ts';
import styles from './dialogs.module.css';

const MAX_SHOWN = 300;

export function OutlineDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const texts = useDocument((document) => document.texts);
  const [entries, setEntries] = useState<readonly OutlineEntry[] | undefined>(undefined);
  const [letters, setLetters] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let alive = true;
    Promise.all(texts.map((file) => playground.client.call('yamlOutline', file.path, file.text).catch(() => []))).then((found) => {
      if (alive) setEntries(found.flat());
    });
    return () => {
      alive = false;
    };
  }, [playground, texts]);
  const shown = useMemo(() => {
    const words = letters.toLowerCase().split(/\s+/).filter(Boolean);
    return (entries ?? []).filter((entry) => {
      const all = `${entry.kind} ${entry.namespace}/${entry.name} ${entry.span.file}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
  }, [entries, letters]);
  const active = Math.min(at, Math.min(shown.length, MAX_SHOWN) - 1);
  const go = (entry: OutlineEntry | undefined) => {
    if (entry === undefined) return;
    onClose();
    playground.session.setState({ pane: 'editor' });
    playground.revealPlace(entry.span.file, entry.nameSpan.startOffset, entry.nameSpan.endOffset);
  };
  const move = (to: number) => {
    setAt(to);
    list.current?.querySelectorAll('[role="option"]')[to]?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <Dialog title="Objects in the files" onClose={onClose} bare>
      <FindField
        className={styles.find}
        label="Kind, name, namespace or file"
        placeholder="Kind, name, namespace or file …"
        maxLength={200}
        name="outline"
        letters={letters}
        count={Math.min(shown.length, MAX_SHOWN)}
        active={active}
        onLetters={(next) => {
          setLetters(next);
          setAt(0);
        }}
        onMove={move}
        onTake={() => go(shown[active])}
      />
      <div className={styles.outline} id={listId('outline')} role="listbox" aria-label="Objects" ref={list} tabIndex={-1}>
        {shown.slice(0, MAX_SHOWN).map((entry, index) => (
          <button
            key={`${entry.span.file} ${entry.span.startOffset}`}
            id={`outline-${index}`}
            type="button"
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className={styles.entry}
            onPointerMove={() => setAt(index)}
            onClick={() => go(entry)}
          >
            <span className={styles.kind}>{entry.kind}</span>
            <span className={styles.name}>
              {entry.namespace === '' || entry.namespace === 'default' ? '' : `${entry.namespace}/`}
              {entry.name}
            </span>
            <span className={styles.where}>
              {entry.span.file}:{entry.span.startLine}
            </span>
          </button>
        ))}
        {shown.length > MAX_SHOWN ? <p className={styles.quiet}>… and {shown.length - MAX_SHOWN} more</p> : null}
        {entries !== undefined && shown.length === 0 ? <p className={styles.quiet}>No object of these files has these letters.</p> : null}
        {entries === undefined ? <p className={styles.quiet}>Reading …</p> : null}
      </div>
    </Dialog>
  );
}
