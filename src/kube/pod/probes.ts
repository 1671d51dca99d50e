/** Which probes and hooks of a container are carried out, and how. Kubernetes: pkg/kubelet/prober/prober.go, pkg/probe/http/request.go, pkg/kubelet/lifecycle/handlers.go. */
import type { Check, ProberConfig } from '../../net/app/prober.ts';
import { isScripted } from './container-exit.ts';
import { behaviourOf } from './images.ts';
import type { Container, Probe } from './types.ts';

/** Hooks of a container's life. */
export const HOOK_KINDS = ['postStart', 'preStop'] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

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

/** Why a probe is taken for successful without being tried, or undefined when it is. */
function whyNotSent(container: Container, probe: Probe): string | undefined {
  const { role, programs } = behaviourOf(container, '');
  const otherAgents = role !== 'server' && role !== 'tools' && role !== 'unknown';
  if (probe.exec !== undefined && (role === 'unknown' || otherAgents)) return 'what is in this image is not simulated: the probe counts as successful';
  if (probe.grpc !== undefined) return 'grpc probes are not simulated: the probe counts as successful';
  const unknownServer = role === 'unknown' && programs.length === 0 && !isScripted(container);
  if (otherAgents || unknownServer) return 'what would answer this probe is not simulated: it counts as successful';
  return undefined;
}

function portNumber(container: Container, port: number | string | undefined): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find((one) => one.name === port)?.containerPort ?? (/^\d+$/.test(port ?? '') ? Number(port) : undefined);
}

/** The handlers that probes and hooks have in common. */
interface Handlers {
  readonly exec?: unknown;
  readonly httpGet?: unknown;
  readonly tcpSocket?: unknown;
  readonly sleep?: unknown;
}

function checkOf(container: Container, handlers: Handlers, podIp: string): Check | undefined {
  if (handlers.exec !== undefined)
    return { kind: 'exec', command: (handlers.exec as { command?: readonly string[] }).command ?? [], container: container.name };
  if (handlers.sleep !== undefined) return { kind: 'sleep', seconds: (handlers.sleep as { seconds?: number }).seconds ?? 0 };
  const action = (handlers.httpGet ?? handlers.tcpSocket) as Action | undefined;
  const port = action === undefined ? undefined : portNumber(container, action.port);
  if (action === undefined || port === undefined) return undefined;
  const ip = action.host ?? podIp;
  if (handlers.httpGet === undefined) return { kind: 'tcp', ip, port };
  const path = action.path ?? '/';
  return {
    kind: 'http',
    ip,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: action.httpHeaders ?? [],
    ...(action.scheme === 'HTTPS' ? { secure: true } : {}),
  };
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
    title: `${TITLES[kind]} probe`,
    label,
    initialDelayNs: seconds(probe.initialDelaySeconds, 0),
    periodNs: seconds(probe.periodSeconds, 10),
    timeoutNs: seconds(probe.timeoutSeconds, 1),
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
    initially: kind === 'liveness' ? 'success' : kind === 'readiness' ? 'failure' : 'unknown',
    endsAt: kind === 'readiness' ? 'never' : kind === 'liveness' ? 'failure' : 'either',
    // A command may find something else each time; a server that has answered goes on answering.
    restUntilNs: check.kind === 'exec' ? 0 : SETTLING_NS,
  };
}

/** Bounded only by who waits for it. */
const HOOK_NS = 3600 * 1e9;

/** A hook as one check that is made once. Kubernetes: runHTTPHandler looks at no status code. */
export function hookConfig(container: Container, kind: HookKind, podIp: string, label: string): ProberConfig | undefined {
  const hook = container.lifecycle?.[kind];
  const check = hook === undefined ? undefined : checkOf(container, hook, podIp);
  if (check === undefined) return undefined;
  return {
    check: check.kind === 'http' ? { ...check, anyStatus: true } : check,
    title: kind === 'postStart' ? 'PostStart hook' : 'PreStop hook',
    label,
    initialDelayNs: 0,
    periodNs: HOOK_NS,
    timeoutNs: HOOK_NS,
    successThreshold: 1,
    failureThreshold: 1,
    initially: 'unknown',
    endsAt: 'either',
    restUntilNs: 0,
  };
}
