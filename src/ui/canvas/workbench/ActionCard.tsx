/** One change: what it does, the lines of it, a button that makes it and one that takes it back. */
import { useState } from 'react';
import type { Action } from '../../../world/actions/action-views.ts';
import { withKeys } from '../../shell/with-keys.ts';
import { usePlayground } from '../../state/context.ts';
import styles from './Workbench.module.css';

interface Line {
  readonly sign: '+' | '−' | ' ';
  readonly text: string;
}

/** The lines that differ, with one around them: a change of ours is one place. */
export function changedLines(before: string, after: string): readonly Line[] {
  const a = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const b = after.replace(/\n$/, '').split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const line = (sign: Line['sign']) => (text: string) => ({ sign, text });
  return [
    ...a.slice(Math.max(0, start - 1), start).map(line(' ')),
    ...a.slice(start, a.length - end).map(line('−')),
    ...b.slice(start, b.length - end).map(line('+')),
    ...a.slice(a.length - end, a.length - end + 1).map(line(' ')),
  ];
}

export function ActionCard({ action, open, onApplied }: { readonly action: Action; readonly open: boolean; readonly onApplied: () => void }) {
  const playground = usePlayground();
  const [shown, setShown] = useState(open);
  const { edit, commands, undo } = action;
  const [main = ''] =
    playground.mirror
      .getState()
      .sessions.find((one) => one.id === 'main')
      ?.netns.split('/') ?? [];
  const type = async (lines: NonNullable<Action['commands']>) => {
    for (const { host, line } of lines) await playground.run('main', host === main ? line : `ssh ${host} ${line}`).catch(() => undefined);
  };
  const apply = async () => {
    if (edit === undefined) {
      await type(commands ?? []);
      onApplied();
      playground.notify(`${action.title}: typed in the terminal.`, 'info', undo === undefined ? undefined : { label: 'Undo', act: () => void type(undo) });
      return;
    }
    const now = playground.document.getState().texts.find((one) => one.path === edit.file)?.text ?? null;
    if (now !== edit.before) {
      playground.notify(`${edit.file} has changed since; the change was not made.`, 'problem');
      return;
    }
    const problem = edit.before === null ? playground.edits.addFile(edit.file, edit.after) : playground.edits.setText(edit.file, edit.after);
    if (problem !== undefined) {
      playground.notify(problem, 'problem');
      return;
    }
    onApplied();
    let at = 0;
    while (at < (edit.before ?? '').length && edit.before?.[at] === edit.after[at]) at += 1;
    playground.revealPlace(edit.file, at, at);
    playground.notify(`${action.title}: written to ${edit.file}.`, 'info', {
      label: 'Undo',
      act: () => {
        if (playground.document.getState().texts.find((one) => one.path === edit.file)?.text !== edit.after)
          playground.notify(`${edit.file} has changed since; undo it in the editor.`, 'problem');
        else if (edit.before === null) playground.edits.removeFile(edit.file);
        else playground.edits.setText(edit.file, edit.before);
      },
    });
  };
  return (
    <article className={styles.card}>
      <div className={styles.row}>
        <button type="button" className={styles.title} aria-expanded={shown} onClick={() => setShown(!shown)}>
          {action.title}
        </button>
        <button type="button" className={styles.apply} aria-label={`${edit === undefined ? 'Run' : 'Apply'}: ${action.title}`} onClick={() => void apply()}>
          {edit === undefined ? 'Run' : 'Apply'}
        </button>
      </div>
      {shown ? (
        <>
          <p>{action.because}</p>
          <pre>
            {edit === undefined
              ? (commands ?? []).map(({ host, line }) => `${host}:~# ${line}\n`).join('')
              : withKeys(changedLines(edit.before ?? '', edit.after), (line) => `${line.sign} ${line.text}`).map(({ key, item }) => (
                  <span key={key} data-sign={item.sign}>
                    {item.sign} {item.text}
                    {'\n'}
                  </span>
                ))}
          </pre>
        </>
      ) : null}
    </article>
  );
}
