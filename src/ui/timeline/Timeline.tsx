/** Transport, track and the list of hops of the run that is being looked at. */
import { lazy, Suspense } from 'react';
import { Segmented } from '../shell/Segmented.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import { FilterField } from './FilterField.tsx';
import { HopTable } from './HopTable.tsx';
import { Scrubber } from './Scrubber.tsx';
import styles from './Timeline.module.css';
import { Transport } from './Transport.tsx';

const Captures = lazy(() => import('./Captures.tsx').then((module) => ({ default: module.Captures })));
const ConversationsView = lazy(() => import('./views/ConversationsView.tsx').then((module) => ({ default: module.ConversationsView })));
const SequenceView = lazy(() => import('./views/SequenceView.tsx').then((module) => ({ default: module.SequenceView })));
const MomentPill = lazy(() => import('./MomentPill.tsx').then((module) => ({ default: module.MomentPill })));
const TimeMenu = lazy(() => import('./TimeMenu.tsx').then((module) => ({ default: module.TimeMenu })));
const StreamView = lazy(() => import('./views/StreamView.tsx').then((module) => ({ default: module.StreamView })));

function View() {
  const view = useSession((session) => session.timelineView);
  switch (view) {
    case 'hops':
      return <HopTable />;
    case 'conversations':
      return <ConversationsView />;
    case 'sequence':
      return <SequenceView />;
    case 'stream':
      return <StreamView />;
  }
}

const views = [
  ['hops', 'Hops'],
  ['conversations', 'Conversations'],
  ['sequence', 'Sequence'],
  ['stream', 'Words'],
] as const;

function RunChoice() {
  const playground = usePlayground();
  const runs = useSession((session) => session.runs);
  const run = useSession((session) => session.run);
  if (runs.length < 2) return null;
  return (
    <select
      className={styles.run}
      aria-label="Run: the command whose packets are shown"
      value={run === undefined ? '' : String(run.fromSeq)}
      onChange={(event) => {
        const chosen = runs.find((one) => String(one.fromSeq) === event.target.value);
        if (chosen !== undefined) void playground.showRun(chosen);
      }}
    >
      {runs.map((one) => (
        <option key={one.fromSeq} value={String(one.fromSeq)}>
          {one.label}
        </option>
      ))}
    </select>
  );
}

export function Timeline() {
  const playground = usePlayground();
  const view = useSession((session) => session.timelineView);
  const background = useSession((session) => session.background);
  return (
    <section
      className={styles.timeline}
      aria-label="Timeline"
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes('Files')) event.preventDefault();
      }}
      onDrop={(event) => {
        const file = event.dataTransfer.files[0];
        if (file === undefined) return;
        event.preventDefault();
        void import('./Captures.tsx').then(({ openCapture }) => openCapture(playground, file));
      }}
    >
      <div className={styles.controls}>
        <Transport />
        <Suspense fallback={null}>
          <TimeMenu />
        </Suspense>
        <Scrubber />
        <Suspense fallback={null}>
          <MomentPill />
        </Suspense>
      </div>
      <div className={styles.tools}>
        <Segmented label="View of the run" options={views} value={view} onChange={(timelineView) => playground.session.setState({ timelineView })} />
        <FilterField />
        <label className={styles.toggle} title="ARP, and copies of frames that a bridge floods to others">
          <input
            type="checkbox"
            checked={background}
            onChange={(event) => {
              playground.session.setState({ background: event.target.checked });
              void playground.savePreferences();
            }}
          />
          background
        </label>
        <Suspense fallback={null}>
          <Captures />
        </Suspense>
        <RunChoice />
      </div>
      <Suspense fallback={null}>
        <View />
      </Suspense>
    </section>
  );
}
