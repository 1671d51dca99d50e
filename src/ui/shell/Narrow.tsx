/** The layout of a phone, and of a desktop at high zoom: one pane at a time, the play controls always there, tabs at the foot. */
import type { ReactNode } from 'react';
import { Editor } from '../editor/Editor.tsx';
import { Inspector } from '../inspector/Inspector.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import type { PaneName } from '../state/session.ts';
import { Terminal } from '../terminal/Terminal.tsx';
import { Scrubber } from '../timeline/Scrubber.tsx';
import timeline from '../timeline/Timeline.module.css';
import { Timeline } from '../timeline/Timeline.tsx';
import { Transport } from '../timeline/Transport.tsx';
import { CanvasPane } from './CanvasPane.tsx';
import { Icon, type IconName } from './Icon.tsx';
import { NowLine } from './NowLine.tsx';
import { Pane } from './Pane.tsx';
import styles from './Shell.module.css';

const tabs: readonly (readonly [PaneName, string, IconName])[] = [
  ['canvas', 'Canvas', 'wires'],
  ['inspector', 'Details', 'info'],
  ['timeline', 'Hops', 'list'],
  ['terminal', 'Terminal', 'terminal'],
  ['editor', 'YAML', 'text'],
];

export function Narrow({ lesson }: { readonly lesson: ReactNode | undefined }) {
  const { session } = usePlayground();
  const pane = useSession((state) => state.pane);
  const shown: Readonly<Record<PaneName, () => ReactNode>> = {
    canvas: () =>
      lesson === undefined ? (
        <CanvasPane quiet />
      ) : (
        <div className={styles.stack}>
          <div className={styles.stackCanvas}>
            <CanvasPane quiet />
          </div>
          <div className={styles.stackLesson}>{lesson}</div>
        </div>
      ),
    inspector: () => <Inspector />,
    timeline: () => <Timeline />,
    terminal: () => <Terminal />,
    editor: () => <Editor />,
  };
  return (
    <>
      <main className={styles.narrowMain}>
        <Pane name={pane} key={pane}>
          {shown[pane]()}
        </Pane>
      </main>
      {pane === 'canvas' || pane === 'inspector' ? (
        <section className={styles.narrowControls} aria-label="Play controls">
          <NowLine />
          <div className={timeline.controls}>
            <Transport />
            <Scrubber />
          </div>
        </section>
      ) : null}
      <nav className={styles.tabBar} aria-label="Panes">
        {tabs.map(([name, label, icon]) => (
          <button key={name} type="button" aria-current={pane === name ? 'page' : undefined} onClick={() => session.setState({ pane: name })}>
            <Icon name={icon} size={20} />
            {label}
          </button>
        ))}
      </nav>
    </>
  );
}
