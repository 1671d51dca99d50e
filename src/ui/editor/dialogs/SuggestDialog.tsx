/** NetworkPolicies that allow what was seen in the log and nothing else: for a namespace, or for pods like the selected one; each a previewed change of a text. */
import { useEffect, useMemo, useState } from 'react';
import type { Action } from '../../../world/actions/action-views.ts';
import { ActionCard } from '../../canvas/workbench/ActionCard.tsx';
import { Dialog } from '../../shell/Dialog.tsx';
import { Segmented } from '../../shell/Segmented.tsx';
import { useDocument, useMirror, usePlayground, useSession } from '../../state/context.ts';
import styles from './dialogs.module.css';

export function SuggestDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const { netnses } = useMirror((mirror) => mirror.topology);
  const selection = useSession((session) => session.selection);
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const pods = useMemo(() => netnses.filter((one) => one.type === 'pod' && one.objectKey !== undefined), [netnses]);
  const selected = pods.find(
    (one) => (selection?.kind === 'netns' && one.id === selection.id) || (selection?.kind === 'object' && one.objectKey === selection.key),
  );
  const namespaces = useMemo(() => [...new Set(pods.map((one) => one.namespace ?? 'default'))], [pods]);
  const [only, setOnly] = useState<'pod' | 'all'>(selected === undefined ? 'all' : 'pod');
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const fromKey = selection?.kind === 'object' && selection.key.startsWith('Namespace/') ? selection.key.slice('Namespace/'.length) : undefined;
  const namespace =
    chosen ?? selected?.namespace ?? fromKey ?? namespaces.find((one) => one !== 'kube-system' && one !== 'kube-flannel') ?? namespaces[0] ?? '';
  const pod = only === 'pod' ? selected?.id : undefined;
  const [actions, setActions] = useState<readonly Action[] | undefined>(undefined);
  useEffect(() => {
    if (texts === undefined || namespace === '') return;
    let alive = true;
    setActions(undefined);
    const show = (found: readonly Action[]) => {
      if (alive) setActions(found);
    };
    playground.client
      .call('actions', { kind: 'suggest', namespace, ...(pod === undefined ? {} : { pod }) })
      .then(show)
      .catch(() => show([]));
    return () => {
      alive = false;
    };
  }, [playground, texts, namespace, pod]);
  return (
    <Dialog title="Policies from what was seen" onClose={onClose} wide>
      <p className={styles.quiet}>
        Every connection that has arrived since the world began is allowed, by the labels that the pods’ owners give them; what was never seen is denied. Let
        the world do all it has to do before, or it will be cut off.
      </p>
      <div className={styles.scope}>
        {selected === undefined ? null : (
          <Segmented
            label="For whom"
            value={only}
            options={[
              ['pod', `Pods like ${selected.title}`],
              ['all', 'The whole namespace'],
            ]}
            onChange={setOnly}
          />
        )}
        {only === 'pod' ? null : (
          <label className={styles.choose}>
            Namespace
            <select value={namespace} onChange={(event) => setChosen(event.target.value)}>
              {namespaces.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      {actions === undefined ? (
        <p className={styles.quiet}>Reading the log …</p>
      ) : actions.length === 0 ? (
        <p className={styles.quiet}>No pod here has labels that a policy could name.</p>
      ) : (
        <ul className={styles.ways}>
          {actions.map((action, index) => (
            <li key={action.title}>
              <ActionCard action={action} open={index === 0} onApplied={onClose} told />
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
