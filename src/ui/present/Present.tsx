/** Present: a lesson large enough for the last row, led by the keyboard, with notes for the speaker. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { lessonIds } from '../learn/catalogue.ts';
import { Markdown } from '../learn/Markdown.tsx';
import { StepBlocks } from '../learn/StepBlocks.tsx';
import { type LessonPlayer, useLesson } from '../learn/use-lesson.ts';
import { CanvasPane } from '../shell/CanvasPane.tsx';
import { Pane } from '../shell/Pane.tsx';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import { useNarrow } from '../state/use-media.ts';
import { Scrubber } from '../timeline/Scrubber.tsx';
import { Transport } from '../timeline/Transport.tsx';
import styles from './Present.module.css';

function Notes({ player }: { readonly player: LessonPlayer }) {
  const { lesson, step, index } = player;
  const next = lesson?.steps[index + 1];
  return (
    <>
      <p>
        Step {index + 1} of {lesson?.steps.length ?? 0}: <strong>{step?.title}</strong>
      </p>
      {step?.notes.length === 0 ? <p>No notes for this step.</p> : step?.notes.map((note) => <Markdown key={note} text={note} />)}
      <p>{next === undefined ? 'This is the last step.' : `Next: ${next.title}`}</p>
    </>
  );
}

/** A second window for the speaker's own screen, or undefined where the browser blocks it. */
function useNotesWindow(): { readonly body: HTMLElement | undefined; readonly open: () => boolean; readonly close: () => void } {
  const [body, setBody] = useState<HTMLElement | undefined>(undefined);
  const opened = useRef<Window | null>(null);
  const close = useCallback(() => {
    opened.current?.close();
    opened.current = null;
    setBody(undefined);
  }, []);
  const open = useCallback(() => {
    const popup = window.open('', 'kubehop-notes', 'popup,width=720,height=560');
    if (popup === null) return false;
    opened.current = popup;
    popup.document.title = 'Kubehop: speaker notes';
    popup.document.body.replaceChildren();
    popup.addEventListener('pagehide', () => setBody(undefined));
    setBody(popup.document.body);
    return true;
  }, []);
  useEffect(() => close, [close]);
  return { body, open, close };
}

/** One key forward: reveal the prediction, then run, then go on. */
function advance(player: LessonPlayer): void {
  const { step, index } = player;
  if (step === undefined || player.busy) return;
  for (const [at, block] of step.blocks.entries()) {
    const key = `${index}.${at}`;
    if (block.kind === 'predict' && !player.predictions.has(key)) {
      player.predict(at, block.answer);
      return;
    }
    if (block.kind === 'run' && !player.ran.has(key)) {
      void player.run(at, block.lines);
      return;
    }
  }
  player.go(index + 1);
}

export function Present() {
  const playground = usePlayground();
  const { session } = playground;
  const lessonId = useSession((state) => state.lesson);
  const dialog = useSession((state) => state.dialog);
  const narrow = useNarrow();
  const player = useLesson();
  const [notes, setNotes] = useState(false);
  const [blank, setBlank] = useState(false);
  const notesWindow = useNotesWindow();
  const latest = useRef(player);
  latest.current = player;

  useEffect(() => {
    if (lessonId === undefined) session.setState({ lesson: lessonIds[0], lessonStep: 0 });
  }, [session, lessonId]);

  const leave = useCallback(() => session.setState({ mode: 'learn' }), [session]);
  const toggleNotes = useCallback(() => {
    if (notesWindow.body !== undefined) notesWindow.close();
    else if (notes) setNotes(false);
    else if (!notesWindow.open()) setNotes(true);
  }, [notesWindow, notes]);

  useEffect(() => {
    if (dialog !== undefined) return;
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : undefined;
      if (event.ctrlKey || event.metaKey || event.altKey || (target !== undefined && /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))) return;
      const onButton = target?.closest('button, summary') !== null && target !== undefined;
      const actions: Readonly<Record<string, () => void>> = {
        ArrowRight: () => advance(latest.current),
        PageDown: () => advance(latest.current),
        ' ': () => advance(latest.current),
        ArrowLeft: () => latest.current.go(latest.current.index - 1),
        PageUp: () => latest.current.go(latest.current.index - 1),
        '.': () => playground.playback.step(1),
        ',': () => playground.playback.step(-1),
        p: () => playground.playback.toggle(),
        n: toggleNotes,
        b: () => setBlank((before) => !before),
        Escape: leave,
      };
      const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (action === undefined || (event.key === ' ' && onButton)) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [dialog, playground, leave, toggleNotes]);

  const { lesson, step, index } = player;
  return (
    <main className={styles.present} data-narrow={narrow}>
      {blank ? (
        <button type="button" className={styles.blank} onClick={() => setBlank(false)}>
          <span className="visually-hidden">Show again</span>
        </button>
      ) : null}
      <div className={styles.stage}>
        <ScrollRegion className={styles.text} label="Slide">
          <p className={styles.over}>{lesson?.title ?? player.problem ?? 'Opening …'}</p>
          <h1>{step?.title ?? ''}</h1>
          <StepBlocks player={player} />
        </ScrollRegion>
        <div className={styles.canvas}>
          <Pane name="canvas">
            <CanvasPane />
          </Pane>
        </div>
      </div>
      {notes ? (
        <aside className={styles.notes} aria-label="Speaker notes">
          <Notes player={player} />
        </aside>
      ) : null}
      {notesWindow.body === undefined
        ? null
        : createPortal(
            <div
              style={{
                font: '22px/1.5 system-ui, sans-serif',
                padding: 28,
                background: '#0d1117',
                color: '#e6e9ef',
                minHeight: '100vh',
                boxSizing: 'border-box',
              }}
            >
              <Notes player={player} />
            </div>,
            notesWindow.body,
          )}
      <footer className={styles.footer}>
        <button type="button" onClick={leave}>
          Leave <kbd>Esc</kbd>
        </button>
        <Transport />
        <Scrubber />
        <button type="button" aria-pressed={notes || notesWindow.body !== undefined} onClick={toggleNotes}>
          Notes <kbd>N</kbd>
        </button>
        <span className={styles.count}>
          {index + 1} / {lesson?.steps.length ?? 1}
        </span>
        <button type="button" disabled={index === 0} onClick={() => player.go(index - 1)}>
          Back <kbd>←</kbd>
        </button>
        <button type="button" className={styles.next} onClick={() => advance(player)}>
          Next <kbd>→</kbd>
        </button>
      </footer>
    </main>
  );
}
