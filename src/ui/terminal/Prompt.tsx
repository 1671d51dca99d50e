/** The line being typed: history, completion, search, Ctrl-C and Ctrl-L as a shell has them. */
import { type ClipboardEvent, type KeyboardEvent, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import type { SessionView } from '../../world/views.ts';
import { usePast, usePlayground } from '../state/context.ts';
import { completeLine, type History } from './history.ts';
import styles from './Terminal.module.css';

export interface PromptProps {
  readonly session: SessionView;
  readonly history: History;
  readonly onClear: () => void;
  readonly inputId: string;
}

const MAX_LINE = 32_768;
const MAX_PASTED_LINES = 200;
const MAX_SHOWN_CANDIDATES = 60;

export function Prompt({ session, history, onClear, inputId }: PromptProps) {
  const playground = usePlayground();
  const [value, setValue] = useState('');
  const [candidates, setCandidates] = useState<readonly string[]>([]);
  const [search, setSearch] = useState<{ readonly letters: string; readonly skip: number } | undefined>(undefined);
  /** After Escape the next Tab leaves the terminal. */
  const leaving = useRef(false);
  const input = useRef<HTMLInputElement>(null);

  const past = usePast((state) => state.seq !== undefined);
  const submit = (line: string, branching = false) => {
    history.add(line);
    setValue('');
    setCandidates([]);
    setSearch(undefined);
    if (branching) void playground.branch().then((done) => (done ? playground.run(session.id, line) : undefined));
    else void playground.run(session.id, line);
  };

  const complete = async (element: HTMLInputElement) => {
    const cursor = element.selectionStart ?? element.value.length;
    const line = element.value;
    const answer = await playground.client.call('complete', session.id, line, cursor).catch(() => undefined);
    if (answer === undefined || element.value !== line) return;
    const next = completeLine(line, cursor, answer.start, answer.candidates);
    setCandidates(answer.candidates.length > 1 && next.line === line ? answer.candidates : []);
    // At once: whoever types on must not find the caret elsewhere a frame later.
    flushSync(() => setValue(next.line));
    element.setSelectionRange(next.cursor, next.cursor);
  };

  const onControl = (event: KeyboardEvent<HTMLInputElement>): boolean => {
    const element = event.currentTarget;
    switch (event.key.toLowerCase()) {
      case 'c':
        if (element.selectionStart !== element.selectionEnd || (window.getSelection()?.toString() ?? '') !== '') return false;
        setValue('');
        setCandidates([]);
        setSearch(undefined);
        void playground.interrupt(session.id);
        return true;
      case 'l':
        onClear();
        return true;
      case 'r':
        setSearch((before) => (before === undefined ? { letters: value, skip: 0 } : { ...before, skip: before.skip + 1 }));
        return true;
      case 'u':
        setValue(value.slice(element.selectionStart ?? 0));
        return true;
      case 'a':
        element.setSelectionRange(0, 0);
        return true;
      case 'e':
        element.setSelectionRange(value.length, value.length);
        return true;
      default:
        return false;
    }
  };

  const found = search === undefined ? undefined : history.search(search.letters, search.skip);

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k';
    if (palette) return;
    event.stopPropagation();
    if (event.ctrlKey && !event.altKey && !event.metaKey) {
      if (onControl(event)) event.preventDefault();
      return;
    }
    if (event.key === 'Enter') {
      submit(search === undefined ? value : (found ?? value), event.shiftKey && past);
    } else if (event.key === 'Escape') {
      if (search === undefined) leaving.current = true;
      else {
        setValue(found ?? value);
        setSearch(undefined);
      }
      return;
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      const line = history.move(event.key === 'ArrowUp' ? -1 : 1, value);
      if (line !== undefined) setValue(line);
    } else if (event.key === 'Tab' && !event.shiftKey && !leaving.current && value !== '') {
      void complete(event.currentTarget);
    } else {
      leaving.current = false;
      return;
    }
    event.preventDefault();
  };

  const onPaste = (event: ClipboardEvent<HTMLInputElement>) => {
    const raw = event.clipboardData.getData('text/plain');
    const element = event.currentTarget;
    // A field would cut a longer line without a word, and half a command is another command.
    if (raw.length + value.length > MAX_LINE) {
      event.preventDefault();
      playground.notify(
        `What you pasted has ${Math.ceil(raw.length / 1024).toLocaleString('en')} kB; a command line takes at most ${MAX_LINE / 1024}. Nothing was run.`,
        'problem',
      );
      return;
    }
    const pasted = raw.replace(/\r\n?/g, '\n');
    if (!pasted.includes('\n')) return;
    event.preventDefault();
    const all = value.slice(0, element.selectionStart ?? value.length) + pasted + value.slice(element.selectionEnd ?? value.length);
    const lines = all.split('\n');
    if (lines.length > MAX_PASTED_LINES) {
      playground.notify(`That were ${lines.length} lines; at most ${MAX_PASTED_LINES} are pasted at once. Nothing was run.`, 'problem');
      return;
    }
    for (const line of lines.slice(0, -1)) {
      history.add(line);
      void playground.run(session.id, line);
    }
    setValue(lines[lines.length - 1] ?? '');
  };

  const busy = session.busy;
  return (
    <>
      <label className={styles.promptLine}>
        <span className={styles.prompt}>{search === undefined ? (busy ? '' : session.prompt) : `(reverse-i-search)\`${search.letters}': `}</span>
        <input
          ref={input}
          id={inputId}
          className={styles.input}
          aria-label={`Command line of ${session.title}${busy ? ', a program is running, Control C ends it' : ''}`}
          aria-description="Tab completes. To leave with Tab, press Escape first."
          value={search === undefined ? value : (found ?? '')}
          maxLength={MAX_LINE}
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="send"
          placeholder={busy ? (session.endless ? 'running · Ctrl-C ends it' : 'running …') : past ? 'Enter runs now, Shift Enter at the playhead' : ''}
          onChange={(event) => {
            leaving.current = false;
            setCandidates([]);
            if (search === undefined) setValue(event.target.value);
            else setSearch({ letters: nextLetters(search.letters, found ?? '', event.target.value), skip: 0 });
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
      </label>
      {candidates.length > 0 ? (
        <div className={styles.candidates} aria-live="polite">
          {candidates.slice(0, MAX_SHOWN_CANDIDATES).map((candidate) => (
            <span key={candidate}>{candidate}</span>
          ))}
          {candidates.length > MAX_SHOWN_CANDIDATES ? <span>… {candidates.length - MAX_SHOWN_CANDIDATES} more</span> : null}
        </div>
      ) : null}
    </>
  );
}

/** The search's letters after a key: the field shows the match, so what was added or taken away at its end is what was typed. */
function nextLetters(letters: string, shown: string, typed: string): string {
  if (typed.startsWith(shown)) return letters + typed.slice(shown.length);
  return shown.startsWith(typed) ? letters.slice(0, -(shown.length - typed.length)) : typed;
}
