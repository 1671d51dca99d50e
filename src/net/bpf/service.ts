/** Choosing a backend packet by packet, at a device: the first packet of a connection chooses, an entry of the connection table remembers. Cilium: bpf/lib/lb.h, lb4_local */
import { ipBytes } from '../wire/lengths.ts';
import { touch, tupleOf } from './bpf-conntrack.ts';
import type { BackendState, ServiceState } from './bpf-state.ts';
import { frontendText } from './bpf-words.ts';
import { affineBackend, describeChoice, rememberAffinity } from './socket-lb.ts';
import { drop, note, refuse, type TcRun } from './tc-actions.ts';

/** Undefined for packets without ports. */
export function chooseBackend(run: TcRun, service: ServiceState, client: string): BackendState | undefined {
  const { packet, core, hook } = run;
  const tuple = tupleOf(packet);
  if (tuple === undefined) return undefined;
  const { conntrack } = hook.state;
  const known = conntrack.find('SVC', tuple, core.nowNs);
  const bytes = ipBytes(packet) + 14;
  if (known !== undefined) {
    touch(known, false, packet.tcp?.flags ?? 0, bytes, core.nowNs);
    const backend = service.backends.find((b) => b.ip === known.backendIp && b.port === known.backendPort);
    if (backend !== undefined) return backend;
  }
  const affine = affineBackend(hook.state, service, client, core.nowNs);
  const backend = affine ?? (service.backends[core.prng('bpf-prandom').below(service.backends.length)] as BackendState);
  if (affine === undefined) rememberAffinity(hook.state, service, client, backend, core.nowNs);
  const entry = known ?? conntrack.create('SVC', tuple, core.nowNs, 0);
  entry.backendIp = backend.ip;
  entry.backendPort = backend.port;
  if (known === undefined) touch(entry, false, packet.tcp?.flags ?? 0, bytes, core.nowNs);
  note(
    run,
    `backend ${backend.record.ip}:${backend.port}`,
    describeChoice(service, backend, affine === undefined ? 'drawn' : 'session affinity'),
    backend.record.origin ?? service.record.origin,
  );
  return backend;
}

/** tail_no_service_ipv4: the client is told at once, where the agent was not told to keep silent. */
export function noBackends(run: TcRun, service: ServiceState): void {
  const { hook } = run;
  const detail = `Service backend not found: ${frontendText(service.record)} has no backends (${hook.program.name})`;
  if (hook.state.config?.record.noBackend === 'drop') {
    drop(run, 'Service backend not found', `${frontendText(service.record)} has no backends`);
    return;
  }
  const reason = hook.program.hook === 'tcx/ingress' ? 'TC_INGRESS' : 'TC_EGRESS';
  refuse(run, reason, detail, { type: 3, code: 3 });
}
