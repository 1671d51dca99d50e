/** The Gateway API in its three roles, and the Ingresses of the document said again in its words. */
import type { Role } from '../../../world/actions/action-views.ts';
import { ActionCard } from '../../canvas/workbench/ActionCard.tsx';
import { Dialog } from '../../shell/Dialog.tsx';
import styles from './dialogs.module.css';
import { useActions } from './use-actions.ts';

const ROLES: readonly (readonly [Role, string, string])[] = [
  ['provider', 'Infrastructure provider', 'says which program makes Gateways: GatewayClass'],
  ['operator', 'Cluster operator', 'opens doors, and says who may use them: Gateway, ListenerSet, ReferenceGrant'],
  ['developer', 'Application developer', 'says where requests go: HTTPRoute and the other routes'],
];

export function WaysInDialog({ onClose }: { readonly onClose: () => void }) {
  const actions = useActions('ways-in') ?? [];
  const conversions = actions.filter(({ edit }) => edit !== undefined);
  return (
    <Dialog title="Ingress and Gateway API" onClose={onClose} wide>
      <ul className={styles.ways}>
        {ROLES.map(([role, name, does]) => (
          <li key={role}>
            <p className={styles.now}>
              <b>{name}</b>
            </p>
            <p className={styles.does}>{does}.</p>
            <ul className={styles.layer}>
              {actions
                .filter((action) => action.role === role)
                .map((action) => (
                  <li key={action.title}>
                    <code>{action.title}</code> <span>{action.because}</span>
                  </li>
                ))}
            </ul>
          </li>
        ))}
        {conversions.map((action) => (
          <li key={action.title}>
            <ActionCard action={action} open={false} onApplied={onClose} told />
          </li>
        ))}
        {conversions.length === 0 ? (
          <li>
            <p className={styles.does}>There is no Ingress to say in the words of the Gateway API.</p>
          </li>
        ) : null}
      </ul>
    </Dialog>
  );
}
