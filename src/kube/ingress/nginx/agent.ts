/** ingress-nginx' controller on its node: the proxy that its configuration makes, and its own health port, in each pod that runs it. */
import type { HttpServerConfig } from '../../../net/app/server-config.ts';
import { unixMsOf } from '../../../net/app/tls/der.ts';
import type { NetRecord, Process } from '../../../net/records.ts';
import { stableHex } from '../../../objects/identity.ts';
import type { Agent, KubeObject, ObjectKey, Rendering, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { perState } from '../../node/per-state.ts';
import { processId } from '../../node/record-ids.ts';
import { netnsOfPod, processNameOf } from '../../pod/sandbox-agent.ts';
import type { Pod } from '../../pod/types.ts';
import { fakeCertificate } from './certificates.ts';
import { compileNginx } from './compile.ts';
import { controllerContainer, controllerPods, flagsOf, isConfigOf, isControllerRunning, usesProxyProtocol } from './controller-pods.ts';
import { ingressKeys, type NginxModel, nginxModel } from './model.ts';

type Finding = NonNullable<Rendering<NetRecord>['diagnostics']>[number];

const WATCHED = ['Ingress', 'IngressClass', 'Service', 'EndpointSlice', 'Secret', 'ConfigMap', 'Pod'] as const;

/** By what its flags say: controllers that are alike have one configuration. */
const models = perState(['Ingress', 'IngressClass', 'Service', 'EndpointSlice', 'Secret'], () => new Map<string, NginxModel>());

export function modelOf(pod: Pod, view: StoreView): NginxModel | undefined {
  const container = controllerContainer(pod);
  if (container === undefined) return undefined;
  const flags = flagsOf(pod, container);
  const known = models(view);
  const key = JSON.stringify(flags);
  let model = known.get(key);
  if (model === undefined) {
    model = nginxModel(flags, view);
    known.set(key, model);
  }
  return model;
}

/** Told at the Ingress: what of it has no effect here, and what the controller would log. */
function findingsOf(model: NginxModel): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const server of model.servers) {
    for (const { ingress, settings, upstream, access } of server.locations) {
      const key = objectKey(ingress);
      if (upstream?.problem !== undefined && !seen.has(`${key} ${upstream.name}`)) {
        seen.add(`${key} ${upstream.name}`);
        findings.push({ key, path: 'spec', diagnostic: { severity: 'warning', code: 'ingress-nginx', message: upstream.problem } });
      }
      if (seen.has(key)) continue;
      seen.add(key);
      const note = (message: string, severity: 'warning' | 'info') =>
        findings.push({ key, path: 'metadata.annotations', diagnostic: { severity, code: severity === 'info' ? 'not-simulated' : 'ingress-nginx', message } });
      for (const problem of settings.problems) note(problem, 'warning');
      for (const problem of [...access.problems, ...(access.denied === undefined ? [] : [access.denied])]) note(problem, 'warning');
      if (settings.unknown.length > 0) note(`not simulated: ${settings.unknown.map((name) => `nginx.ingress.kubernetes.io/${name}`).join(', ')}`, 'info');
      for (const message of server.certificate?.problems ?? [])
        findings.push({ key, path: 'spec.tls', diagnostic: { severity: 'warning', code: 'ingress-nginx', message } });
    }
  }
  return findings;
}

/** Each once, without the annotations' prefix. */
function invalidAnnotations({ servers }: NginxModel): readonly string[] {
  const found = new Set<string>();
  for (const { locations } of servers) {
    for (const { ingress, settings } of locations) {
      for (const problem of settings.problems) {
        const match = /^annotation nginx\.ingress\.kubernetes\.io\/(\S+) contains invalid value (.*)$/s.exec(problem);
        if (match !== null)
          found.add(
            `validation error on ingress ${ingress.metadata.namespace ?? 'default'}/${ingress.metadata.name}: annotation ${match[1]} contains invalid value ${match[2]}`,
          );
      }
    }
  }
  return [...found];
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const container = pod === undefined ? undefined : controllerContainer(pod);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || container === undefined || netns === undefined || !isControllerRunning(pod, container)) return { records: [] };
  const model = modelOf(pod, view);
  if (model === undefined) return { records: [] };
  const flags = flagsOf(pod, container);
  const origin = { component: 'ingress-nginx', objects: [key, ...ingressKeys(model)] as readonly ObjectKey[] };
  const name = processNameOf(pod, container.name);
  const process = (suffix: string, app: string, config: unknown): Process => ({
    kind: 'process',
    id: processId(netns, `${name}${suffix}`),
    origin,
    netns,
    app,
    name,
    config,
  });
  const ok = { path: '/healthz', code: 200, headers: [], body: 'ok' };
  const health: HttpServerConfig = { port: flags.healthPort, server: 'pages', pages: [ok] };
  const [year = 2026, month = 1, day = 1, hour, minute, second] = (pod.status?.startTime ?? '').match(/\d+/g)?.map(Number) ?? [];
  const fake = fakeCertificate(pod, unixMsOf(year, month, day, hour, minute, second));
  const preamble = usesProxyProtocol(flags, view) ? { proxyProtocol: true } : {};
  const records = [
    process('', 'http-proxy', { ...compileNginx(model, flags), ...preamble }),
    process('-https', 'http-proxy', { ...compileNginx(model, flags, fake), ...preamble }),
    process('-health', 'http-server', health),
    // What it says of its configuration, once for each line.
    ...model.warnings.map((line) => process(`-log-${stableHex(line).slice(0, 8)}`, 'log-lines', { component: 'controller.go:1541', lines: [line] })),
  ];
  // parser/validators.go, checkAnnotation: what is not accepted is as if it were not there.
  for (const line of invalidAnnotations(model))
    records.push(process(`-log-${stableHex(line).slice(0, 8)}`, 'log-lines', { component: 'validators.go:243', lines: [line] }));
  for (const line of model.ignored)
    records.push(process(`-log-${stableHex(line).slice(0, 8)}`, 'log-lines', { component: 'store.go:432', severity: 'I', lines: [line] }));
  return { records, diagnostics: findingsOf(model) };
}

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'ConfigMap')
    return controllerPods(view)
      .filter((pod) => isConfigOf(changed, pod))
      .map(objectKey);
  if (changed.kind !== 'Pod') return controllerPods(view).map(objectKey);
  return controllerContainer(changed as Pod) === undefined ? [] : [objectKey(changed)];
}

/** Keys are those of the controller's pods. */
export const ingressNginxAgent: Agent<NetRecord> = {
  name: 'ingress-nginx',
  watches: WATCHED,
  keysFor,
  keys: (view) => controllerPods(view).map(objectKey),
  render,
};
