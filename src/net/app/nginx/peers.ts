/** Whom an upstream's next request goes to. nginx: src/http/ngx_http_upstream_round_robin.c. */
import { formatEndpoint } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import type { NginxPlan } from './plan.ts';
import type { NginxState, PeerState } from './state.ts';

export interface Peer {
  readonly name: string;
  readonly ip: Ip;
  readonly port: number;
  readonly weight: number;
  readonly backup: boolean;
  readonly maxFails: number;
  readonly failNs: number;
}

/** An upstream's servers, one for each address of a name; a name that stands in proxy_pass is an upstream of its own. */
export function peersOf(plan: NginxPlan, state: NginxState, upstream: string): readonly Peer[] {
  const known = plan.upstreams.get(upstream);
  const at = upstream.lastIndexOf(':');
  const servers = known ?? [{ host: upstream.slice(0, at), port: Number(upstream.slice(at + 1)), weight: 1, backup: false, maxFails: 1, failSeconds: 10 }];
  return servers.flatMap(({ host, port, weight, backup, maxFails, failSeconds }) =>
    (state.addresses.get(host) ?? []).map((ip) => ({ name: formatEndpoint(ip, port), ip, port, weight, backup, maxFails, failNs: failSeconds * 1e9 })),
  );
}

const stateOf = (state: NginxState, upstream: string, peer: Peer): PeerState => {
  const key = `${upstream} ${peer.name}`;
  let known = state.peers.get(key);
  if (known === undefined) {
    known = { current: 0, fails: 0, failedNs: -1 };
    state.peers.set(key, known);
  }
  return known;
};

/** Smooth weighted round robin among those that are not tried, nor out for their failures; backups only where nobody else is left. */
export function choosePeer(state: NginxState, upstream: string, peers: readonly Peer[], tried: readonly string[], nowNs: number): Peer | undefined {
  // A single peer is never out.
  const alone = peers.length === 1;
  for (const backup of [false, true]) {
    let total = 0;
    let best: { readonly peer: Peer; readonly of: PeerState } | undefined;
    for (const peer of peers) {
      if (peer.backup !== backup || tried.includes(peer.name)) continue;
      const of = stateOf(state, upstream, peer);
      const isOut = !alone && peer.maxFails > 0 && of.fails >= peer.maxFails && nowNs - of.failedNs <= peer.failNs;
      if (isOut) continue;
      of.current += peer.weight;
      total += peer.weight;
      if (best === undefined || of.current > best.of.current) best = { peer, of };
    }
    if (best !== undefined) {
      best.of.current -= total;
      return best.peer;
    }
  }
  return undefined;
}

export function peerFailed(state: NginxState, upstream: string, peer: Peer, nowNs: number): void {
  const of = stateOf(state, upstream, peer);
  of.fails += 1;
  of.failedNs = nowNs;
}

export function peerAnswered(state: NginxState, upstream: string, peer: Peer): void {
  stateOf(state, upstream, peer).fails = 0;
}
