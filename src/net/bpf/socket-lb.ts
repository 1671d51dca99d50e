/** Service translation at the socket: connect() and sendmsg() get a backend's address before there is a packet, recvmsg() and getpeername() the service's back. Cilium: bpf/bpf_sock.c */
import { formatEndpoint } from '../addr/ip.ts';
import { isLoopback } from '../addr/ip4.ts';
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { BpfNote } from '../trace/emit.ts';
import type { Ip, Ip4 } from '../wire/packet.ts';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE, type SocketProgramName } from './bpf-records.ts';
import { type BackendState, type BpfState, frontendOf, type ServiceState } from './bpf-state.ts';
import { frontendText } from './bpf-words.ts';

/** Where a socket call really goes. */
export type SocketTranslation =
  | { readonly kind: 'backend'; readonly ip: Ip4; readonly port: number; readonly note: BpfNote }
  /** A service without backends: the call fails. */
  | { readonly kind: 'refused'; readonly errno: 'EHOSTUNREACH' };

export interface SocketCall {
  readonly netns: string;
  readonly protocol: 'tcp' | 'udp';
  readonly ip: Ip;
  readonly port: number;
  /** The socket's cookie. */
  readonly socket: number;
}

const stateOf = (core: Core, netns: NetnsState | undefined, program: SocketProgramName): BpfState | undefined => {
  const state = netns === undefined || core.bpf.size === 0 ? undefined : core.bpf.get(netns.hostId);
  return state?.runs(program) === true ? state : undefined;
};

/** A node port or an address of the host stands under 0.0.0.0 for each address of a node; on 127.0.0.1 only for the host itself. */
function findWildcard(state: BpfState, call: SocketCall & { readonly ip: Ip4 }, inHost: boolean, remoteNodes: boolean): ServiceState | undefined {
  const range = state.config?.record.nodePorts;
  if (range === undefined || state.config?.record.nodePort !== true || call.port < range[0] || call.port > range[1]) return undefined;
  const identity = state.identityOf(call.ip);
  const known = (inHost && isLoopback(call.ip)) || identity === IDENTITY_HOST || (remoteNodes && identity === IDENTITY_REMOTE_NODE);
  const service = known ? state.findService(call.protocol, 0, call.port, true) : undefined;
  return service?.record.type === 'NodePort' ? service : undefined;
}

function findFor(state: BpfState, call: SocketCall & { readonly ip: Ip4 }, inHost: boolean): ServiceState | undefined {
  const service = state.findService(call.protocol, call.ip, call.port, true) ?? findWildcard(state, call, inHost, true);
  // Only the host's own addresses are believed to be external IPs: a Service must not catch what is meant for somebody's public address.
  if (service?.record.type === 'ExternalIPs' && state.identityOf(call.ip) !== IDENTITY_HOST) return undefined;
  return service;
}

const backendKey = (b: BackendState): string => `${b.record.ip}:${b.port}`;

/** The backend that this client had last, while it is one and the time is not over. */
export function affineBackend(state: BpfState, service: ServiceState, client: string, nowNs: number): BackendState | undefined {
  if (service.record.affinitySeconds === 0) return undefined;
  const key = `${frontendOf(service.record)} ${client}`;
  const entry = state.affinity.get(key);
  if (entry === undefined) return undefined;
  const backend = service.backends.find((b) => backendKey(b) === entry.backend);
  if (backend === undefined || entry.lastUsedNs + service.record.affinitySeconds * 1e9 <= nowNs) {
    state.affinity.delete(key);
    return undefined;
  }
  state.remember(state.affinity, key, { backend: entry.backend, lastUsedNs: nowNs });
  return backend;
}

export function rememberAffinity(state: BpfState, service: ServiceState, client: string, backend: BackendState, nowNs: number): void {
  if (service.record.affinitySeconds === 0) return;
  state.remember(state.affinity, `${frontendOf(service.record)} ${client}`, { backend: backendKey(backend), lastUsedNs: nowNs });
}

export function describeChoice(service: ServiceState, backend: BackendState, why: string): string {
  const slot = service.backends.indexOf(backend) + 1;
  return `cilium_lb4_services_v2 ${frontendText(service.record)} has ${service.backends.length} backend${service.backends.length === 1 ? '' : 's'}; slot ${slot} (${why}) is ${backend.record.ip}:${backend.port}`;
}

/** __sock4_xlate_fwd(). Undefined: not a service, the call goes on as it is. */
export function translateCall(core: Core, given: SocketCall, program: 'cil_sock4_connect' | 'cil_sock4_sendmsg'): SocketTranslation | undefined {
  const netns = core.netns.get(given.netns);
  const state = stateOf(core, netns, program);
  if (state === undefined || netns === undefined || typeof given.ip !== 'number') return undefined;
  const call = { ...given, ip: given.ip };
  const inHost = netns.record.name === 'root';
  if (!inHost && state.config?.record.socketLb !== 'full') return undefined;
  const service = findFor(state, call, inHost);
  if (service === undefined) return undefined;
  if (service.backends.length === 0) return { kind: 'refused', errno: 'EHOSTUNREACH' };
  const remembered = affineBackend(state, service, call.netns, core.nowNs);
  // UDP is chosen by the socket's cookie, so that one socket stays with its backend without any memory.
  const slot =
    remembered !== undefined ? 0 : call.protocol === 'tcp' ? core.prng('bpf-prandom').below(service.backends.length) : call.socket % service.backends.length;
  const backend = remembered ?? (service.backends[slot] as BackendState);
  if (remembered === undefined) rememberAffinity(state, service, call.netns, backend, core.nowNs);
  const frontend = frontendOf(service.record);
  state.remember(state.reverse, reverseKey(call.socket, backend.ip, backend.port), { ip: call.ip, port: call.port, service: frontend });
  const why = remembered !== undefined ? 'session affinity' : call.protocol === 'tcp' ? 'drawn' : "by the socket's cookie";
  const name = program === 'cil_sock4_connect' ? 'connect' : 'sendmsg';
  return {
    kind: 'backend',
    ip: backend.ip,
    port: backend.port,
    note: {
      program,
      hook: `cgroup/${name}4`,
      verdict: `${name}(${formatEndpoint(call.ip, call.port)}) became ${formatEndpoint(backend.ip, backend.port)}`,
      detail: describeChoice(service, backend, why),
      origin: backend.record.origin ?? service.record.origin,
    },
  };
}

const reverseKey = (socket: number, ip: Ip4, port: number): string => `${socket} ${ip} ${port}`;

/** __sock4_xlate_rev(): the address that the program asked for, in the place of its backend's. */
export function translateBack(
  core: Core,
  call: SocketCall,
  program: 'cil_sock4_recvmsg' | 'cil_sock4_getpeername',
): { readonly ip: Ip; readonly port: number } {
  const state = stateOf(core, core.netns.get(call.netns), program);
  if (state === undefined || typeof call.ip !== 'number') return call;
  const key = reverseKey(call.socket, call.ip, call.port);
  const entry = state.reverse.get(key);
  if (entry === undefined) return call;
  if (!state.hasFrontend(entry.service)) {
    state.reverse.delete(key);
    return call;
  }
  return entry;
}

/** sock4_post_bind(): on the host nobody may bind what a service has taken. */
export function mayBind(core: Core, call: SocketCall): boolean {
  const netns = core.netns.get(call.netns);
  const state = stateOf(core, netns, 'cil_sock4_post_bind');
  if (state === undefined || netns?.record.name !== 'root' || typeof call.ip !== 'number') return true;
  const bound = { ...call, ip: call.ip };
  const service = state.findService(call.protocol, bound.ip, call.port, true) ?? findWildcard(state, bound, true, false);
  return service === undefined || service.record.type === 'ClusterIP';
}
