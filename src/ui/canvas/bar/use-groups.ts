/** Groups of pods: the layout follows the choice, a click opens a folded box, a double click folds or opens a room. */
import { useEffect } from 'react';
import { usePlayground, useSession } from '../../state/context.ts';
import type { SessionStore } from '../../state/session.ts';
import type { CanvasTools } from '../contract.ts';
import { groupOfItem, PodGroups } from '../group/grouping.ts';

export function toggleFold(session: SessionStore, group: string): void {
  session.setState(({ grouping }) => ({
    grouping: { ...grouping, folded: grouping.folded.includes(group) ? grouping.folded.filter((one) => one !== group) : [...grouping.folded, group] },
  }));
}

export function useGroups(tools: CanvasTools): void {
  const { session } = usePlayground();
  const grouping = useSession((state) => state.grouping);
  useEffect(() => {
    session.setState(({ arrangement }) => ({
      arrangement:
        grouping.by === 'node' && grouping.folded.length === 0
          ? undefined
          : new PodGroups(grouping, arrangement instanceof PodGroups ? arrangement : undefined),
    }));
  }, [session, grouping]);
  useEffect(() => {
    const { frame } = tools;
    if (frame === null) return;
    const fold = (event: MouseEvent) => {
      if (!(event.target instanceof Element) || event.target.closest('.react-flow') === null) return;
      const item = tools.itemAt(event);
      const group = item === undefined ? undefined : groupOfItem(item.id, session.getState().grouping.by, item.kind);
      if (item !== undefined && group !== undefined && (item.kind === 'fold') === (event.type === 'click')) toggleFold(session, group);
    };
    const keys = (event: KeyboardEvent) => {
      const item = tools.current;
      if (event.key !== 'Enter' || item?.kind !== 'fold' || !(event.target instanceof Element) || event.target.closest('[role="tree"]') === null) return;
      const group = groupOfItem(item.id, session.getState().grouping.by, item.kind);
      if (group !== undefined) toggleFold(session, group);
    };
    frame.addEventListener('click', fold);
    frame.addEventListener('dblclick', fold);
    frame.addEventListener('keydown', keys);
    return () => {
      frame.removeEventListener('click', fold);
      frame.removeEventListener('dblclick', fold);
      frame.removeEventListener('keydown', keys);
    };
  }, [tools, session]);
}
