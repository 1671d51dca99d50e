/** What can be done to a box, added, or drawn: asked of the worker, shown as cards. */
import { useEffect, useState } from 'react';
import type { Action, ActionQuestion } from '../../../world/actions/action-views.ts';
import { useDocument, useMirror, usePlayground } from '../../state/context.ts';
import { ActionCard } from './ActionCard.tsx';
import styles from './Workbench.module.css';

export interface QuestionProps {
  readonly question: ActionQuestion;
  /** The first card shows its lines. */
  readonly open: boolean;
  readonly onDone: () => void;
}

export function Question({ question, open, onDone }: QuestionProps) {
  const playground = usePlayground();
  const hosts = useMirror((mirror) => mirror.topology).hosts.length;
  const services = useMirror((mirror) => mirror.topology.services);
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [answer, setAnswer] = useState<{ readonly actions: readonly Action[]; readonly of: readonly unknown[] } | undefined>(undefined);
  const [turn, setTurn] = useState(0);
  // What is offered follows the texts, the Services, and each command that was run from here.
  useEffect(() => {
    if (texts === undefined || hosts === 0) return;
    let gone = false;
    const show = (found: readonly Action[]) => {
      if (!gone) setAnswer({ actions: found, of: [services, turn] });
    };
    playground.client
      .call('actions', question)
      .then(show)
      .catch(() => show([]));
    return () => {
      gone = true;
    };
  }, [playground, question, services, hosts, texts, turn]);
  const actions = answer?.actions;
  if (actions === undefined) return <p className={styles.hint}>Looking …</p>;
  if (actions.length === 0) return <p className={styles.hint}>Nothing can be changed here: no text of yours stands behind it.</p>;
  return actions.map((action, index) => (
    <ActionCard
      key={action.title}
      action={action}
      open={open && index === 0}
      onApplied={() => {
        setTurn((now) => now + 1);
        onDone();
      }}
    />
  ));
}
