/** The layout of a desktop: editor or lesson, canvas, inspector; below them timeline and terminal. All borders can be dragged, and the side panes closed. */
import { type ReactNode, useEffect, useRef } from 'react';
import { Group, type Layout, Panel, Separator, usePanelRef } from 'react-resizable-panels';
import { Editor } from '../editor/Editor.tsx';
import { Inspector } from '../inspector/Inspector.tsx';
import { usePlayground } from '../state/context.ts';
import { Terminal } from '../terminal/Terminal.tsx';
import { Timeline } from '../timeline/Timeline.tsx';
import { CanvasPane } from './CanvasPane.tsx';
import { Pane } from './Pane.tsx';
import styles from './Shell.module.css';

/** The stored sizes of a group, if they name exactly its panels. */
function useSizes(group: string, panels: readonly string[], remember = true) {
  const playground = usePlayground();
  const stored = playground.session.getState().panelSizes[group];
  const fits = stored !== undefined && panels.every((panel) => typeof stored[panel] === 'number') && Object.keys(stored).length === panels.length;
  return {
    ...(fits ? { defaultLayout: { ...stored } } : {}),
    onLayoutChanged: (layout: Layout) => {
      if (!remember) return;
      playground.session.setState((session) => ({ panelSizes: { ...session.panelSizes, [group]: { ...layout } } }));
      void playground.savePreferences();
    },
  };
}

/** Text to be read needs more room than YAML; what the reader had in Play comes back with Play. */
const LESSON_WIDTH = 400;

function useLeftWidth(learning: boolean) {
  const panel = usePanelRef();
  const playWidth = useRef<number | undefined>(undefined);
  useEffect(() => {
    const width = panel.current?.getSize().inPixels;
    if (width === undefined) return;
    if (learning && width < LESSON_WIDTH) {
      playWidth.current = width;
      panel.current?.resize(LESSON_WIDTH);
    } else if (!learning && playWidth.current !== undefined) {
      panel.current?.resize(playWidth.current);
      playWidth.current = undefined;
    }
  }, [panel, learning]);
  return panel;
}

export function Wide({ lesson }: { readonly lesson: ReactNode | undefined }) {
  const rows = useSizes('columns', ['upper', 'lower']);
  const middle = useSizes('middle', ['left', 'canvas', 'right'], lesson === undefined);
  const bottom = useSizes('bottom', ['timeline', 'terminal']);
  const left = useLeftWidth(lesson !== undefined);
  return (
    <Group orientation="vertical" className={styles.grow} {...rows}>
      <Panel id="upper" minSize="30%">
        <Group orientation="horizontal" {...middle}>
          <Panel id="left" panelRef={left} defaultSize={300} minSize={180} collapsible groupResizeBehavior="preserve-pixel-size">
            <Pane name={lesson === undefined ? 'editor' : 'lesson'}>{lesson ?? <Editor />}</Pane>
          </Panel>
          <Separator className={styles.columnSeparator} aria-label="Width of the left pane" />
          <Panel id="canvas" minSize="25%">
            <Pane name="canvas">
              <CanvasPane />
            </Pane>
          </Panel>
          <Separator className={styles.columnSeparator} aria-label="Width of the inspector" />
          <Panel id="right" defaultSize={310} minSize={200} collapsible groupResizeBehavior="preserve-pixel-size">
            <Pane name="inspector">
              <Inspector />
            </Pane>
          </Panel>
        </Group>
      </Panel>
      <Separator className={styles.rowSeparator} aria-label="Height of the lower panes" />
      <Panel id="lower" defaultSize={210} minSize={110} collapsible groupResizeBehavior="preserve-pixel-size">
        <Group orientation="horizontal" {...bottom}>
          <Panel id="timeline" minSize="25%">
            <Pane name="timeline">
              <Timeline />
            </Pane>
          </Panel>
          <Separator className={styles.columnSeparator} aria-label="Width of the terminal" />
          <Panel id="terminal" defaultSize={500} minSize={200} collapsible groupResizeBehavior="preserve-pixel-size">
            <Pane name="terminal">
              <Terminal />
            </Pane>
          </Panel>
        </Group>
      </Panel>
    </Group>
  );
}
