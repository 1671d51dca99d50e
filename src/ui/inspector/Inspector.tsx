/** The right-hand pane: the hop at the playhead, the selected box, or who reaches whom. */
import { lazy, Suspense } from 'react';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { Settled } from '../shell/Settled.tsx';
import { useDocument, usePlayground, useSession } from '../state/context.ts';
import styles from './Inspector.module.css';

const HopPanel = lazy(() => import('./HopPanel.tsx').then((module) => ({ default: module.HopPanel })));
const SelectionPanel = lazy(() => import('./SelectionPanel.tsx').then((module) => ({ default: module.SelectionPanel })));
const WhyPanel = lazy(() => import('../why/WhyPanel.tsx').then((module) => ({ default: module.WhyPanel })));
const ExpectationsBadge = lazy(() => import('../why/ExpectationsBadge.tsx').then((module) => ({ default: module.ExpectationsBadge })));
const isExpectation = /^\s*kind:\s*["']?Expectation\b/m;

const nameOf = (text: string) => text.split('/').at(-1) ?? text;

export function Inspector() {
  const { session } = usePlayground();
  const inspecting = useSession((state) => state.inspecting);
  const selection = useSession((state) => state.selection);
  const expects = useDocument((document) => document.texts.some((file) => isExpectation.test(file.text)));
  const label =
    selection === undefined
      ? 'Box'
      : nameOf(selection.kind === 'object' ? selection.key : selection.id.replace(/\/netns\/root$/, '').replace(/\.[a-z0-9-]+$/, ''));
  return (
    <section className={styles.inspector} aria-label="Inspector">
      <div className={styles.switch} role="tablist" aria-label="Inspect">
        <button
          type="button"
          role="tab"
          aria-selected={inspecting === 'hop'}
          className={inspecting === 'hop' ? styles.switchOn : styles.switchOff}
          onClick={() => session.setState({ inspecting: 'hop' })}
        >
          Hop
        </button>
        <button
          type="button"
          role="tab"
          aria-selected={inspecting === 'selection'}
          className={inspecting === 'selection' ? styles.switchOn : styles.switchOff}
          onClick={() => session.setState({ inspecting: 'selection' })}
        >
          {label}
        </button>
        <button
          type="button"
          role="tab"
          aria-selected={inspecting === 'why'}
          className={inspecting === 'why' ? styles.switchOn : styles.switchOff}
          onClick={() => session.setState({ inspecting: 'why' })}
        >
          Why?
          {expects ? (
            <Suspense fallback={null}>
              <ExpectationsBadge />
            </Suspense>
          ) : null}
        </button>
      </div>
      <ScrollRegion
        className={styles.content}
        label={inspecting === 'hop' ? 'The hop at the playhead' : inspecting === 'why' ? 'Who reaches whom' : `About ${label}`}
      >
        <Settled>{inspecting === 'hop' ? <HopPanel /> : inspecting === 'selection' ? <SelectionPanel /> : <WhyPanel />}</Settled>
      </ScrollRegion>
    </section>
  );
}
