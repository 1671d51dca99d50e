/** Routers and services that Traefik makes of Ingresses. Traefik: pkg/provider/kubernetes/ingress/kubernetes.go. */
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { sha256 } from '../../service/kube-proxy-sha256.ts';
import type { Service } from '../../service/types.ts';
import type { Ingress, IngressBackend, IngressPath } from '../ingress.ts';
import { parseRule } from './rule-parser.ts';
import { findServers, serviceFrom, stickyOf } from './services.ts';
import type { TraefikFlags } from './traefik-pods.ts';
import type { Router, TService } from './types.ts';

export const INGRESS_CONTROLLER = 'traefik.io/ingress-controller';
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PREFIX = 'traefik.ingress.kubernetes.io/';
/** Below everything: -2^63, as JSON has it. */
const LOWEST = -9_223_372_036_854_775_000;

interface ClassObject extends KubeObject {
  readonly spec?: { readonly controller?: string };
}

export function isTraefikIngress(ingress: Ingress, flags: TraefikFlags, view: StoreView): boolean {
  if (flags.namespaces.length > 0 && !flags.namespaces.includes(namespaceOf(ingress))) return false;
  const name = ingress.spec?.ingressClassName;
  if (name !== undefined && name !== '') {
    if (flags.ingressClass !== '' && name !== flags.ingressClass) return false;
    return view.find<ClassObject>(`IngressClass/${name}`)?.spec?.controller === INGRESS_CONTROLLER;
  }
  const annotated = ingress.metadata.annotations?.[CLASS_ANNOTATION] ?? '';
  return flags.ingressClass === '' ? annotated === '' || annotated === 'traefik' : annotated === flags.ingressClass;
}

/** provider.Normalize: what is neither letter nor digit parts words. */
export const normalize = (name: string): string =>
  name
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .join('-');

/** So many bytes of SHA-256, as %.10x prints them. */
export const shortHash = (text: string): string => [...sha256(text).subarray(0, 10)].map((one) => one.toString(16).padStart(2, '0')).join('');

function hostRule(host: string): string {
  return host.startsWith('*.') ? `HostRegexp(\`^[a-zA-Z0-9-]+\\.${host.slice(2).replaceAll('.', '\\.')}$\`)` : `Host(\`${host}\`)`;
}

function pathRule({ path = '', pathType }: IngressPath, annotated: string, strict: boolean): string {
  if (path === '') return '';
  if (pathType === 'Exact') return `Path(\`${path}\`)`;
  if (pathType === 'Prefix') {
    if (!strict || path === '/') return `PathPrefix(\`${path}\`)`;
    const plain = path.replace(/\/$/, '');
    return `(Path(\`${plain}\`) || PathPrefix(\`${plain}/\`))`;
  }
  return `${annotated}(\`${path}\`)`;
}

export interface Made {
  readonly routers: readonly Router[];
  readonly services: readonly TService[];
  readonly log: readonly string[];
  readonly findings: readonly { readonly key: string; readonly message: string; readonly severity: 'warning' | 'info' }[];
}

const ROUTER = ['router.entrypoints', 'router.middlewares', 'router.priority', 'router.pathmatcher', 'router.tls', 'router.tls.options'];

export function fromIngress(ingress: Ingress, flags: TraefikFlags, view: StoreView): Made {
  const routers: Router[] = [];
  const services: TService[] = [];
  const log: string[] = [];
  const namespace = namespaceOf(ingress);
  const { name } = ingress.metadata;
  const key = objectKey(ingress);
  const given = new Map(
    Object.entries(ingress.metadata.annotations ?? {}).flatMap(([label, value]) =>
      label.startsWith(PREFIX) ? [[label.slice(PREFIX.length).toLowerCase(), value] as const] : [],
    ),
  );
  const listOf = (label: string): readonly string[] => (given.get(label) ?? '').split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  const entryPoints = listOf('router.entrypoints');
  const tls = given.get('router.tls') === 'true' || given.has('router.tls.options') ? (given.get('router.tls.options') ?? 'default') : undefined;
  const middlewares = listOf('router.middlewares');
  const priority = Number(given.get('router.priority') ?? 0) || 0;
  const line = (error: string, extra: string) => log.push(`${error} ${extra}ingress=${name} namespace=${namespace} providerName=kubernetes`);
  const add = (base: string, rule: string, backend: IngressBackend | undefined, standard: number): void => {
    const reference = backend?.service;
    if (reference?.name === undefined) {
      if (backend?.resource !== undefined) line('Resource is not supported for ingress', '');
      return;
    }
    const port = reference.port?.name ?? reference.port?.number;
    const service = view.find<Service>(`Service/${namespace}/${reference.name}`);
    const annotated = (label: string): string | undefined => service?.metadata.annotations?.[`${PREFIX}service.${label}`];
    const found = findServers(
      { namespace, name: reference.name, port, scheme: annotated('serversscheme') ?? '', nativeLb: annotated('nativelb') === 'true' },
      view,
    );
    if (!found.ok) {
      const error = found.error.startsWith('kubernetes service not found') ? 'service not found' : found.error;
      line(
        `Cannot create service error="${error}"`,
        `serviceName=${reference.name} servicePort=&ServiceBackendPort{Name:${reference.port?.name ?? ''},Number:${reference.port?.number ?? 0},} `,
      );
      return;
    }
    if (found.servers.length === 0 && !flags.allowEmptyIngress) {
      line(
        'Skipping service: no endpoints found',
        `serviceName=${reference.name} servicePort=&ServiceBackendPort{Name:${reference.port?.name ?? ''},Number:${reference.port?.number ?? 0},} `,
      );
      return;
    }
    const serviceName = normalize(`${namespace}-${reference.name}-${reference.port?.name ?? reference.port?.number ?? ''}`);
    const cookie = annotated('sticky.cookie') === 'true' || annotated('sticky.cookie.name') !== undefined;
    const cookieName = annotated('sticky.cookie.name');
    const sticky = cookie
      ? stickyOf(
          {
            ...(cookieName === undefined ? {} : { name: cookieName }),
            secure: annotated('sticky.cookie.secure') === 'true',
            httpOnly: annotated('sticky.cookie.httponly') === 'true',
          },
          serviceName,
        )
      : undefined;
    const passHost = annotated('passhostheader') !== 'false';
    services.push(serviceFrom(`${serviceName}@kubernetes`, found, passHost, sticky));
    // Two paths of one name are told apart by their rules.
    const own = `${base}@kubernetes`;
    const routerName = routers.some((one) => one.name === own) ? `${base}-${shortHash(rule)}@kubernetes` : own;
    const parsed = parseRule(rule);
    routers.push({
      name: routerName,
      entryPoints,
      rule,
      parsed: parsed.ok ? parsed.rule : undefined,
      priority: priority !== 0 ? priority : standard !== 0 ? standard : rule.length,
      middlewares,
      service: `${serviceName}@kubernetes`,
      tls,
      errors: parsed.ok ? [] : [parsed.error],
      object: key,
    });
  };
  for (const { host = '', http } of ingress.spec?.rules ?? []) {
    for (const one of http?.paths ?? []) {
      const path = pathRule(one, given.get('router.pathmatcher') ?? 'PathPrefix', flags.strictPrefix);
      const rule = [...(host === '' ? [] : [hostRule(host)]), ...(path === '' ? [] : [path])].join(' && ');
      add(normalize(`${namespace}-${name}-${host}${one.path ?? ''}`), rule === '' ? 'PathPrefix(`/`)' : rule, one.backend, 0);
    }
  }
  // Only without rules, and below all others.
  if ((ingress.spec?.rules ?? []).length === 0) add('default-router', 'PathPrefix(`/`)', ingress.spec?.defaultBackend, LOWEST);
  else if (ingress.spec?.defaultBackend !== undefined) add('default-router', 'PathPrefix(`/`)', ingress.spec.defaultBackend, LOWEST);
  const unknown = [...given.keys()].filter((label) => !ROUTER.includes(label));
  return {
    routers,
    services,
    log,
    findings: [
      ...log.map((message) => ({ key, message: `Traefik: ${message}`, severity: 'warning' as const })),
      ...(unknown.length === 0
        ? []
        : [{ key, message: `not simulated: ${unknown.map((label) => `${PREFIX}${label}`).join(', ')}`, severity: 'info' as const }]),
    ],
  };
}
