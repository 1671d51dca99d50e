/** Ingresses as Gateways and HTTPRoutes, by the rules of ingress2gateway: one Gateway for a class and namespace with a listener for each host, one HTTPRoute for a host. sigs.k8s.io/ingress2gateway: pkg/i2gw/providers/common, providers/ingressnginx. */
import type { Ingress, IngressBackend } from '../../kube/ingress/ingress.ts';
import type { KubeObject } from '../../objects/types.ts';

export interface Converted {
  readonly objects: readonly KubeObject[];
  /** What of the Ingresses has no word here, each once. */
  readonly notes: readonly string[];
}

const API = 'gateway.networking.k8s.io/v1';
const NGINX = 'nginx.ingress.kubernetes.io/';
const CANARY = ['canary', 'canary-weight', 'canary-weight-total', 'canary-by-header', 'canary-by-header-value'];
/** Read here or by the tools that wrote them; of no meaning to who forwards. */
const SILENT = /^(?:kubectl\.kubernetes\.io|kubehop\.dev|kubernetes\.io)\//;

interface Rule {
  readonly ingress: Ingress;
  readonly path: string;
  readonly pathType: string;
  readonly backend: IngressBackend | undefined;
}
interface Backend {
  readonly name: string;
  readonly port?: number;
  readonly weight?: number;
}

const nameOf = (host: string): string => (host === '' ? 'all-hosts' : host.replace(/^\*/, 'wildcard').replaceAll('.', '-'));
const annotation = ({ metadata }: Ingress, name: string): string | undefined => metadata.annotations?.[NGINX + name];
const isCanary = (ingress: Ingress): boolean => annotation(ingress, 'canary') === 'true';
const classOf = ({ metadata, spec }: Ingress): string => spec?.ingressClassName ?? metadata.annotations?.['kubernetes.io/ingress.class'] ?? '';

/** `className`: of a GatewayClass that is there; without one a class of kubehop's own is written too. `portOf`: a Service's port by its name. */
export function convertIngresses(
  ingresses: readonly Ingress[],
  className: string | undefined,
  portOf: (namespace: string, service: string, port: string) => number | undefined,
): Converted {
  const notes = new Set<string>();
  const objects: KubeObject[] = [];
  if (className === undefined)
    objects.push({
      apiVersion: API,
      kind: 'GatewayClass',
      metadata: { name: 'kubehop' },
      spec: { controllerName: 'kubehop.dev/gateway-controller' },
    } as KubeObject);
  const groups = new Map<string, Ingress[]>();
  for (const ingress of ingresses) {
    const key = `${ingress.metadata.namespace ?? 'default'} ${classOf(ingress)}`;
    groups.set(key, [...(groups.get(key) ?? []), ingress]);
  }
  for (const [key, group] of groups) {
    const [namespace = 'default', ingressClass = ''] = key.split(' ');
    const gateway = ingressClass === '' ? 'ingress' : ingressClass;
    const hosts = new Map<string, Rule[]>();
    const secrets = new Map<string, string>();
    for (const ingress of group) {
      for (const { host = '', http } of ingress.spec?.rules ?? []) {
        const rules = (http?.paths ?? []).map(({ path = '/', pathType = 'Prefix', backend }) => ({ ingress, path, pathType, backend }));
        hosts.set(host, [...(hosts.get(host) ?? []), ...rules]);
      }
      const { defaultBackend } = ingress.spec ?? {};
      if (defaultBackend !== undefined) hosts.set('', [...(hosts.get('') ?? []), { ingress, path: '/', pathType: 'Prefix', backend: defaultBackend }]);
      for (const { hosts: names = [], secretName } of ingress.spec?.tls ?? [])
        if (secretName !== undefined) for (const name of names) secrets.set(name, secretName);
      noteAnnotations(ingress, notes);
    }
    const listeners = [...hosts.keys()].flatMap((host) => {
      const hostname = host === '' ? {} : { hostname: host };
      const secret = secrets.get(host);
      const plain = { name: `${nameOf(host)}-http`, ...hostname, port: 80, protocol: 'HTTP' };
      return secret === undefined
        ? [plain]
        : [plain, { name: `${nameOf(host)}-https`, ...hostname, port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: secret }] } }];
    });
    if (listeners.length === 0) continue;
    objects.push({
      apiVersion: API,
      kind: 'Gateway',
      metadata: { name: gateway, namespace },
      spec: { gatewayClassName: className ?? 'kubehop', listeners },
    } as KubeObject);
    for (const [host, rules] of hosts) objects.push(routeOf(host, rules, gateway, namespace, portOf, notes));
  }
  return { objects, notes: [...notes] };
}

function noteAnnotations(ingress: Ingress, notes: Set<string>): void {
  for (const name of Object.keys(ingress.metadata.annotations ?? {})) {
    const short = name.startsWith(NGINX) ? name.slice(NGINX.length) : name;
    if (SILENT.test(name) || (name.startsWith(NGINX) && CANARY.includes(short))) continue;
    if (short === 'rewrite-target' && !/\$\d/.test(ingress.metadata.annotations?.[name] ?? '')) continue;
    notes.add(`the annotation ${short} of ${ingress.metadata.name}`);
  }
}

function routeOf(
  host: string,
  rules: readonly Rule[],
  gateway: string,
  namespace: string,
  portOf: (namespace: string, service: string, port: string) => number | undefined,
  notes: Set<string>,
): KubeObject {
  const backendOf = ({ backend, ingress }: Rule): Backend | undefined => {
    const { name, port } = backend?.service ?? {};
    if (name === undefined) {
      notes.add(`a backend of ${ingress.metadata.name} that is no Service`);
      return undefined;
    }
    const number = port?.number ?? (port?.name === undefined ? undefined : portOf(namespace, name, port.name));
    if (number === undefined) notes.add(`the port ${port?.name ?? ''} of ${name}, which nobody has`);
    return { name, ...(number === undefined ? {} : { port: number }) };
  };
  const byPath = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = `${rule.pathType} ${rule.path}`;
    byPath.set(key, [...(byPath.get(key) ?? []), rule]);
  }
  const converted = [...byPath.values()].flatMap((same) => {
    const main = same.filter(({ ingress }) => !isCanary(ingress));
    const canary = same.find(({ ingress }) => isCanary(ingress));
    const first = main[0] ?? canary;
    if (first === undefined) return [];
    const { ingress, path, pathType } = first;
    const target = annotation(ingress, 'rewrite-target');
    const isExpression = annotation(ingress, 'use-regex') === 'true' || (target !== undefined && /\$\d/.test(target));
    // As ingress2gateway has it, what the controller decides by itself is a prefix.
    const type = isExpression ? 'RegularExpression' : pathType === 'Exact' ? 'Exact' : 'PathPrefix';
    const matches = [{ path: { type, value: path } }];
    const filters =
      target === undefined || /\$\d/.test(target)
        ? {}
        : { filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: target } } }] };
    const own = backendOf(first);
    const other = canary === undefined || canary === first ? undefined : backendOf(canary);
    const total = Number(canary === undefined ? 100 : (annotation(canary.ingress, 'canary-weight-total') ?? 100));
    const weight = Number(canary === undefined ? 0 : (annotation(canary.ingress, 'canary-weight') ?? 0));
    const header = canary === undefined ? undefined : annotation(canary.ingress, 'canary-by-header');
    const value = canary === undefined ? 'always' : (annotation(canary.ingress, 'canary-by-header-value') ?? 'always');
    const backendRefs = [
      ...(own === undefined ? [] : [other === undefined ? own : { ...own, weight: Math.max(0, total - weight) }]),
      ...(other === undefined ? [] : [{ ...other, weight }]),
    ];
    const asked =
      header === undefined || other === undefined
        ? []
        : [{ matches: [{ ...matches[0], headers: [{ name: header, value }] }], ...filters, backendRefs: [other] }];
    return [...asked, { matches, ...filters, backendRefs }];
  });
  const name = `${rules.find(({ ingress }) => !isCanary(ingress))?.ingress.metadata.name ?? 'route'}-${nameOf(host)}`;
  return {
    apiVersion: API,
    kind: 'HTTPRoute',
    metadata: { name, namespace },
    spec: { parentRefs: [{ name: gateway }], ...(host === '' ? {} : { hostnames: [host] }), rules: converted },
  } as KubeObject;
}
