/** Which probes of a container are sent over the network, and to where. Kubernetes: pkg/kubelet/prober/prober.go, pkg/probe/http/request.go. */
import type { ProberConfig } from '../../net/app/prober.ts';
import { behaviourOf } from './images.ts';
import type { Container, Pod, Probe } from './types.ts';

export const PROBE_KINDS = ['startup', 'liveness', 'readiness'] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];
const TITLES: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' };

/** A world's first quarter of an hour passes before anybody looks: what has proved healthy in it is not asked again before its end. */
export const SETTLING_NS = 15 * 60 * 1e9;

export const probeOf = (container: Container, kind: ProbeKind): Probe | undefined =>
  kind === 'startup' ? container.startupProbe : kind === 'liveness' ? container.livenessProbe : container.readinessProbe;

interface Action {
  readonly port?: number | string;
  readonly host?: string;
  readonly path?: string;
  readonly scheme?: string;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
}

/** Why a probe is taken for successful without a packet, or undefined when it is sent. */
function whyNotSent(container: Container, probe: Probe): string | undefined {
  if (probe.httpGet === undefined && probe.tcpSocket === undefined) {
    const handler = probe.exec !== undefined ? 'exec' : probe.grpc !== undefined ? 'grpc' : 'this';
    return `${handler} probes are not simulated: the probe counts as successful`;
  }
  if ((probe.httpGet as Action | undefined)?.scheme === 'HTTPS') return 'probes over HTTPS are not simulated: the probe counts as successful';
  const { role, programs, note } = behaviourOf(container, '');
  const unknownServer = role === 'unknown' && programs.length === 0;
  const ownCommand = programs.length === 0 && (note !== undefined || (role === 'tools' && hasCommand(container)));
  const otherAgents = role !== 'server' && role !== 'tools' && role !== 'unknown';
  if (otherAgents || unknownServer || ownCommand) return 'what would answer this probe is not simulated: it counts as successful';
  return undefined;
}

/** More than what keeps a box of tools alive. */
function hasCommand(container: Container): boolean {
  const words = [...(container.command ?? []), ...(container.args ?? [])].join(' ');
  return words !== '' && !/^(\S*\/)?((ba|a|da)?sh -c )?(while (true|:) ?; ?do )?(sleep|tail|pause)\b/.test(words);
}

function portNumber(container: Container, port: number | string | undefined): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find((one) => one.name === port)?.containerPort ?? (/^\d+$/.test(port ?? '') ? Number(port) : undefined);
}

function checkOf(container: Container, probe: Probe, podIp: string): ProberConfig['check'] | undefined {
  const action = (probe.httpGet ?? probe.tcpSocket) as Action;
  const port = portNumber(container, action.port);
  if (port === undefined) return undefined;
  const ip = action.host ?? podIp;
  if (probe.httpGet === undefined) return { kind: 'tcp', ip, port };
  const path = action.path ?? '/';
  return { kind: 'http', ip, port, path: path.startsWith('/') ? path : `/${path}`, headers: action.httpHeaders ?? [] };
}

/** Asked at every look at a pod; containers of one template are one object in all its pods. */
const sent = new WeakMap<Container, readonly ProbeKind[]>();

/** The probes that are sent as packets. All others count as successful. */
export function sentProbes(container: Container): readonly ProbeKind[] {
  let kinds = sent.get(container);
  if (kinds === undefined) {
    kinds = PROBE_KINDS.filter((kind) => {
      const probe = probeOf(container, kind);
      return probe !== undefined && whyNotSent(container, probe) === undefined && checkOf(container, probe, '') !== undefined;
    });
    sent.set(container, kinds);
  }
  return kinds;
}

export const isProbed = (pod: Pod): boolean => pod.spec.containers.some((container) => sentProbes(container).length > 0);

/** What the author should know of a container's probes: field and words. */
export function probeNotes(container: Container): readonly { readonly field: string; readonly message: string }[] {
  return PROBE_KINDS.flatMap((kind) => {
    const probe = probeOf(container, kind);
    const message = probe === undefined ? undefined : whyNotSent(container, probe);
    return message === undefined ? [] : [{ field: `${kind}Probe`, message }];
  });
}

const seconds = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise) * 1e9;

/** `label`: see `probeLabel`. Undefined for a probe that is not sent. */
export function proberConfig(container: Container, kind: ProbeKind, podIp: string, label: string): ProberConfig | undefined {
  const probe = probeOf(container, kind);
  const check = probe === undefined || !sentProbes(container).includes(kind) ? undefined : checkOf(container, probe, podIp);
  if (probe === undefined || check === undefined) return undefined;
  return {
    check,
    title: TITLES[kind],
    label,
    initialDelayNs: seconds(probe.initialDelaySeconds, 0),
    periodNs: seconds(probe.periodSeconds, 10),
    timeoutNs: seconds(probe.timeoutSeconds, 1),
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
    initially: kind === 'liveness' ? 'success' : kind === 'readiness' ? 'failure' : 'unknown',
    endsAt: kind === 'readiness' ? 'never' : kind === 'liveness' ? 'failure' : 'either',
    restUntilNs: SETTLING_NS,
  };
}

/** A result belongs to one run of the container. */
export const probeLabel = (container: string, kind: ProbeKind, restartCount: number): string => `${container}/${kind}/${restartCount}`;
