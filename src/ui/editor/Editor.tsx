/** The editor pane: coloured text at once, Monaco when somebody reaches for it, a plain text field where fingers type. */
import { lazy, useCallback, useEffect, useRef, useState } from 'react';
import { EDITOR_BODY } from '../shell/focus-targets.ts';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { Settled } from '../shell/Settled.tsx';
import { MAX_FILE_LENGTH } from '../state/check-document.ts';
import { useDocument, useMirror, usePlayground, useSession } from '../state/context.ts';
import { useEvent } from '../state/use-event.ts';
import { useDark, useMedia, useNarrow } from '../state/use-media.ts';
import styles from './Editor.module.css';
import { FileTabs } from './FileTabs.tsx';
import { StaticText } from './StaticText.tsx';
import { Status } from './Status.tsx';
import type { YamlEditor } from './yaml-editor.ts';

const EditSheet = lazy(() => import('./EditSheet.tsx').then((module) => ({ default: module.EditSheet })));
const PastText = lazy(() => import('../timeline/PastText.tsx').then((module) => ({ default: module.PastText })));

const CURSOR_DELAY_MS = 150;
const LINT_DELAY_MS = 500;
const MAX_DUMP_LENGTH = 8 * 1024 * 1024;

/** Refuses what would freeze the page before any editor sees it; lists of objects go to the import. */
function useRefusedPaste(body: React.RefObject<HTMLElement | null>): void {
  const playground = usePlayground();
  useEvent(
    body,
    'paste',
    (event) => {
      const text = event.clipboardData?.getData('text/plain') ?? '';
      const { length } = text;
      // A cluster dump pasted as it is would be objects that the cluster makes by itself.
      if (length <= MAX_DUMP_LENGTH && /^(?:kind: \w*List|\s*"kind": "\w*List")\s*,?$/m.test(text.slice(0, 400) + text.slice(-400))) {
        event.preventDefault();
        event.stopPropagation();
        playground.session.setState({ incoming: { files: [{ path: 'pasted.yaml', text }], problems: [] }, dialog: 'import' });
        return;
      }
      if (length <= MAX_FILE_LENGTH) return;
      event.preventDefault();
      event.stopPropagation();
      playground.notify(
        `What you pasted has ${Math.round(length / 1024).toLocaleString('en')} kB; a file has at most ${MAX_FILE_LENGTH / 1024} kB. It was not pasted, and your text is as it was.`,
        'problem',
      );
    },
    true,
  );
}

function MonacoHost({
  onReady,
  hadFocus,
}: {
  readonly onReady: () => void /** The reader was in the text that Monaco takes the place of. */;
  readonly hadFocus: () => boolean;
}) {
  const playground = usePlayground();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<YamlEditor | undefined>(undefined);
  const [ready, setReady] = useState(false);
  const openFile = useSession((session) => session.openFile);
  const reveal = useSession((session) => session.reveal);
  const writable = useSession((session) => session.writable);
  const texts = useDocument((document) => document.texts);
  const diagnostics = useMirror((mirror) => mirror.diagnostics);
  const lint = useMirror((mirror) => mirror.lint);
  const dark = useDark();
  const initial = useRef({ dark, readOnly: !writable, onReady, hadFocus });

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let alive = true;
    let cursorTimer: ReturnType<typeof setTimeout> | undefined;
    const { client } = playground;
    import('./yaml-editor.ts').then(
      ({ YamlEditor: Loaded }) => {
        if (!alive) return;
        editor.current = new Loaded({
          host: element,
          dark: initial.current.dark,
          readOnly: initial.current.readOnly,
          onChange: (path, text, manner) => {
            const problem = playground.edits.setText(path, text, manner);
            if (problem !== undefined) playground.notify(problem, 'problem');
            return problem === undefined;
          },
          onCursor: (path, offset) => {
            clearTimeout(cursorTimer);
            cursorTimer = setTimeout(() => {
              const before = playground.session.getState().selection;
              client.call('objectAt', path, offset).then(
                (key) => {
                  // Something else may have been picked while the answer was on its way.
                  if (key !== null && playground.session.getState().selection === before) playground.select({ kind: 'object', key }, false);
                },
                () => undefined,
              );
            }, CURSOR_DELAY_MS);
          },
          client,
          applyEdits: (edits) => {
            const problem = playground.session.getState().writable ? playground.edits.applyTextEdits(edits) : 'This document is read-only here.';
            if (problem !== undefined) playground.notify(problem, 'problem');
          },
          openPlace: (file, startOffset, endOffset) => playground.revealPlace(file, startOffset, endOffset),
          undo: () => playground.undo(),
          redo: () => playground.redo(),
          onTabMode: (leaves) => playground.notify(leaves ? 'Tab leaves the text again.' : 'Tab indents now; Ctrl M again lets it leave the text.'),
        });
        setReady(true);
        initial.current.onReady();
      },
      () => playground.notify('The editor could not be loaded; the text can still be read. Reload the page to try again.', 'problem'),
    );
    return () => {
      alive = false;
      clearTimeout(cursorTimer);
      editor.current?.dispose();
      editor.current = undefined;
    };
  }, [playground]);

  useEffect(() => {
    if (!ready || texts.length === 0) return;
    // The store, not what this render saw of it: the reader may have typed on since.
    const current = playground.document.getState().texts;
    const file = current.find((one) => one.path === openFile);
    if (file !== undefined) editor.current?.show(file.path, file.text);
    for (const one of current) editor.current?.setText(one.path, one.text);
    editor.current?.keepOnly(current.map((one) => one.path));
  }, [playground, ready, openFile, texts]);

  useEffect(() => {
    if (!ready) return;
    editor.current?.setDiagnostics([...diagnostics, ...lint]);
  }, [ready, diagnostics, lint]);

  useEffect(() => {
    if (!ready || reveal === undefined || reveal.file !== openFile) return;
    editor.current?.reveal(reveal.startOffset, reveal.endOffset);
    // Whoever chose a problem in the list means to mend it.
    if (host.current?.closest('section')?.contains(document.activeElement) === true) editor.current?.focus();
  }, [ready, reveal, openFile]);

  useEffect(() => {
    if (ready) editor.current?.setDark(dark);
  }, [ready, dark]);

  useEffect(() => {
    if (ready) editor.current?.setReadOnly(!writable);
  }, [ready, writable]);

  useEffect(() => {
    // Whoever clicked or tabbed into the text before Monaco came is now in Monaco.
    if (ready && initial.current.hadFocus()) editor.current?.focus();
  }, [ready]);
  // The E key and the palette focus the frame; the text inside is what they mean.
  useEvent(host, 'focus', () => editor.current?.focus());

  return <div className={styles.monaco} ref={host} id={ready ? EDITOR_BODY : undefined} tabIndex={-1} data-ready={ready} />;
}

/** Asks for what the API server does not say, once the world has rested after a change. */
function useLint(on: boolean): void {
  const playground = usePlayground();
  const diagnostics = useMirror((mirror) => mirror.diagnostics);
  const topology = useMirror((mirror) => mirror.topology);
  useEffect(() => {
    // Asked again when either of them is another.
    void [diagnostics, topology];
    if (!on) return;
    let alive = true;
    const timer = setTimeout(() => {
      playground.client.call('yamlLint').then(
        (lint) => {
          if (alive && (lint.length > 0 || playground.mirror.getState().lint.length > 0)) playground.mirror.setState({ lint });
        },
        () => undefined,
      );
    }, LINT_DELAY_MS);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [playground, on, diagnostics, topology]);
}

/** Files or a folder dropped on the editor go to the import. */
function useDrop(body: React.RefObject<HTMLElement | null>): boolean {
  const playground = usePlayground();
  const [over, setOver] = useState(false);
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  useEvent(body, 'dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    setOver(true);
  });
  useEvent(body, 'dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node) || !(body.current?.contains(event.relatedTarget) ?? false)) setOver(false);
  });
  useEvent(body, 'drop', (event) => {
    if (!holdsFiles(event) || event.dataTransfer === null) return;
    event.preventDefault();
    setOver(false);
    // Entries are there only while the event is handled.
    const entries = [...event.dataTransfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
    const plain = [...event.dataTransfer.files];
    import('./read-files.ts')
      .then(async ({ filesOfEntries, readFiles }) => readFiles(entries.length === 0 ? plain : await filesOfEntries(entries)))
      .then(
        (incoming) => playground.session.setState({ incoming, dialog: 'import' }),
        () => playground.notify('What was dropped could not be read. Nothing was changed.', 'problem'),
      );
  });
  return over;
}

function PlainField() {
  const playground = usePlayground();
  const openFile = useSession((session) => session.openFile);
  const writable = useSession((session) => session.writable);
  const text = useDocument((document) => document.texts.find((file) => file.path === openFile)?.text ?? '');
  return (
    <textarea
      id={EDITOR_BODY}
      className={styles.field}
      aria-label={`YAML of ${openFile}`}
      value={text}
      readOnly={!writable}
      spellCheck={false}
      autoCapitalize="off"
      autoCorrect="off"
      wrap="off"
      onChange={(event) => {
        const problem = playground.edits.setText(
          openFile,
          event.target.value,
          /^insertFrom/.test((event.nativeEvent as InputEvent).inputType ?? '') ? 'act' : 'typing',
        );
        if (problem !== undefined) playground.notify(problem, 'problem');
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        const key = event.key.toLowerCase();
        if (!(event.ctrlKey || event.metaKey) || event.altKey || (key !== 'z' && key !== 'y')) return;
        event.preventDefault();
        if (key === 'y' || event.shiftKey) playground.redo();
        else playground.undo();
      }}
    />
  );
}

export function Editor() {
  const body = useRef<HTMLDivElement>(null);
  const clicked = useRef(false);
  const openFile = useSession((session) => session.openFile);
  const text = useDocument((document) => document.texts.find((file) => file.path === openFile)?.text ?? '');
  const touched = useMedia('(pointer: coarse)');
  const narrow = useNarrow();
  const coarse = touched || narrow;
  const [wanted, setWanted] = useState(false);
  const [ready, setReady] = useState(false);
  const onReady = useCallback(() => setReady(true), []);
  const hadFocus = useCallback(() => clicked.current || (body.current?.contains(document.activeElement) ?? false), []);
  useRefusedPaste(body);
  const frame = useRef<HTMLElement>(null);
  const dropping = useDrop(frame);
  // Monaco is a megabyte and half a second of work: it comes when somebody reaches for the text.
  useEvent(body, 'pointerenter', () => setWanted(true));
  useEvent(body, 'focusin', () => setWanted(true));
  useEvent(body, 'pointerdown', () => {
    setWanted(true);
    clicked.current = true;
  });
  // Letters typed here are text, not keys of the page; Ctrl K stays the palette's.
  useEvent(body, 'keydown', (event) => {
    const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k';
    if (!palette && ready) event.stopPropagation();
  });

  useLint(wanted || coarse);

  return (
    <section className={styles.editor} aria-label="Editor" ref={frame}>
      {dropping ? <div className={styles.dropping}>Drop files or a folder here</div> : null}
      <FileTabs />
      <div className={styles.body} ref={body}>
        {coarse ? (
          <PlainField />
        ) : ready ? null : (
          <ScrollRegion className={styles.reading} id={EDITOR_BODY} label={`YAML of ${openFile}`}>
            <StaticText text={text} />
          </ScrollRegion>
        )}
        <Settled>
          <PastText />
        </Settled>
        {!coarse && wanted ? <MonacoHost onReady={onReady} hadFocus={hadFocus} /> : null}
      </div>
      <Status />
      <Settled>
        <EditSheet />
      </Settled>
    </section>
  );
}
