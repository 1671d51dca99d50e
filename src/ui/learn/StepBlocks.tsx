/** The blocks of a step: text, a prediction before a run, the run, checks and hints. The same in Learn and in Present. */

import styles from './Learn.module.css';
import type { LessonBlock } from './lesson.ts';
import { Markdown } from './Markdown.tsx';
import type { LessonPlayer } from './use-lesson.ts';

type BlockOf<K extends LessonBlock['kind']> = Extract<LessonBlock, { kind: K }>;

function Predict({
  block,
  chosen,
  onChoose,
}: {
  readonly block: BlockOf<'predict'>;
  readonly chosen: number | undefined;
  readonly onChoose: (choice: number) => void;
}) {
  return (
    <fieldset className={styles.predict}>
      <legend>
        <span className={styles.kicker}>Before you run it</span> {block.question}
      </legend>
      {block.choices.map((choice, index) => {
        const verdict = chosen === undefined ? undefined : index === block.answer ? 'right' : index === chosen ? 'wrong' : undefined;
        return (
          <button key={choice} type="button" className={styles.choice} data-verdict={verdict} aria-pressed={chosen === index} onClick={() => onChoose(index)}>
            <span>{String.fromCharCode(65 + index)}</span>
            {choice}
            {verdict === undefined ? null : <strong>{verdict === 'right' ? ' ✓' : ' ✕'}</strong>}
          </button>
        );
      })}
      {chosen === undefined ? null : (
        <div className={styles.because} role="status">
          <Markdown text={`${chosen === block.answer ? '**Right.** ' : '**Not quite.** '}${block.because}`} />
        </div>
      )}
    </fieldset>
  );
}

function Run({ block, done, busy, onRun }: { readonly block: BlockOf<'run'>; readonly done: boolean; readonly busy: boolean; readonly onRun: () => void }) {
  return (
    <div className={styles.run}>
      <pre className={styles.commands}>
        {block.lines.map((line) => (
          <code key={line} className={styles.line}>
            {line}
          </code>
        ))}
      </pre>
      <button type="button" className={styles.primary} disabled={busy} onClick={onRun}>
        {done ? 'Run again' : 'Run'}
      </button>
    </div>
  );
}

function Check({ block, player, index }: { readonly block: BlockOf<'check'>; readonly player: LessonPlayer; readonly index: number }) {
  const results = player.results.get(`${player.index}.${index}`);
  const passed = results?.every((result) => result.passed) === true;
  return (
    <div className={styles.check} data-passed={passed}>
      <ul>
        {block.checks.map((check, at) => {
          const result = results?.[at];
          return (
            <li key={check.says} data-state={result === undefined ? 'open' : result.passed ? 'passed' : 'failed'}>
              {check.says}
              {result !== undefined && !result.passed ? (
                <pre className={styles.output}>{`$ ${check.run}\n${result.output === '' ? '(no output)' : result.output.slice(0, 1_000)}`}</pre>
              ) : null}
            </li>
          );
        })}
      </ul>
      <button type="button" className={styles.primary} disabled={player.busy} onClick={() => void player.check(index, block.checks)}>
        {player.busy ? 'Looking …' : 'Check'}
      </button>
      <span role="status">{results === undefined ? '' : passed ? 'That is it.' : 'Not yet.'}</span>
    </div>
  );
}

export function StepBlocks({ player }: { readonly player: LessonPlayer }) {
  const { step, index } = player;
  const one = (block: LessonBlock, at: number) => {
    const key = `${index}.${at}`;
    switch (block.kind) {
      case 'text':
        return <Markdown key={key} text={block.markdown} />;
      case 'predict':
        return <Predict key={key} block={block} chosen={player.predictions.get(key)} onChoose={(choice) => player.predict(at, choice)} />;
      case 'run':
        return <Run key={key} block={block} done={player.ran.has(key)} busy={player.busy} onRun={() => void player.run(at, block.lines)} />;
      case 'check':
        return <Check key={key} block={block} player={player} index={at} />;
      case 'hint':
        return (
          <details key={key} className={styles.hint}>
            <summary>Hint</summary>
            <Markdown text={block.markdown} />
          </details>
        );
    }
  };
  return step?.blocks.map(one);
}
