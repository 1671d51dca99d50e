/** The timeline's filter: words, or Wireshark's language with completion of fields and its errors at their place. */
import { useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { HopView } from '../../../world/views.ts';
import { TIMELINE_FILTER } from '../../shell/focus-targets.ts';
import { usePlayground, useSession } from '../../state/context.ts';

import type { FilterCompletion, RunValues } from '../display-filter/complete.ts';
import { packetNumbers } from '../format.ts';
import { useFilter } from '../use-filter.ts';
import styles from './List.module.css';

const MAX_LENGTH = 400;
const GAP_PX = 4;
const NONE: FilterCompletion['items'] = [];

/** Where the values come from that are offered: the run that is looked at. */
function valuesIn(hops: readonly HopView[]): RunValues {
  const numbers = packetNumbers(hops);
  const startNs = hops[0]?.event.timeNs ?? 0;
  return { hops, contextOf: ({ event }) => ({ number: numbers.get(event.packetId), stream: undefined, startNs }) };
}

export function FilterField() {
  const { session, playback } = usePlayground();
  const filter = useSession((state) => state.filter);
  const list = useId();
  const field = useRef<HTMLInputElement>(null);
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [touched, setTouched] = useState(false);
  const language = useFilter(touched || filter !== '');
  const read = language?.readFilter(filter) ?? { kind: 'words' };
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const hops = playback.hops();
  const completion = useMemo(
    () => (caret === undefined ? undefined : language?.completeFilter(filter, caret, valuesIn(hops))),
    [language, filter, caret, hops],
  );
  const items = completion?.items ?? NONE;
  const at = Math.min(chosen ?? (completion?.unfinished === true ? 0 : -1), items.length - 1);
  const write = (text: string) => session.setState(text === '' ? { filter: text } : { filter: text, timelineView: 'hops' });
  const take = (name: string) => {
    if (completion === undefined) return;
    const text = `${filter.slice(0, completion.start)}${name} ${filter.slice(completion.end).trimStart()}`;
    write(text);
    const place = completion.start + name.length + 1;
    setCaret(place);
    setChosen(undefined);
    requestAnimationFrame(() => field.current?.setSelectionRange(place, place));
  };
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const [element, place] = [box.current, field.current?.getBoundingClientRect()];
    if (items.length === 0 || element === null || place === undefined) return;
    // In the top layer no pane cuts it off, however low the pane is.
    if (!element.matches(':popover-open')) element.showPopover();
    element.style.left = `${place.left}px`;
    element.style.minWidth = `${place.width}px`;
    const { height } = element.getBoundingClientRect();
    element.style.top = `${place.bottom + GAP_PX + height > window.innerHeight ? place.top - GAP_PX - height : place.bottom + GAP_PX}px`;
  }, [items]);
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
        aria-activedescendant={items.length > 0 && at >= 0 ? `${list}-${at}` : undefined}
        data-kind={read.kind}
        placeholder="Filter: dns, 10.244.1.4, tcp.port == 80 && ip.dst == 10.244.1.4"
        value={filter}
        maxLength={MAX_LENGTH}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          write(event.target.value);
          setCaret(event.target.selectionStart ?? event.target.value.length);
          setChosen(undefined);
        }}
        onFocus={() => setTouched(true)}
        onBlur={() => setCaret(undefined)}
        onKeyDown={(event) => {
          if (items.length === 0) return;
          const item = items[at];
          if (event.key === 'ArrowDown') setChosen((at + 1) % items.length);
          else if (event.key === 'ArrowUp') setChosen((Math.max(at, 0) + items.length - 1) % items.length);
          else if (event.key === 'Tab' && at < 0) take(items[0]?.name ?? '');
          else if (event.key === 'Enter' && at < 0) setCaret(undefined);
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
        <div className={styles.completions} id={list} role="listbox" aria-label="Completions" tabIndex={-1} ref={box} popover="manual">
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
