/** The run below its track: which view of it, the filter, and what else can be done with its packets. */
import { lazy, Suspense, useRef } from 'react';
import { Icon } from '../../shell/Icon.tsx';
import { Menu, type MenuItem } from '../../shell/Menu.tsx';
import { Segmented } from '../../shell/Segmented.tsx';
import { usePlayground, useSession } from '../../state/context.ts';
import { useNarrow } from '../../state/use-media.ts';
import { openCapture, saveCapture } from '../captures.ts';
import { FilterField } from '../list/FilterField.tsx';
import { HopTable } from '../list/HopTable.tsx';
import styles from '../Timeline.module.css';
import { EventStrip } from './EventStrip.tsx';

const BytesView = lazy(() => import('./BytesView.tsx').then((module) => ({ default: module.BytesView })));
const CompareView = lazy(() => import('./CompareView.tsx').then((module) => ({ default: module.CompareView })));
const ConversationsView = lazy(() => import('./ConversationsView.tsx').then((module) => ({ default: module.ConversationsView })));
const SequenceView = lazy(() => import('./SequenceView.tsx').then((module) => ({ default: module.SequenceView })));
const StreamView = lazy(() => import('./StreamView.tsx').then((module) => ({ default: module.StreamView })));

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
    case 'compare':
      return <CompareView />;
    case 'bytes':
      return <BytesView />;
  }
}

const views = [
  ['hops', 'Hops'],
  ['bytes', 'Bytes'],
  ['conversations', 'Conversations'],
  ['stream', 'Words'],
  ['sequence', 'Sequence'],
  ['compare', 'Compare'],
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

function RunMenu() {
  const playground = usePlayground();
  const empty = useSession((session) => session.run === undefined);
  const background = useSession((session) => session.background);
  const input = useRef<HTMLInputElement>(null);
  const items: MenuItem[] = [
    {
      label: background ? 'Hide background: ARP and flooded copies' : 'Show background: ARP and flooded copies',
      onPick: () => {
        playground.session.setState({ background: !background });
        void playground.savePreferences();
      },
    },
    { label: 'Columns …', onPick: () => playground.session.setState({ timelineView: 'hops', listDialog: { kind: 'columns' } }) },
    { label: 'Colour rules …', onPick: () => playground.session.setState({ timelineView: 'hops', listDialog: { kind: 'rules', filter: '' } }) },
    { label: 'Save pcapng', detail: 'what taps on all devices saw', disabled: empty, onPick: () => void saveCapture(playground) },
    { label: 'Open capture…', detail: 'pcapng, pcap', onPick: () => input.current?.click() },
  ];
  return (
    <>
      <Menu label="More of this run" items={items} className={styles.transport} align="end">
        <Icon name="more" />
      </Menu>
      <input
        ref={input}
        type="file"
        hidden
        accept=".pcapng,.pcap,.cap,application/vnd.tcpdump.pcap"
        aria-label="Capture file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file !== undefined) void openCapture(playground, file);
        }}
      />
    </>
  );
}

export function Views() {
  const { session } = usePlayground();
  const narrow = useNarrow();
  const view = useSession((state) => state.timelineView);
  return (
    <>
      <div className={styles.tools}>
        {narrow ? (
          <select
            className={styles.run}
            aria-label="View of the run"
            value={view}
            onChange={(event) => {
              const chosen = views.find(([name]) => name === event.target.value);
              if (chosen !== undefined) session.setState({ timelineView: chosen[0] });
            }}
          >
            {views.map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        ) : (
          <Segmented label="View of the run" options={views} value={view} onChange={(timelineView) => session.setState({ timelineView })} />
        )}
        <FilterField />
        <RunChoice />
        <RunMenu />
      </div>
      <Suspense fallback={null}>
        <View />
      </Suspense>
      <EventStrip />
    </>
  );
}
