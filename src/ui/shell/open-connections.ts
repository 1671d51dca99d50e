/** What becomes of open connections when policies change, in words. */
import type { OpenConnectionsOf } from '../../kube/policy/enforcement.ts';

const KEPT: Readonly<Record<string, string>> = {
  kindnetd: 'kindnetd judges the first packet of a connection, so what is open stays open (openConnections: Cut in a ControlPlane ends it)',
  calico: 'Calico accepts what is established before it asks a policy, so what is open stays open (openConnections: Cut in a ControlPlane ends it)',
  'kube-network-policies': 'kube-network-policies judges the first packet of a connection, so what is open stays open (--strict-mode ends it)',
};
const CUT: Readonly<Record<string, string>> = {
  kindnetd: 'what kindnetd would no longer allow is cut, since a ControlPlane says openConnections: Cut',
  calico: 'what Calico would no longer allow is cut, since a ControlPlane says openConnections: Cut',
  'kube-network-policies':
    'kube-network-policies runs in strict mode: what it would no longer allow expires in the connection table, and its next packet is judged anew',
};
const JUDGED = 'Cilium judges every packet of the side that began, so a tighter policy ends open connections';

/** Empty where nobody enforces policies. */
export function openConnectionsText(open: readonly OpenConnectionsOf[]): string {
  const said = open.map(({ by, what }) => (what === 'judged' ? JUDGED : (what === 'cut' ? CUT : KEPT)[by]));
  return said.length === 0 ? '' : `When policies change: ${said.join('; ')}.`;
}
