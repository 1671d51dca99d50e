/** Pods that run Traefik, and what its flags say. Traefik: pkg/config/static. */
import type { StoreView } from '../../../objects/types.ts';
import { perState } from '../../node/per-state.ts';
import { imageRole, parseImage } from '../../pod/images.ts';
import { hasSandbox, isContainerRunning } from '../../pod/running.ts';
import { type Container, namespaceOf, type Pod } from '../../pod/types.ts';

export interface EntryPoint {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** All its routers take TLS. */
  readonly tls: boolean;
  /** Where plain requests are sent: the name of another entry point, or a port. */
  readonly redirect: { readonly to: string; readonly scheme: string; readonly permanent: boolean } | undefined;
  /** Whose X-Forwarded headers are believed. */
  readonly trusted: readonly string[];
  readonly middlewares: readonly string[];
}

export interface TraefikFlags {
  readonly entryPoints: readonly EntryPoint[];
  readonly ingress: boolean;
  readonly routes: boolean;
  readonly ingressClass: string;
  readonly strictPrefix: boolean;
  readonly allowEmptyIngress: boolean;
  readonly allowEmptyRoutes: boolean;
  readonly crossNamespace: boolean;
  readonly externalName: boolean;
  readonly namespaces: readonly string[];
  /** `namespace/name` of the Service whose addresses Ingresses get, or an address. */
  readonly published: string;
  readonly endpointIp: string;
  readonly endpointHost: string;
  readonly apiInsecure: boolean;
  readonly api: boolean;
  readonly ping: boolean;
  readonly accessLog: boolean;
  readonly logLevel: string;
  readonly version: string;
}

export function traefikContainer(pod: Pod): Container | undefined {
  return pod.spec.containers.find((container) => imageRole(container.image ?? '') === 'traefik');
}

export const isTraefikRunning = (pod: Pod, container: Container): boolean =>
  (hasSandbox(pod) || pod.spec.hostNetwork === true) && isContainerRunning(pod, container.name);

export const traefikPods = perState(['Pod'], (view: StoreView): readonly Pod[] => view.list<Pod>('Pod').filter((pod) => traefikContainer(pod) !== undefined));

const MAX_ENTRY_POINTS = 50;
const remembered = new WeakMap<Container, TraefikFlags>();

/** Names of flags are the same in any case. */
function settings(pod: Pod, container: Container): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, value } of container.env ?? [])
    if (name.startsWith('TRAEFIK_') && value !== undefined) found.set(name.slice('TRAEFIK_'.length).toLowerCase().replaceAll('_', '.'), value);
  const words = [...(container.command ?? []), ...(container.args ?? [])].filter((word) => word.startsWith('--'));
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals).toLowerCase();
    found.set(
      name,
      equals < 0
        ? 'true'
        : word
            .slice(equals + 1)
            .replaceAll('$(POD_NAMESPACE)', namespaceOf(pod))
            .replaceAll('$(NAMESPACE)', namespaceOf(pod)),
    );
  }
  return found;
}

export function traefikFlags(pod: Pod, container: Container): TraefikFlags {
  let flags = remembered.get(container);
  if (flags === undefined) {
    flags = read(settings(pod, container), parseImage(container.image ?? '').tag);
    remembered.set(container, flags);
  }
  return flags;
}

function read(given: ReadonlyMap<string, string>, tag: string): TraefikFlags {
  const text = (name: string): string => given.get(name.toLowerCase()) ?? '';
  const any = (prefix: string): boolean => [...given.keys()].some((name) => name === prefix || name.startsWith(`${prefix}.`));
  const isOn = (name: string, standard = false): boolean => (given.has(name.toLowerCase()) ? text(name) !== 'false' : standard);
  const listOf = (value: string): readonly string[] => value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  const apiInsecure = isOn('api.insecure');
  const names = new Set([...given.keys()].flatMap((name) => (name.startsWith('entrypoints.') ? [name.split('.')[1] ?? ''] : [])));
  const points: EntryPoint[] = [];
  for (const name of [...names].slice(0, MAX_ENTRY_POINTS)) {
    const at = (what: string): string => text(`entrypoints.${name}.${what}`);
    const [address = '', protocol = 'tcp'] = at('address').split('/');
    const port = Number(/:(\d+)$/.exec(address)?.[1] ?? Number.NaN);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) continue;
    const to = at('http.redirections.entrypoint.to');
    points.push({
      name,
      port,
      protocol: protocol === 'udp' ? 'udp' : 'tcp',
      tls: any(`entrypoints.${name}.http.tls`) && at('http.tls') !== 'false',
      redirect:
        to === ''
          ? undefined
          : { to, scheme: at('http.redirections.entrypoint.scheme') || 'https', permanent: at('http.redirections.entrypoint.permanent') !== 'false' },
      trusted: at('forwardedheaders.insecure') === 'true' ? ['0.0.0.0/0', '::/0'] : listOf(at('forwardedheaders.trustedips')),
      middlewares: listOf(at('http.middlewares')),
    });
  }
  const plain = { protocol: 'tcp', tls: false, redirect: undefined, trusted: [], middlewares: [] } as const;
  if (points.length === 0) points.push({ ...plain, name: 'http', port: 80 });
  if ((apiInsecure || isOn('ping')) && !points.some(({ name }) => name === 'traefik')) points.push({ ...plain, name: 'traefik', port: 8080 });
  const own = 'providers.kubernetesingress';
  const crd = 'providers.kubernetescrd';
  return {
    entryPoints: points,
    ingress: any(own) && text(own) !== 'false',
    routes: any(crd) && text(crd) !== 'false',
    ingressClass: text(`${own}.ingressclass`),
    strictPrefix: isOn(`${own}.strictprefixmatching`),
    allowEmptyIngress: isOn(`${own}.allowemptyservices`),
    allowEmptyRoutes: isOn(`${crd}.allowemptyservices`),
    crossNamespace: isOn(`${crd}.allowcrossnamespace`),
    externalName: isOn(`${crd}.allowexternalnameservices`) || isOn(`${own}.allowexternalnameservices`),
    namespaces: listOf(text(`${own}.namespaces`) || text(`${crd}.namespaces`)),
    published: text(`${own}.ingressendpoint.publishedservice`),
    endpointIp: text(`${own}.ingressendpoint.ip`),
    endpointHost: text(`${own}.ingressendpoint.hostname`),
    apiInsecure,
    api: apiInsecure || isOn('api') || isOn('api.dashboard'),
    ping: isOn('ping'),
    accessLog: any('accesslog') && text('accesslog') !== 'false',
    logLevel: text('log.level').toUpperCase() || 'ERROR',
    version: /^v?\d/.test(tag) ? tag.replace(/^v/, '') : '3.5.3',
  };
}
