/** One change: what it does, the lines of it, a button that makes it and one that takes it back. */
import { useState } from 'react';
import type { Action } from '../../../world/actions/action-views.ts';
import { usePlayground, useSession } from '../../state/context.ts';
import { Diff } from '../../why/Diff.tsx';
import { firstDifference } from '../../why/diff-lines.ts';
import styles from './Workbench.module.css';

export interface ActionCardProps {
  readonly action: Action;
  /** Its lines are shown. */
  readonly open: boolean;
  readonly onApplied: () => void;
  /** What it does is said before somebody asks. */
  readonly told?: boolean;
}

export function ActionCard({ action, open, onApplied, told = false }: ActionCardProps) {
  const playground = usePlayground();
  const writable = useSession((session) => session.writable);
  const [shown, setShown] = useState(open);
  const { edit, commands, undo } = action;
  const type = async (lines: NonNullable<Action['commands']>) => {
    // The first terminal stands on one of the hosts; to the others it has to log in.
    const main = playground.mirror.getState().sessions.find((one) => one.id === 'main');
    const here = main?.netns.split('/')[0] ?? '';
    for (const { host, line } of lines) await playground.run('main', host === here ? line : `ssh ${host} ${line}`).catch(() => undefined);
  };
  const textNow = () => playground.document.getState().texts.find((one) => one.path === edit?.file)?.text ?? null;
  const apply = async () => {
    if (edit === undefined) {
      await type(commands ?? []);
      onApplied();
      playground.notify(`${action.title}: typed in the terminal.`, 'info', undo === undefined ? undefined : { label: 'Undo', act: () => void type(undo) });
      return;
    }
    const problem = textNow() === edit.before ? playground.edits.setText(edit.file, edit.after) : `${edit.file} has changed since; the change was not made.`;
    if (problem !== undefined) {
      playground.notify(problem, 'problem');
      return;
    }
    onApplied();
    const at = firstDifference(edit.before ?? '', edit.after);
    playground.revealPlace(edit.file, at, at);
    playground.notify(`${action.title}: written to ${edit.file}.`, 'info', {
      label: 'Undo',
      act: () => {
        if (textNow() !== edit.after) playground.notify(`${edit.file} has changed since; undo it in the editor.`, 'problem');
        else if (edit.before === null) playground.edits.removeFile(edit.file);
        else playground.edits.setText(edit.file, edit.before);
      },
    });
  };
  const verb = edit === undefined ? 'Run' : 'Apply';
  return (
    <article className={styles.card}>
      <div className={styles.row}>
        <button type="button" className={styles.title} aria-expanded={shown} onClick={() => setShown(!shown)}>
          {action.title}
        </button>
        <button type="button" className={styles.apply} aria-label={`${verb}: ${action.title}`} disabled={!writable} onClick={() => void apply()}>
          {verb}
        </button>
      </div>
      {shown || told ? <p>{action.because}</p> : null}
      {shown ? (
        edit === undefined ? (
          <pre>{(commands ?? []).map(({ host, line }) => `${host}:~# ${line}\n`).join('')}</pre>
        ) : (
          <Diff file={edit.file} before={edit.before ?? ''} after={edit.after} />
        )
      ) : null}
    </article>
  );
}
