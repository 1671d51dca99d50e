/** Changes of a Service, and of what stands behind it, that would bring a packet through. */
import { matchesLabels } from '../../kube/label-selector.ts';
import type { Container } from '../../kube/pod/types.ts';
import type { Service } from '../../kube/service/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { NetnsView, ServiceView } from '../views.ts';
import { type FixedWorld, ownText } from './fixed-world.ts';
import { listening, type Target } from './peers.ts';
import { endpointsOf } from './question.ts';
import type { Fix, ReachAnswer } from './reach-views.ts';
import { insertBeside, replaceKey, replaceValue, type TextEdit } from './text-edit.ts';

type Owner = KubeObject & {
  readonly spec?: { readonly replicas?: number; readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } } };
};
type WithContainers = KubeObject & {
  readonly spec?: { readonly containers?: readonly Container[]; readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
};

/** Labels that controllers add: no selector of a person names them. */
const MADE = new Set(['pod-template-hash', 'controller-revision-hash', 'statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index']);

const fix = (title: string, because: string, edit: TextEdit | undefined): Fix[] =>
  edit === undefined || edit.before === edit.after ? [] : [{ title, because, edit }];

export function serviceFixes(world: FixedWorld, answer: ReachAnswer, from: NetnsView, to: Target): Fix[] {
  const nameFails =
    answer.rows[0]?.result.failing !== undefined && answer.rows.some((row, index) => index > 0 && row.direction === 'there' && row.result.outcome === 'open');
  const dns = world.topology().services.find((one) => one.name === 'kube-dns' && one.namespace === 'kube-system');
  const own = to.kind === 'service' ? fixesOf(world, answer, to.view) : to.kind === 'netns' && to.view.type === 'pod' ? loopbackFixes(world, to.view) : [];
  const fails = answer.rows[0]?.result.outcome === 'unresolved' || nameFails;
  return [...(fails && dns !== undefined && from.type === 'pod' ? fixesOf(world, answer, dns) : []), ...own];
}

function fixesOf(world: FixedWorld, answer: ReachAnswer, view: ServiceView): Fix[] {
  const service = world.api.view.find<Service>(view.objectKey);
  const selector = service?.spec.selector;
  if (service === undefined || selector === undefined) return [];
  const pods = world.topology().netnses.filter((one) => one.type === 'pod' && one.namespace === view.namespace);
  const behind = pods.filter((one) => matchesLabels(selector, one.labels));
  return [
    ...portFixes(world, answer, view, service, behind),
    ...localFixes(world, view, service),
    ...(behind.length === 0 ? [...replicaFixes(world, view, selector), ...selectorFixes(world, view, selector, pods)] : []),
    ...(endpointsOf(world, view).length === 0 ? behind.slice(0, 1).flatMap((pod) => readinessFixes(world, pod)) : []),
    ...behind.slice(0, 1).flatMap((pod) => loopbackFixes(world, pod)),
  ];
}

/** A port nobody listens on, or one of the other protocol. */
function portFixes(world: FixedWorld, answer: ReachAnswer, view: ServiceView, service: Service, behind: readonly NetnsView[]): Fix[] {
  const admitted = ownText(world, view.objectKey);
  const pod = behind[0];
  if (admitted === undefined || pod === undefined) return [];
  const open = listening(world, pod);
  const written = (admitted.object as Service).spec.ports ?? [];
  return (service.spec.ports ?? []).flatMap((port, index): Fix[] => {
    if (answer.question.port !== undefined && answer.question.port !== port.port) return [];
    const protocol = port.protocol ?? 'TCP';
    const target = port.targetPort ?? port.port;
    const same = open.filter((one) => one.protocol === protocol);
    if (same.some((one) => one.port === target)) return [];
    const at = `spec.ports[${index}]`;
    const because = `${pod.title} listens on ${open.map((one) => `${one.port}/${one.protocol}`).join(', ') || 'no port'}, the Service sends to ${target}/${protocol}.`;
    const near = typeof target === 'number' ? [...same].sort((a, b) => Math.abs(a.port - target) - Math.abs(b.port - target)) : same;
    const ports = near
      .slice(0, 3)
      .flatMap((one) =>
        fix(
          `Set targetPort of ${view.name} to ${one.port}`,
          because,
          written[index]?.targetPort === undefined
            ? insertBeside(world.files, admitted, `${at}.port`, 'port', `targetPort: ${one.port}`)
            : replaceValue(world.files, admitted, `${at}.targetPort`, String(one.port)),
        ),
      );
    const other = open.find((one) => one.protocol !== protocol && (one.port === target || typeof target === 'string'));
    if (other === undefined) return ports;
    return [
      ...fix(
        `Set the protocol of ${view.name} to ${other.protocol}`,
        because,
        written[index]?.protocol === undefined
          ? insertBeside(world.files, admitted, `${at}.port`, 'port', `protocol: ${other.protocol}`)
          : replaceValue(world.files, admitted, `${at}.protocol`, other.protocol),
      ),
      ...ports,
    ];
  });
}

/** `Local` keeps traffic on a node that has no endpoint. */
function localFixes(world: FixedWorld, view: ServiceView, service: Service): Fix[] {
  const admitted = ownText(world, view.objectKey);
  if (admitted === undefined) return [];
  return (['internalTrafficPolicy', 'externalTrafficPolicy'] as const).flatMap((field) =>
    service.spec[field] === 'Local'
      ? fix(
          `Set ${field} of ${view.name} to Cluster`,
          `With Local a node sends only to endpoints of its own.`,
          replaceValue(world.files, admitted, `spec.${field}`, 'Cluster'),
        )
      : [],
  );
}

function replicaFixes(world: FixedWorld, view: ServiceView, selector: Readonly<Record<string, string>>): Fix[] {
  return ['Deployment', 'StatefulSet', 'ReplicaSet'].flatMap((kind) =>
    world.api.view.list<Owner>(kind, view.namespace).flatMap((owner): Fix[] => {
      if (owner.spec?.replicas !== 0 || owner.metadata.ownerReferences !== undefined || !matchesLabels(selector, owner.spec.template?.metadata?.labels))
        return [];
      const { name } = owner.metadata;
      const title = `Scale ${kind} ${name} to 1 replica`;
      const because = `The Service looks for its pods, and it is told to have none.`;
      const admitted = ownText(world, `${kind}/${view.namespace}/${name}`);
      if (admitted !== undefined && (admitted.object as Owner).spec?.replicas === 0)
        return fix(title, because, replaceValue(world.files, admitted, 'spec.replicas', '1'));
      const host = world.topology().hosts.find((one) => one.controlPlane === true)?.id;
      return host === undefined
        ? []
        : [{ title, because, commands: [{ host, line: `kubectl -n ${view.namespace} scale ${kind.toLowerCase()} ${name} --replicas=1` }] }];
    }),
  );
}

/** The labels of pods that are nearest to what the Service looks for. */
function selectorFixes(world: FixedWorld, view: ServiceView, selector: Readonly<Record<string, string>>, pods: readonly NetnsView[]): Fix[] {
  const admitted = ownText(world, view.objectKey);
  if (admitted === undefined) return [];
  const entries = Object.entries(selector);
  const found = new Map<string, { readonly distance: number; readonly fix: Fix }>();
  for (const pod of pods) {
    const wrong = entries.filter(([key, value]) => pod.labels[key] !== value);
    const [first] = wrong;
    if (wrong.length !== 1 || first === undefined) continue;
    const [key, value] = first;
    const at = `spec.selector.${/[.[\]]/.test(key) ? `["${key}"]` : key}`;
    const has = pod.labels[key];
    const same = Object.entries(pod.labels).find(([other, one]) => one === value && !MADE.has(other));
    const edit =
      has !== undefined
        ? replaceValue(world.files, admitted, at, quoted(has))
        : same === undefined
          ? undefined
          : replaceKey(world.files, admitted, at, key, same[0]);
    const wanted = has !== undefined ? `${key}=${has}` : same === undefined ? '' : `${same[0]}=${value}`;
    if (edit === undefined || edit.before === edit.after || found.has(wanted)) continue;
    found.set(wanted, {
      distance: has === undefined ? 1 : distance(value, has),
      fix: { title: `Let ${view.name} select ${wanted}`, because: `It looks for ${key}=${value}, which no pod has; ${pod.title} has ${wanted}.`, edit },
    });
  }
  return [...found.values()]
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map((one) => one.fix);
}

const quoted = (value: string): string =>
  /^[A-Za-z][A-Za-z0-9._/-]*$/.test(value) && !/^(?:true|false|yes|no|on|off|null|y|n)$/i.test(value) ? value : JSON.stringify(value);

/** Levenshtein's; label values have at most 63 letters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] as number;
}

/** Where the containers of a pod are written: in its own text or in that of what made it. */
function containersOf(
  world: FixedWorld,
  pod: NetnsView,
): { readonly admitted: NonNullable<ReturnType<FixedWorld['sourceOf']>>; readonly at: string; readonly containers: readonly Container[] } | undefined {
  const admitted = pod.objectKey === undefined ? undefined : world.sourceOf(pod.objectKey);
  if (admitted === undefined || !world.files.some((file) => file.path === admitted.source.file)) return undefined;
  const { spec } = admitted.object as WithContainers;
  const isPod = admitted.object.kind === 'Pod';
  return {
    admitted,
    at: isPod ? 'spec.containers' : 'spec.template.spec.containers',
    containers: (isPod ? spec?.containers : spec?.template?.spec?.containers) ?? [],
  };
}

/** A readiness probe that asks in the wrong place keeps its pod out of every Service. */
function readinessFixes(world: FixedWorld, pod: NetnsView): Fix[] {
  const written = containersOf(world, pod);
  if (written === undefined) return [];
  const open = listening(world, pod).filter((one) => one.protocol === 'TCP');
  return written.containers.flatMap((container, index): Fix[] => {
    const probe = (
      container as Container & {
        readonly readinessProbe?: {
          readonly httpGet?: { readonly path?: string; readonly port?: number | string };
          readonly tcpSocket?: { readonly port?: number | string };
        };
      }
    ).readinessProbe;
    if (probe === undefined) return [];
    const at = `${written.at}[${index}].readinessProbe`;
    const way = probe.httpGet !== undefined ? 'httpGet' : 'tcpSocket';
    const port = probe[way]?.port;
    const ports = open
      .filter((one) => one.port !== port)
      .slice(0, 2)
      .flatMap((one) =>
        fix(
          `Let the readiness probe of ${container.name} ask port ${one.port}`,
          `${pod.title} runs and is not ready; it listens on ${one.port}.`,
          replaceValue(world.files, written.admitted, `${at}.${way}.port`, String(one.port)),
        ),
      );
    const path = probe.httpGet?.path;
    if (path === undefined || path === '/') return ports;
    return [
      ...fix(
        `Let the readiness probe of ${container.name} ask for /`,
        `${pod.title} runs and is not ready: its server does not answer ${path} with success.`,
        replaceValue(world.files, written.admitted, `${at}.httpGet.path`, '/'),
      ),
      ...ports,
    ];
  });
}

/** A server that listens on the loopback address is heard by its own pod alone. */
function loopbackFixes(world: FixedWorld, pod: NetnsView): Fix[] {
  const inside = world.engine.sockets(pod.id).filter((one) => one.localIp.startsWith('127.') && one.state === 'LISTEN');
  const written = containersOf(world, pod);
  if (inside.length === 0 || written === undefined) return [];
  return written.containers.flatMap((container, index) =>
    (['args', 'command'] as const).flatMap((field) =>
      (container[field] ?? []).flatMap((word, at) =>
        word.includes('127.0.0.1') || word.includes('localhost')
          ? fix(
              `Let ${container.name} listen on all addresses`,
              `${pod.title} listens on ${inside[0]?.localIp}:${inside[0]?.localPort}, where only the pod itself can reach it.`,
              replaceValue(
                world.files,
                written.admitted,
                `${written.at}[${index}].${field}[${at}]`,
                JSON.stringify(word.replace(/127\.0\.0\.1|localhost/, '0.0.0.0')),
              ),
            )
          : [],
      ),
    ),
  );
}
