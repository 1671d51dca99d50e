/** By what pods stand together, and which groups are folded. */
import { useMemo } from 'react';
import { useBoxes, usePlayground, useSession } from '../../state/context.ts';
import type { Grouping } from '../../state/session.ts';
import { groupOf } from '../group/grouping.ts';
import styles from './CanvasBar.module.css';
import { Sheet } from './Sheet.tsx';

const MAX_LISTED = 60;
const MAX_KEYS = 24;

/** Keys of labels by the number of pods that have them; those of a single value tell nothing apart. */
function labelKeys(pods: readonly { readonly labels: Readonly<Record<string, string>> }[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { labels } of pods) for (const key of Object.keys(labels)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, MAX_KEYS)
    .map(([key]) => key);
}

export function GroupsSheet({ onClose }: { readonly onClose: () => void }) {
  const { session } = usePlayground();
  const grouping = useSession((state) => state.grouping);
  const boxes = useBoxes();
  const pods = useMemo(() => boxes.netnses.filter((one) => one.type === 'pod'), [boxes]);
  const keys = useMemo(() => labelKeys(pods), [pods]);
  const groups = useMemo(() => {
    const counts = new Map<string, number>();
    for (const pod of pods) counts.set(groupOf(pod, grouping), (counts.get(groupOf(pod, grouping)) ?? 0) + 1);
    return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }, [pods, grouping]);
  const set = (next: Partial<Grouping>) => session.setState({ grouping: { ...grouping, ...next } });
  const by = (value: Grouping['by']) => set({ by: value, folded: [], key: value === 'label' ? (grouping.key === '' ? (keys[0] ?? '') : grouping.key) : '' });
  return (
    <Sheet label="Groups" onClose={onClose}>
      <fieldset className={styles.list}>
        <legend>Pods stand together by</legend>
        {(
          [
            ['node', 'Node, where they run'],
            ['namespace', 'Namespace'],
            ['label', 'Label'],
          ] as const
        ).map(([value, label]) => (
          <label key={value} className={styles.check}>
            <input type="radio" name="group-by" checked={grouping.by === value} disabled={value === 'label' && keys.length === 0} onChange={() => by(value)} />
            {label}
            {value === 'label' && grouping.by === 'label' ? (
              <select aria-label="Key of the label" value={grouping.key} onChange={(event) => set({ key: event.target.value, folded: [] })}>
                {keys.map((key) => (
                  <option key={key}>{key}</option>
                ))}
              </select>
            ) : null}
          </label>
        ))}
      </fieldset>
      <div className={styles.row}>
        <button type="button" className={styles.plain} onClick={() => set({ folded: groups.map(([group]) => group) })}>
          Fold all
        </button>
        <button type="button" className={styles.plain} onClick={() => set({ folded: [] })}>
          Unfold all
        </button>
      </div>
      <fieldset className={styles.list}>
        <legend>Unfolded</legend>
        {groups.slice(0, MAX_LISTED).map(([group, count]) => (
          <label key={group} className={styles.check}>
            <input
              type="checkbox"
              checked={!grouping.folded.includes(group)}
              onChange={(event) => set({ folded: event.target.checked ? grouping.folded.filter((one) => one !== group) : [...grouping.folded, group] })}
            />
            <span className={styles.name}>{group}</span>
            <span>
              {count} {count === 1 ? 'pod' : 'pods'}
            </span>
          </label>
        ))}
      </fieldset>
      {groups.length > MAX_LISTED ? <p className={styles.note}>and {groups.length - MAX_LISTED} more</p> : null}
      <p className={styles.note}>A double click on a room folds it; a click on a folded box opens it.</p>
    </Sheet>
  );
}
