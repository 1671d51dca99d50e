/** Asks the world a question, again after each change, and keeps what it answered before the change that made a difference. */
import { useEffect, useState } from 'react';
import type { Fix, ReachAnswer, ReachQuestion } from '../../world/reach/reach-views.ts';
import { usePlayground } from '../state/context.ts';
import { rowKey, sameQuestion } from './ends.ts';
import { useWorldKey } from './use-world-key.ts';

export interface AnswerState {
  readonly asked: ReachQuestion;
  readonly answer: ReachAnswer;
  /** The last answer to this question that was another one. */
  readonly before: ReachAnswer | undefined;
  /** Undefined while they are looked for. */
  readonly fixes: readonly Fix[] | undefined;
}

const outcomes = (answer: ReachAnswer): string => answer.rows.map((row) => `${rowKey(row)} ${row.result.outcome}`).join('\n');

export function useAnswer(question: ReachQuestion | undefined): { readonly state: AnswerState | undefined; readonly busy: boolean; readonly problem: string } {
  const { client } = usePlayground();
  const world = useWorldKey();
  const [state, setState] = useState<AnswerState | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    void world;
    if (question === undefined || question.from === '' || question.to === '') return;
    let alive = true;
    setBusy(true);
    const ask = async () => {
      const answer = await client.call('ask', question);
      if (!alive) return;
      setProblem('');
      setState((old) => {
        const same = old !== undefined && sameQuestion(old.asked, question);
        const before = !same ? undefined : outcomes(old.answer) === outcomes(answer) ? old.before : old.answer;
        return { asked: question, answer, before, fixes: answer.reached ? [] : undefined };
      });
      setBusy(false);
      if (answer.reached) return;
      const fixes = await client.call('fixes', question);
      if (alive) setState((old) => (old === undefined || old.answer !== answer ? old : { ...old, fixes }));
    };
    ask().catch((error: unknown) => {
      if (!alive) return;
      setBusy(false);
      setProblem(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
    });
    return () => {
      alive = false;
    };
  }, [client, question, world]);
  return { state: state !== undefined && sameQuestion(state.asked, question) ? state : undefined, busy, problem };
}
