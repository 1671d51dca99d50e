/** Sockets of datagrams whose backend has gone would send into the void for ever: the agent has the kernel destroy them. Cilium: pkg/loadbalancer/reconciler/termination.go, bpf/bpf_sock_term.c */
import { ip4 } from '../addr/ip4.ts';
import type { BpfService } from './bpf-records.ts';
import type { BpfState } from './bpf-state.ts';

/** Sockets that a frontend's change has left with a backend that no frontend has any more. */
export function abandonedSockets(state: BpfState, before: BpfService): number[] {
  if (before.protocol !== 'udp') return [];
  const sockets: number[] = [];
  for (const { ip, port } of before.backends) {
    const kept = state.services().some((s) => s.record.protocol === 'udp' && s.record.backends.some((b) => b.ip === ip && b.port === port));
    if (kept) continue;
    const end = ` ${ip4(ip)} ${port}`;
    for (const key of state.reverse.keys()) if (key.endsWith(end)) sockets.push(Number(key.slice(0, -end.length)));
  }
  return sockets;
}
