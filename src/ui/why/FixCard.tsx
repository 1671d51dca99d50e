/** One change that would help: what it is, why this one, the lines of it, and a button that makes it; made, a button that takes it back. */
import type { Fix } from '../../world/reach/reach-views.ts';
import { useDocument, usePlayground } from '../state/context.ts';
import { Diff } from './Diff.tsx';
import { firstDifference } from './diff-lines.ts';
import styles from './Why.module.css';

/** A line for the first terminal, which stands on the control plane. */
const typed = ({ host, line }: { readonly host: string; readonly line: string }, at: string): string => (host === at ? line : `ssh ${host} ${line}`);

export interface FixCardProps {
  readonly fix: Fix;
  readonly made: boolean;
  readonly onMade: (fix: Fix, made: boolean) => void;
}

export function FixCard({ fix, made, onMade }: FixCardProps) {
  const playground = usePlayground();
  const writable = useDocument((document) => document.id !== '');
  const { edit, commands } = fix;
  const main =
    playground.mirror
      .getState()
      .sessions.find((one) => one.id === 'main')
      ?.netns.split('/')[0] ?? '';
  const apply = (from: string | null, to: string | null) => {
    if (edit === undefined) return false;
    const now = playground.document.getState().texts.find((one) => one.path === edit.file)?.text ?? null;
    if (now !== from) {
      playground.notify(`${edit.file} has changed since; the change was not made.`, 'problem');
      return false;
    }
    const problem = playground.edits.setText(edit.file, to);
    if (problem !== undefined) playground.notify(problem, 'problem');
    else if (to !== null) {
      const at = firstDifference(from ?? '', to);
      playground.revealPlace(edit.file, at, at);
    }
    return problem === undefined;
  };
  const run = async () => {
    onMade(fix, true);
    for (const one of commands ?? []) await playground.run('main', typed(one, main)).catch(() => undefined);
    playground.session.setState({ inspecting: 'why' });
  };
  return (
    <article className={styles.fixCard} aria-label={fix.title}>
      <h4>{commands === undefined ? fix.title : made ? 'Typed' : 'Type it'}</h4>
      <p>{fix.because}</p>
      {edit === undefined ? null : <Diff file={edit.file} before={edit.before ?? ''} after={edit.after} />}
      {commands === undefined ? null : (
        <pre className={styles.commands}>
          {commands.map((one) => (
            <span key={`${one.host} ${one.line}`} className={styles.diffLine}>
              <span className={styles.prompt}>{one.host}:~# </span>
              {one.line}
              {'\n'}
            </span>
          ))}
        </pre>
      )}
      {made ? null : <p className={styles.proof}>Tried on a copy of this world: it opens the way.</p>}
      <div className={styles.buttons}>
        {edit === undefined ? (
          <button type="button" className={styles.primary} disabled={made} onClick={() => void run()}>
            {made ? 'Typed' : 'Run in the terminal'}
          </button>
        ) : made ? (
          <button
            type="button"
            className={styles.secondary}
            onClick={() => {
              if (apply(edit.after, edit.before)) onMade(fix, false);
            }}
          >
            Undo
          </button>
        ) : (
          <button
            type="button"
            className={styles.primary}
            disabled={!writable}
            onClick={() => {
              if (apply(edit.before, edit.after)) onMade(fix, true);
            }}
          >
            Apply
          </button>
        )}
      </div>
    </article>
  );
}
