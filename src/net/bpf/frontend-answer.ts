/** What answers through a frontend at this host's card look like to its client. Cilium: bpf/lib/nodeport.h, nodeport_rev_dnat_ipv4 */
import { ipBytes } from '../wire/lengths.ts';
import { reversedTuple, touch, tupleOf } from './bpf-conntrack.ts';
import { rewrite, type TcRun } from './tc-actions.ts';

/** The source becomes the frontend that the client spoke to. */
export function restoreFrontend(run: TcRun): boolean {
  const { packet, core, hook } = run;
  const tuple = tupleOf(packet);
  if (tuple === undefined) return false;
  const entry = hook.state.conntrack.find('OUT', reversedTuple(tuple), core.nowNs);
  if (entry === undefined || !entry.nodePort) return false;
  touch(entry, true, packet.tcp?.flags ?? 0, ipBytes(packet) + 14, core.nowNs);
  rewrite(run, 'source', entry.serviceIp, entry.servicePort, 'un-DNAT');
  return true;
}
