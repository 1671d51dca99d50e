/** Policy at an endpoint, packet by packet: what begins or goes on in its direction must be allowed, answers and errors about it may pass. Cilium: bpf/bpf_lxc.c, policy_can_egress4, policy_can_ingress4 */
import type { Origin } from '../../base/origin.ts';
import { ip4 } from '../addr/ip4.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP } from '../wire/packet.ts';
import type { Tuple } from './bpf-conntrack.ts';
import type { BpfPolicyEntry } from './bpf-records.ts';
import type { EndpointState } from './bpf-state.ts';
import { portProtoText } from './bpf-words.ts';
import { matchesName } from './l7-rules.ts';
import type { PolicyMap, PolicyVerdict } from './policy-map.ts';
import { drop, note, type TcRun } from './tc-actions.ts';

/** What an endpoint that reaches itself through a service seems to be (service-loopback-ipv4); no policy asks whether somebody may talk to itself. */
export const SERVICE_LOOPBACK = ip4('169.254.42.1');

const ICMP_UNREACHABLE = 3;
const ICMP_FRAG_NEEDED = 4;

/** Undefined: dropped. Else the entry that allowed it, where one was asked. `fresh`: the connection table does not know it yet, so the verdict is told. */
export function enforce(
  run: TcRun,
  way: 'ingress' | 'egress',
  endpoint: EndpointState,
  peer: number,
  tuple: Tuple,
  fresh: boolean,
): { readonly entry: BpfPolicyEntry | undefined } | undefined {
  const { packet, hook } = run;
  const map = hook.state.policyOf(endpoint.ip);
  if (map === undefined) return { entry: undefined };
  const icmp = packet.icmp;
  // Who is told that its packets are too large must hear it whatever policies say.
  if (tuple.protocol === IP_PROTO_ICMP && icmp?.type === ICMP_UNREACHABLE && icmp.code === ICMP_FRAG_NEEDED) return { entry: undefined };
  const port = tuple.protocol === IP_PROTO_ICMP ? (icmp?.type ?? 0) : tuple.dport;
  const egress = way === 'egress';
  const verdict = check(run, map, egress, peer, tuple, port, fresh);
  const enforced = egress ? map.record.enforcesEgress : map.record.enforcesIngress;
  const direction = way.toUpperCase();
  const origin: Origin = verdict.entry?.origin ?? map.record.origin;
  if (verdict.allowed) {
    const proxied = (verdict.entry?.proxyPort ?? 0) !== 0;
    if (fresh && (enforced || proxied))
      note(run, `policy-verdict:${verdict.match} ${direction} ${proxied ? 'REDIRECTED' : 'ALLOWED'}`, allowedText(map, verdict, egress, peer), origin);
    return { entry: verdict.entry };
  }
  note(run, `policy-verdict:${verdict.match} ${direction} DENIED`, deniedText(map, verdict, egress, peer, tuple, port), origin);
  drop(
    run,
    verdict.denied ? 'Policy denied by denylist' : 'Policy denied',
    `${way} ${egress ? 'from' : 'to'} endpoint ${map.record.endpointId} (identity ${endpoint.record.identity}), peer ${identityText(peer)}, ${portText(tuple, port)}`,
  );
  return undefined;
}

/** The peer's identity, and where its address has been learned from an answer of a name server, those of the names. */
function check(run: TcRun, map: PolicyMap, egress: boolean, peer: number, tuple: Tuple, port: number, fresh: boolean): PolicyVerdict {
  const { hook, core, packet } = run;
  const bytes = ipBytes(packet) + 14;
  const verdict = map.check(egress, peer, tuple.protocol, port, bytes);
  if (!egress || verdict.entry !== undefined) return verdict;
  // What goes on may go on when the name's answer is out of date: the agent keeps it while connections use it.
  const names = hook.state.names.namesOf(tuple.dst, fresh ? core.nowNs : 0);
  if (names.length === 0) return verdict;
  for (const { fqdn, identity } of map.record.entries) {
    if (fqdn === undefined || !names.some((name) => matchesName(fqdn, name))) continue;
    const byName = map.check(true, identity, tuple.protocol, port, bytes);
    if (byName.entry !== undefined) return byName;
  }
  return verdict;
}

const RESERVED: Readonly<Record<number, string>> = { 1: 'host', 2: 'world', 6: 'remote-node', 7: 'kube-apiserver' };
const identityText = (identity: number): string => `identity ${identity}${RESERVED[identity] === undefined ? '' : ` (${RESERVED[identity]})`}`;

const portText = (tuple: Tuple, port: number): string =>
  tuple.protocol === IP_PROTO_ICMP
    ? `ICMP type ${port}`
    : `${port}/${tuple.protocol === 6 ? 'TCP' : tuple.protocol === 17 ? 'UDP' : tuple.protocol === 132 ? 'SCTP' : tuple.protocol}`;

const mapName = (map: PolicyMap): string => `cilium_policy_v2_${String(map.record.endpointId).padStart(5, '0')}`;

function allowedText(map: PolicyMap, verdict: PolicyVerdict, egress: boolean, peer: number): string {
  const { entry } = verdict;
  if (entry === undefined) return '';
  const who = entry.identity === 0 ? 'anybody' : `identity ${entry.identity}`;
  const where = entry.proxyPort === 0 ? '' : `; what it says is read by the proxy at port ${entry.proxyPort}`;
  return `${mapName(map)} allows ${egress ? 'sending to' : 'receiving from'} ${who} on ${portProtoText(entry)} (the peer is ${identityText(peer)})${where}`;
}

function deniedText(map: PolicyMap, verdict: PolicyVerdict, egress: boolean, peer: number, tuple: Tuple, port: number): string {
  const what = `${egress ? 'sending to' : 'receiving from'} ${identityText(peer)} on ${portText(tuple, port)}`;
  return verdict.entry === undefined
    ? `${mapName(map)} has no entry that allows ${what}, and a policy selects the endpoint, so that everything else is denied`
    : `${mapName(map)} denies ${what} by the entry for ${verdict.entry.identity === 0 ? 'anybody' : `identity ${verdict.entry.identity}`} on ${portProtoText(verdict.entry)}`;
}
