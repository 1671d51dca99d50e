/** The actions that answer a question about the texts as they were last applied; undefined until they are known. */
import { useEffect, useState } from 'react';
import type { Action, ActionQuestion } from '../../../world/actions/action-views.ts';
import { useDocument, usePlayground } from '../../state/context.ts';

export function useActions(kind: Extract<ActionQuestion['kind'], 'network' | 'ways-in'>): readonly Action[] | undefined {
  const playground = usePlayground();
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [actions, setActions] = useState<readonly Action[] | undefined>(undefined);
  useEffect(() => {
    if (texts === undefined) return;
    let alive = true;
    const show = (found: readonly Action[]) => {
      if (alive) setActions(found);
    };
    playground.client
      .call('actions', { kind })
      .then(show)
      .catch(() => show([]));
    return () => {
      alive = false;
    };
  }, [playground, texts, kind]);
  return actions;
}
