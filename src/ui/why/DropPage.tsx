/** The page of one drop reason: what it means, where the shown run met it, how the real tools show it, what usually causes it. */
import { useEffect, useMemo, useState } from 'react';
import { Words } from '../inspector/Words.tsx';
import { Markdown } from '../learn/Markdown.tsx';
import { Dialog } from '../shell/Dialog.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import styles from './DropPage.module.css';
import { loadDropPage } from './drop-codes.ts';
import why from './Why.module.css';

/** Places of the run that are listed. */
const MAX_PLACES = 6;

interface Page {
  readonly meaning: string;
  readonly commands: readonly string[];
  readonly causes: string;
}

/** Its parts: a paragraph, a block of commands, a list. */
export function readDropPage(text: string): Page {
  const [head = '', ...sections] = text.split(/^## /m);
  const section = (title: string) =>
    sections
      .find((one) => one.startsWith(title))
      ?.slice(title.length)
      .trim() ?? '';
  return {
    meaning: head.replace(/^# .*\n/, '').trim(),
    commands: section('See it')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('```')),
    causes: section('Usual causes'),
  };
}

function Commands({ commands, onRun }: { readonly commands: readonly string[]; readonly onRun: (line: string) => void }) {
  return (
    <ul className={styles.commands}>
      {commands.map((line) => (
        <li key={line}>
          <code>{line}</code>
          {/\b[A-Z]{4,}\b/.test(line) ? null : (
            <button type="button" className={why.secondary} onClick={() => onRun(line)} aria-label={`Run ${line}`}>
              Run
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

export function DropPage({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const code = useSession((session) => session.drop);
  const [page, setPage] = useState<Page | undefined>(undefined);
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    let alive = true;
    loadDropPage(code).then(
      (text) => {
        if (!alive) return;
        if (text === undefined) setMissing(true);
        else setPage(readDropPage(text));
      },
      () => {
        if (alive) setMissing(true);
      },
    );
    return () => {
      alive = false;
    };
  }, [code]);
  const places = useMemo(() => playground.playback.hops().filter(({ event: { step } }) => step.kind === 'dropped' && step.reason === code), [playground, code]);
  return (
    <Dialog title={code} onClose={onClose} wide>
      <div className={styles.page}>
        {page === undefined ? <p className={why.note}>{missing ? 'There is no page about it.' : 'Opening …'}</p> : <Markdown text={page.meaning} />}
        {places.length === 0 ? null : (
          <section aria-label="In this run">
            <h3>In this run</h3>
            {places.slice(0, MAX_PLACES).map((hop) => (
              <div key={hop.event.seq} className={styles.place}>
                <p>
                  <strong>{hop.where}</strong> <Words phrases={hop.why} />
                </p>
                <button
                  type="button"
                  className={why.secondary}
                  onClick={() => {
                    onClose();
                    playground.session.setState({ inspecting: 'hop' });
                    playground.playback.seekToSeq(hop.event.seq);
                  }}
                >
                  Show
                </button>
              </div>
            ))}
            {places.length > MAX_PLACES ? <p className={why.note}>… and {places.length - MAX_PLACES} more</p> : null}
          </section>
        )}
        {page === undefined ? null : (
          <>
            <h3>See it with the real tools</h3>
            <Commands
              commands={page.commands}
              onRun={(line) => {
                onClose();
                playground.session.setState({ pane: 'terminal' });
                void playground.run('main', line);
              }}
            />
            <h3>Usual causes</h3>
            <Markdown text={page.causes} />
          </>
        )}
      </div>
    </Dialog>
  );
}
