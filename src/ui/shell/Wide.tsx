/** The layout of a desktop: editor or lesson, canvas, inspector; below them timeline and terminal. All borders can be dragged, and the side panes closed. */
import { type ReactNode, useState } from 'react';
import { Editor } from '../editor/Editor.tsx';
import { Inspector } from '../inspector/Inspector.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import { Terminal } from '../terminal/Terminal.tsx';
import { Timeline } from '../timeline/Timeline.tsx';
import { CanvasPane } from './CanvasPane.tsx';
import { Pane } from './Pane.tsx';
import { Beside } from './Settled.tsx';
import { Split } from './Split.tsx';

/** Pixels of each side pane where nothing is stored, and the least of them. */
const usual = {
  left: { usualPx: 300, minPx: 180 },
  right: { usualPx: 310, minPx: 200 },
  lower: { usualPx: 210, minPx: 110 },
  terminal: { usualPx: 500, minPx: 200 },
} as const;
type SideName = keyof typeof usual;

/** Text to be read needs more room than YAML; what the reader had in Play comes back with Play. */
const LESSON_WIDTH = 400;

export function Wide({ lesson }: { readonly lesson: ReactNode | undefined }) {
  const playground = usePlayground();
  const sizes = useSession((session) => session.panelSizes.panes);
  const [lessonPx, setLessonPx] = useState<number | undefined>(undefined);
  const side = (name: SideName, label: string, content: ReactNode) => ({
    ...usual[name],
    label,
    content,
    sizePx: sizes?.[name] ?? usual[name].usualPx,
    onSize: (sizePx: number) => {
      playground.session.setState(({ panelSizes }) => ({ panelSizes: { ...panelSizes, panes: { ...panelSizes.panes, [name]: sizePx } } }));
      void playground.savePreferences();
    },
  });
  const left = side(
    'left',
    'Width of the left pane',
    <Pane name={lesson === undefined ? 'editor' : 'lesson'}>
      {lesson ?? (
        <Beside>
          <Editor />
        </Beside>
      )}
    </Pane>,
  );
  const terminal = side(
    'terminal',
    'Width of the terminal',
    <Pane name="terminal">
      <Beside>
        <Terminal />
      </Beside>
    </Pane>,
  );
  const lower = side(
    'lower',
    'Height of the lower panes',
    <Split direction="row" minPercent={25} after={terminal}>
      <Pane name="timeline">
        <Beside>
          <Timeline />
        </Beside>
      </Pane>
    </Split>,
  );
  const right = side(
    'right',
    'Width of the inspector',
    <Pane name="inspector">
      <Beside>
        <Inspector />
      </Beside>
    </Pane>,
  );
  return (
    <Split direction="column" minPercent={30} after={lower}>
      <Split
        direction="row"
        minPercent={25}
        before={lesson === undefined ? left : { ...left, sizePx: lessonPx ?? Math.max(left.sizePx, LESSON_WIDTH), onSize: setLessonPx }}
        after={right}
      >
        <Pane name="canvas">
          <CanvasPane />
        </Pane>
      </Split>
    </Split>
  );
}
