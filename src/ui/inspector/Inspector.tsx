/** The right-hand pane: the hop at the playhead, or the selected box. */
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import { HopPanel } from './HopPanel.tsx';
import styles from './Inspector.module.css';
import { SelectionPanel } from './SelectionPanel.tsx';

const nameOf = (text: string) => text.split('/').at(-1) ?? text;

export function Inspector() {
  const { session } = usePlayground();
  const inspecting = useSession((state) => state.inspecting);
  const selection = useSession((state) => state.selection);
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
      </div>
      <ScrollRegion className={styles.content} label={inspecting === 'hop' ? 'The hop at the playhead' : `About ${label}`}>
        {inspecting === 'hop' ? <HopPanel /> : <SelectionPanel />}
      </ScrollRegion>
    </section>
  );
}
