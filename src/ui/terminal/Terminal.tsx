/** Tabs of shells on hosts and in pods, each a log of lines and a line to type in. It rewinds with the canvas. */
import { useCallback, useLayoutEffect, useMemo, useReducer, useRef } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import { TERMINAL_INPUT } from '../shell/focus-targets.ts';
import { Icon } from '../shell/Icon.tsx';
import { Menu, type MenuItem } from '../shell/Menu.tsx';
import { useCurrentHop, useMirror, usePlaybackSnapshot, usePlayground, useSession } from '../state/context.ts';
import { HIDDEN_SESSION } from '../state/playground.ts';
import { useEvent } from '../state/use-event.ts';
import { History } from './history.ts';
import { buildLinkIndex } from './links.ts';
import { Output } from './Output.tsx';
import { Prompt } from './Prompt.tsx';
import { Screen } from './screen.ts';
import styles from './Terminal.module.css';

const MAX_MENU = 40;

/** The log position up to which things have happened for who looks at the playhead; Infinity in the present. */
function usePlayheadSeq(): number {
  const { hops, index } = useCurrentHop();
  const { event } = usePlaybackSnapshot();
  const run = useSession((session) => session.run);
  const runs = useSession((session) => session.runs);
  const last = hops.length - 1;
  if (run === undefined || last < 0) return Number.POSITIVE_INFINITY;
  if (event !== undefined) return event;
  if (index >= last) return run === runs[runs.length - 1] ? Number.POSITIVE_INFINITY : run.toSeq;
  return hops[Math.max(0, index)]?.event.seq ?? Number.POSITIVE_INFINITY;
}

function NewSession() {
  const playground = usePlayground();
  const topology = useMirror((mirror) => mirror.topology);
  const sessions = useMirror((mirror) => mirror.sessions);
  const open = (at: { readonly host: string } | { readonly namespace: string; readonly pod: string }) => {
    let number = 2;
    while (sessions.some((session) => session.id === `t${number}`)) number += 1;
    const id = `t${number}`;
    playground.client.call('openSession', id, at).then(
      () => playground.session.setState({ terminalSession: id }),
      (error: unknown) => playground.notify(`The shell could not be opened: ${error instanceof Error ? error.message.split('\n')[0] : ''}`, 'problem'),
    );
  };
  const items: MenuItem[] = [
    ...topology.hosts.filter((host) => host.role === 'node').map((host) => ({ label: host.name, detail: 'ssh', onPick: () => open({ host: host.id }) })),
    ...topology.netnses
      .filter((netns) => netns.type === 'pod' && netns.ready)
      .map((netns) => ({
        label: netns.title,
        detail: netns.namespace ?? 'default',
        onPick: () => open({ namespace: netns.namespace ?? 'default', pod: netns.title }),
      })),
  ];
  return (
    <Menu label="New shell" items={items.slice(0, MAX_MENU)} className={styles.add}>
      <Icon name="plus" size={14} />
    </Menu>
  );
}

export function Terminal() {
  const playground = usePlayground();
  const all = useMirror((mirror) => mirror.sessions);
  const sessions = useMemo(() => all.filter((session) => session.id !== HIDDEN_SESSION), [all]);
  const wanted = useSession((session) => session.terminalSession);
  const session = sessions.find((one) => one.id === wanted) ?? sessions[0];
  const entries = useMirror((mirror) => mirror.terminal);
  const dropped = useMirror((mirror) => mirror.terminalDropped);
  const epoch = useMirror((mirror) => mirror.terminalEpoch);
  const topology = useMirror((mirror) => mirror.topology);
  const links = useMemo(() => buildLinkIndex(topology), [topology]);
  const playheadSeq = usePlayheadSeq();
  const screens = useRef(new Map<string, { readonly screen: Screen; readonly history: History }>());
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [, redraw] = useReducer((count: number) => count + 1, 0);

  const id = session?.id ?? 'main';
  let shown = screens.current.get(id);
  if (shown === undefined) {
    shown = { screen: new Screen(id), history: new History() };
    screens.current.set(id, shown);
  }
  shown.screen.read(entries, dropped, epoch);
  const lines = shown.screen.lines();
  const onLink = useCallback((target: LinkTarget) => playground.select(target), [playground]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element !== null && atEnd.current && lines.length > 0) element.scrollTop = element.scrollHeight;
  }, [lines]);

  // A click anywhere means the line to type in, unless text is being selected.
  useEvent(scroller, 'click', (event) => {
    const onButton = event.target instanceof Element && event.target.closest('button') !== null;
    if (!onButton && (window.getSelection()?.toString() ?? '') === '') document.getElementById(TERMINAL_INPUT)?.focus();
  });

  return (
    <section className={styles.terminal} aria-label="Terminal">
      <div className={styles.bar}>
        <div className={styles.tabs} role="tablist" aria-label="Shells">
          {sessions.map((one) => (
            <button
              key={one.id}
              type="button"
              role="tab"
              aria-selected={one.id === id}
              className={one.id === id ? styles.tabOn : styles.tab}
              onClick={() => {
                atEnd.current = true;
                playground.session.setState({ terminalSession: one.id });
              }}
            >
              {one.title}
              {one.busy ? <span className={styles.busy} role="img" aria-label="a program is running" /> : null}
            </button>
          ))}
        </div>
        {id === 'main' ? null : (
          <button
            type="button"
            className={styles.add}
            aria-label={`Close ${session?.title ?? ''}`}
            title="Close this shell"
            onClick={() => void playground.client.call('closeSession', id)}
          >
            <Icon name="close" size={12} />
          </button>
        )}
        <NewSession />
      </div>
      <div
        className={styles.scroller}
        ref={scroller}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        <div role="log" aria-label={`Output of ${session?.title ?? 'the terminal'}`} aria-live="polite">
          <Output lines={lines} links={links} playheadSeq={playheadSeq} onLink={onLink} />
        </div>
        {session === undefined ? (
          <div className={styles.line}>starting …</div>
        ) : (
          <Prompt
            key={id}
            session={session}
            history={shown.history}
            inputId={TERMINAL_INPUT}
            onClear={() => {
              shown.screen.clear();
              redraw();
            }}
          />
        )}
      </div>
    </section>
  );
}
