/** The timeline's filter: words, or Wireshark's language with completion of fields and its errors at their place. */
import { useId, useRef, useState } from 'react';
import { TIMELINE_FILTER } from '../../shell/focus-targets.ts';
import { usePlayground, useSession } from '../../state/context.ts';

import { useFilter } from '../use-filter.ts';
import styles from './List.module.css';

const MAX_LENGTH = 400;

export function FilterField() {
  const { session } = usePlayground();
  const filter = useSession((state) => state.filter);
  const list = useId();
  const field = useRef<HTMLInputElement>(null);
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [touched, setTouched] = useState(false);
  const language = useFilter(touched || filter !== '');
  const read = language?.readFilter(filter) ?? { kind: 'words' };
  const [chosen, setChosen] = useState(0);
  const completion = caret === undefined ? undefined : language?.completeFilter(filter, caret);
  const items = completion?.items ?? [];
  const at = Math.min(chosen, items.length - 1);
  const write = (text: string) => session.setState(text === '' ? { filter: text } : { filter: text, timelineView: 'hops' });
  const take = (name: string) => {
    if (completion === undefined) return;
    const text = `${filter.slice(0, completion.start)}${name} ${filter.slice(completion.end).trimStart()}`;
    write(text);
    setCaret(undefined);
    const place = completion.start + name.length + 1;
    requestAnimationFrame(() => field.current?.setSelectionRange(place, place));
  };
  return (
    <div className={styles.filterBox}>
      <input
        ref={field}
        className={styles.filter}
        type="search"
        id={TIMELINE_FILTER}
        aria-label="Filter hops"
        aria-invalid={read.kind === 'error'}
        aria-describedby={read.kind === 'error' ? `${list}-error` : undefined}
        aria-autocomplete="list"
        aria-controls={items.length > 0 ? list : undefined}
        aria-activedescendant={items.length > 0 ? `${list}-${at}` : undefined}
        data-kind={read.kind}
        placeholder="Filter: dns, 10.244.1.4, tcp.port == 80 && ip.dst == 10.244.1.4"
        value={filter}
        maxLength={MAX_LENGTH}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          write(event.target.value);
          setCaret(event.target.selectionStart ?? event.target.value.length);
          setChosen(0);
        }}
        onFocus={() => setTouched(true)}
        onBlur={() => setCaret(undefined)}
        onKeyDown={(event) => {
          if (items.length === 0) return;
          const item = items[at];
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setChosen((at + (event.key === 'ArrowDown' ? 1 : items.length - 1)) % items.length);
          else if ((event.key === 'Tab' || event.key === 'Enter') && item !== undefined) take(item.name);
          else if (event.key === 'Escape') setCaret(undefined);
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      {read.kind === 'error' && items.length === 0 ? (
        <p className={styles.filterError} id={`${list}-error`} role="status">
          {read.error.message} <span className={styles.filterPlace}>{filter.slice(read.error.at, read.error.at + read.error.length)}</span>
        </p>
      ) : null}
      {items.length > 0 ? (
        <div className={styles.completions} id={list} role="listbox" aria-label="Fields" tabIndex={-1}>
          {items.map((item, index) => (
            <div
              key={item.name}
              id={`${list}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className={index === at ? styles.completionOn : styles.completion}
              onPointerDown={(event) => {
                event.preventDefault();
                take(item.name);
              }}
            >
              <span>{item.name}</span> <span className={styles.completionHelp}>{item.help}</span>
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}
