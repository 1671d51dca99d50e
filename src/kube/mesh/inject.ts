/** istiod's webhook for new pods: a container that sets up iptables, and the proxy as a sidecar. Istio 1.27: manifests/charts/istio-control/istio-discovery/files/injection-template.yaml, pkg/kube/inject. */
import type { FieldError, KubeObject, StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { podSpecDefaults } from '../pod/defaults.ts';
import { imageRole, parseImage } from '../pod/images.ts';
import { type Container, isReady, namespaceOf, type Pod, type Probe } from '../pod/types.ts';

export const PROXY = 'istio-proxy';
export const INIT = 'istio-init';
/** Who has it speaks the mesh's TLS. */
export const TLS_MODE_LABEL = 'security.istio.io/tlsMode';
const INJECT = 'sidecar.istio.io/inject';
/** pkg/kube/inject, IgnoredNamespaces. */
const IGNORED: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

export type Istiod = 'none' | 'starting' | 'ready';

/** Its image says what an istiod is; the proxies have its version. */
const istiod = perState(['Pod'], (view): { readonly state: Istiod; readonly version: string } => {
  let found: { state: Istiod; version: string } = { state: 'none', version: '' };
  for (const pod of view.list<Pod>('Pod')) {
    for (const { image = '' } of pod.spec.containers) {
      if (imageRole(image) !== 'gateway-controller' || parseImage(image).repository !== 'istio/pilot') continue;
      const state = isReady(pod) ? 'ready' : 'starting';
      if (found.state !== 'ready') found = { state, version: parseImage(image).tag };
    }
  }
  return found;
});

export const isIstiodReady = (view: StoreView): boolean => istiod(view).state === 'ready';

interface WorkloadLike extends KubeObject {
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}

/** Its pods are not there yet, or gone, but somebody has asked for them. */
const isInstalled = (view: StoreView): boolean =>
  istiod(view).state !== 'none' ||
  view
    .list<WorkloadLike>('Deployment', 'istio-system')
    .some(({ spec }) => spec?.template?.spec?.containers?.some(({ image = '' }) => parseImage(image).repository === 'istio/pilot') === true);

/** Which of the webhooks takes it: the namespace's label, or the pod's own. Undefined: none does. */
function webhookFor(pod: Pod, view: StoreView): string | undefined {
  const namespace = namespaceOf(pod);
  const own = pod.metadata.labels?.[INJECT];
  const labels = view.find(`Namespace/${namespace}`)?.metadata.labels;
  const isOn = labels?.['istio-injection'] === 'enabled' || labels?.['istio.io/rev'] === 'default';
  if (!isOn && own !== 'true') return undefined;
  if (own === 'false' || labels?.['istio-injection'] === 'disabled' || pod.spec.hostNetwork === true || IGNORED.includes(namespace)) return undefined;
  return isOn ? 'namespace.sidecar-injector.istio.io' : 'object.sidecar-injector.istio.io';
}

/** rewriteAppHTTPProbers: the kubelet asks the agent beside the proxy, which asks the program. */
const PROBES = [
  ['livenessProbe', 'livez'],
  ['readinessProbe', 'readyz'],
  ['startupProbe', 'startupz'],
] as const;

interface HttpGet {
  readonly path?: string;
  readonly port?: number | string;
  readonly scheme?: string;
}

function rewriteProbes(container: Container, probers: Record<string, unknown>): Container {
  let result = container;
  for (const [field, word] of PROBES) {
    const probe: Probe | undefined = container[field];
    const get = probe?.httpGet as HttpGet | undefined;
    if (probe === undefined || get === undefined || get.scheme === 'HTTPS') continue;
    const port = typeof get.port === 'number' ? get.port : container.ports?.find(({ name }) => name === get.port)?.containerPort;
    if (port === undefined) continue;
    const path = `/app-health/${container.name}/${word}`;
    probers[path] = { httpGet: { path: get.path ?? '/', port, scheme: 'HTTP' }, timeoutSeconds: probe.timeoutSeconds ?? 1 };
    result = { ...result, [field]: { ...probe, httpGet: { ...get, path, port: 15020 } } };
  }
  return result;
}

/** The pod with its sidecar, or the error of a webhook that nobody answers. */
export function injectSidecar(pod: Pod, view: StoreView): { readonly object: Pod; readonly errors: readonly FieldError[] } {
  const webhook = webhookFor(pod, view);
  if (webhook === undefined || !isInstalled(view)) return { object: pod, errors: [] };
  const { state, version } = istiod(view);
  if (state !== 'ready') {
    const service = view.find('Service/istio-system/istiod') === undefined ? 'service "istiod" not found' : 'no endpoints available for service "istiod"';
    const message = `Internal error occurred: failed calling webhook "${webhook}": failed to call webhook: Post "https://istiod.istio-system.svc:443/inject?timeout=10s": ${service}`;
    return { object: pod, errors: [{ path: '', type: 'Internal error', message }] };
  }
  const image = `docker.io/istio/proxyv2:${version}`;
  const probers: Record<string, unknown> = {};
  const containers = pod.spec.containers.map((one) => rewriteProbes(one, probers));
  const health = (probe: Probe): Probe => ({ httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' }, timeoutSeconds: 3, ...probe });
  const init: Container = {
    name: INIT,
    image,
    args: ['istio-iptables', '-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020'],
  };
  const proxy: Container = {
    name: PROXY,
    image,
    restartPolicy: 'Always',
    args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local'],
    ports: [{ name: 'http-envoy-prom', containerPort: 15090, protocol: 'TCP' }],
    env: [
      { name: 'PROXY_CONFIG', value: '{}' },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
      { name: 'CA_ADDR', value: 'istiod.istio-system.svc:15012' },
      ...(Object.keys(probers).length === 0 ? [] : [{ name: 'ISTIO_KUBE_APP_PROBERS', value: JSON.stringify(probers) }]),
    ],
    startupProbe: health({ periodSeconds: 1, failureThreshold: 600 }),
    readinessProbe: health({ periodSeconds: 15, failureThreshold: 4 }),
  };
  const first = containers[0]?.name ?? '';
  const labels = pod.metadata.labels ?? {};
  const name = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels.app ?? pod.metadata.name;
  const object: Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...labels,
        [TLS_MODE_LABEL]: 'istio',
        'service.istio.io/canonical-name': name,
        'service.istio.io/canonical-revision': labels['app.kubernetes.io/version'] ?? labels.version ?? 'latest',
      },
      annotations: {
        ...pod.metadata.annotations,
        'istio.io/rev': 'default',
        'kubectl.kubernetes.io/default-container': first,
        'kubectl.kubernetes.io/default-logs-container': first,
        'sidecar.istio.io/status': JSON.stringify({
          initContainers: [INIT, PROXY],
          containers: null,
          volumes: null,
          imagePullSecrets: null,
          revision: 'default',
        }),
      },
    },
    spec: podSpecDefaults({ ...pod.spec, containers, initContainers: [init, proxy, ...(pod.spec.initContainers ?? [])] }, true),
  };
  return { object, errors: [] };
}
