/** The editor pane: coloured text at once, Monaco when somebody reaches for it, a plain text field where fingers type. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { useDocument, useMirror, usePlayground, useSession } from '../state/context.ts';
import { useDark, useMedia } from '../state/use-media.ts';
import styles from './Editor.module.css';
import { FileTabs } from './FileTabs.tsx';
import { StaticText } from './StaticText.tsx';
import { Status } from './Status.tsx';
import type { YamlEditor } from './yaml-editor.ts';

export const EDITOR_BODY = 'editor-body';
const CURSOR_DELAY_MS = 150;
const MAX_PASTE = 256 * 1024;

function useRefusedPaste(body: React.RefObject<HTMLDivElement | null>): void {
  const playground = usePlayground();
  useEffect(() => {
    const element = body.current;
    if (element === null) return;
    const onPaste = (event: ClipboardEvent) => {
      const length = event.clipboardData?.getData('text/plain').length ?? 0;
      if (length <= MAX_PASTE) return;
      event.preventDefault();
      event.stopPropagation();
      playground.notify(`What you pasted has ${Math.round(length / 1024).toLocaleString('en')} kB; a file has at most ${MAX_PASTE / 1024} kB. It was not pasted, and your text is as it was.`, 'problem');
    };
    element.addEventListener('paste', onPaste, true);
    return () => element.removeEventListener('paste', onPaste, true);
  }, [body, playground]);
}

function MonacoHost({ onReady }: { readonly onReady: () => void }) {
  const playground = usePlayground();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<YamlEditor | undefined>(undefined);
  const [ready, setReady] = useState(false);
  const openFile = useSession((session) => session.openFile);
  const reveal = useSession((session) => session.reveal);
  const writable = useSession((session) => session.writable);
  const texts = useDocument((document) => document.texts);
  const diagnostics = useMirror((mirror) => mirror.diagnostics);
  const dark = useDark();
  const initial = useRef({ dark, readOnly: !writable, onReady });

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
          onChange: (path, text) => {
            const problem = playground.setText(path, text);
            if (problem !== undefined) playground.notify(problem, 'problem');
          },
          onCursor: (path, offset) => {
            clearTimeout(cursorTimer);
            cursorTimer = setTimeout(() => {
              client.call('objectAt', path, offset).then(
                (key) => {
                  if (key !== null) playground.select({ kind: 'object', key }, false);
                },
                () => undefined,
              );
            }, CURSOR_DELAY_MS);
          },
          complete: (path, text, offset) => client.call('yamlComplete', path, text, offset).catch(() => []),
          hover: (path, text, offset) => client.call('yamlHover', path, text, offset).catch(() => null),
        });
        setReady(true);
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
    const file = texts.find((one) => one.path === openFile);
    if (!ready || file === undefined) return;
    editor.current?.show(file.path, file.text);
    for (const one of texts) editor.current?.setText(one.path, one.text);
    editor.current?.keepOnly(texts.map((one) => one.path));
  }, [ready, openFile, texts]);

  useEffect(() => {
    if (!ready) return;
    editor.current?.setDiagnostics(diagnostics);
    initial.current.onReady();
  }, [ready, diagnostics]);

  useEffect(() => {
    if (ready && reveal !== undefined && reveal.file === openFile) editor.current?.reveal(reveal.startOffset, reveal.endOffset);
  }, [ready, reveal, openFile]);

  useEffect(() => {
    if (ready) editor.current?.setDark(dark);
  }, [ready, dark]);

  useEffect(() => {
    if (ready) editor.current?.setReadOnly(!writable);
  }, [ready, writable]);

  useEffect(() => {
    if (!ready) return;
    // Whoever clicked or tabbed into the text before Monaco came is now in Monaco.
    if (document.activeElement?.id === EDITOR_BODY) editor.current?.focus();
    const focus = () => editor.current?.focus();
    const element = host.current;
    element?.addEventListener('kubehop-focus', focus);
    return () => element?.removeEventListener('kubehop-focus', focus);
  }, [ready]);

  return <div className={styles.monaco} ref={host} data-ready={ready} />;
}

function PlainField() {
  const playground = usePlayground();
  const openFile = useSession((session) => session.openFile);
  const writable = useSession((session) => session.writable);
  const text = useDocument((document) => document.texts.find((file) => file.path === openFile)?.text ?? '');
  return (
    <textarea
      className={styles.plain}
      aria-label={`YAML of ${openFile}`}
      value={text}
      readOnly={!writable}
      spellCheck={false}
      autoCapitalize="off"
      autoCorrect="off"
      wrap="off"
      onChange={(event) => {
        const problem = playground.setText(openFile, event.target.value);
        if (problem !== undefined) playground.notify(problem, 'problem');
      }}
      onKeyDown={(event) => event.stopPropagation()}
    />
  );
}

export function Editor() {
  const body = useRef<HTMLDivElement>(null);
  const openFile = useSession((session) => session.openFile);
  const text = useDocument((document) => document.texts.find((file) => file.path === openFile)?.text ?? '');
  const coarse = useMedia('(pointer: coarse)');
  const [wanted, setWanted] = useState(false);
  const [ready, setReady] = useState(false);
  useRefusedPaste(body);
  const want = useCallback(() => setWanted(true), []);
  const onReady = useCallback(() => setReady(true), []);

  return (
    <section className={styles.editor} aria-label="Editor">
      <FileTabs />
      <div
        className={styles.body}
        id={EDITOR_BODY}
        ref={body}
        tabIndex={ready || coarse ? -1 : 0}
        role="group"
        aria-label={`YAML of ${openFile}`}
        onPointerEnter={want}
        onPointerDown={want}
        onFocus={(event) => {
          want();
          // The E key and the palette focus the frame; the text inside is what they mean.
          if (event.target === body.current) body.current.querySelector('[data-ready="true"]')?.dispatchEvent(new CustomEvent('kubehop-focus'));
        }}
        onKeyDown={(event) => {
          if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') event.stopPropagation();
        }}
      >
        {coarse ? <PlainField /> : ready ? null : <StaticText text={text} />}
        {!coarse && wanted ? <MonacoHost onReady={onReady} /> : null}
      </div>
      <Status />
    </section>
  );
}
