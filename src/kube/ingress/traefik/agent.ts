/** Traefik on its node: a proxy for each entry point of each pod that runs it, and its API. Routers and endpoints change in the running process: nothing is reloaded. */

import type { StreamProxyConfig } from '../../../net/app/proxy/stream-proxy.ts';
import type { HttpServerConfig } from '../../../net/app/server-config.ts';
import { unixMsOf } from '../../../net/app/tls/der.ts';
import type { NetRecord, Process } from '../../../net/records.ts';
import { stableHex } from '../../../objects/identity.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { perState } from '../../node/per-state.ts';
import { processId } from '../../node/record-ids.ts';
import { netnsOfPod, processNameOf } from '../../pod/sandbox-agent.ts';
import type { Pod } from '../../pod/types.ts';
import { apiPages } from './api.ts';
import { defaultCertificate } from './certificates.ts';
import { compileEntryPoint } from './compile.ts';
import { TRAEFIK_KINDS } from './kinds.ts';
import { traefikModel } from './model.ts';
import { type EntryPoint, isTraefikRunning, type TraefikFlags, traefikContainer, traefikFlags, traefikPods } from './traefik-pods.ts';
import type { TcpRouter, TraefikModel } from './types.ts';

const SOURCES = ['Ingress', 'IngressClass', 'Service', 'EndpointSlice', 'Secret', ...TRAEFIK_KINDS] as const;

const models = perState(SOURCES, () => new Map<string, TraefikModel>());

export function modelFor(flags: TraefikFlags, view: StoreView): TraefikModel {
  const known = models(view);
  const key = JSON.stringify(flags);
  let model = known.get(key);
  if (model === undefined) {
    model = traefikModel(flags, view);
    known.set(key, model);
  }
  return model;
}

/** An entry point of byte streams: the names in hellos choose where there are any. */
function streamConfig(point: EntryPoint, routers: readonly TcpRouter[]): StreamProxyConfig {
  const byName = routers.some(({ tls }) => tls);
  return {
    port: point.port,
    byName,
    routes: routers.flatMap((router) =>
      router.hosts.map((host) => ({
        owner: router.name,
        name: host === '*' ? '' : host,
        ends: router.tls && !router.passthrough,
        backends: router.services.map(({ servers, weight }) => ({ name: router.name, weight, endpoints: servers.map(({ ip, port }) => ({ ip, port })) })),
      })),
    ),
  };
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const container = pod === undefined ? undefined : traefikContainer(pod);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || container === undefined || netns === undefined || !isTraefikRunning(pod, container)) return { records: [] };
  const flags = traefikFlags(pod, container);
  const model = modelFor(flags, view);
  const startTime = pod.status?.startTime ?? '';
  const [year = 2026, month = 1, day = 1, hour, minute, second] = startTime.match(/\d+/g)?.map(Number) ?? [];
  const own = defaultCertificate(pod.metadata.uid ?? pod.metadata.name, unixMsOf(year, month, day, hour, minute, second));
  const name = processNameOf(pod, container.name);
  const process = (suffix: string, app: string, config: unknown): Process => ({
    kind: 'process',
    id: processId(netns, `${name}${suffix}`),
    origin: { component: 'traefik', objects: [objectKey(pod), ...model.objects] },
    netns,
    app,
    name,
    config,
  });
  const records: Process[] = [];
  const server = pod.spec.hostNetwork === true ? (pod.spec.nodeName ?? pod.metadata.name) : pod.metadata.name;
  for (const point of flags.entryPoints) {
    if (point.protocol === 'udp') continue;
    if (point.name === 'traefik') {
      const config: HttpServerConfig = { port: point.port, server: 'pages', pages: apiPages(model, flags, startTime) };
      records.push(process(`-${point.name}`, 'http-server', config));
      continue;
    }
    const streams = model.tcp.filter((router) => router.entryPoints.includes(point.name));
    if (streams.length > 0)
      records.push(
        process(`-${point.name}`, 'stream-proxy', { ...streamConfig(point, streams), tls: compileEntryPoint(model, point, own, server, false).tls }),
      );
    else records.push(process(`-${point.name}`, 'http-proxy', compileEntryPoint(model, point, own, server, flags.accessLog)));
  }
  for (const line of model.log)
    records.push(process(`-log-${stableHex(line).slice(0, 8)}`, 'log-lines', { component: '', severity: 'E', style: 'zerolog', lines: [line] }));
  const findings = model.findings.map(({ key: at, message, severity }) => ({
    key: at,
    path: 'spec',
    diagnostic: { severity, code: severity === 'info' ? 'not-simulated' : 'traefik', message },
  }));
  return { records, diagnostics: findings };
}

/** Keys are those of the pods that run it. */
export const traefikAgent: Agent<NetRecord> = {
  name: 'traefik',
  watches: [...SOURCES, 'Pod'],
  keysFor: (changed: KubeObject, view: StoreView) => {
    if (changed.kind !== 'Pod') return traefikPods(view).map(objectKey);
    return traefikContainer(changed as Pod) === undefined ? [] : [objectKey(changed)];
  },
  keys: (view) => traefikPods(view).map(objectKey),
  render,
};
