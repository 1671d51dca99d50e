/** Objects of `kubectl create service` and `ingress`. Kubernetes: kubectl/pkg/cmd/create/create_service.go, create_ingress.go */
import type { KubeObject } from '../../objects/types.ts';
import type { Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { metaOf, parsePortSpec } from './generators.ts';

export function service(kubectl: Kubectl, type: string, name: string): KubeObject {
  const { flags } = kubectl;
  const labels = { app: name };
  const ports = flags
    .all('tcp')
    .flatMap((value) => value.split(','))
    .map(parsePortSpec);
  const made = (spec: object): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metaOf(kubectl, name, labels),
    spec: { ...spec, selector: labels, type },
    status: { loadBalancer: {} },
  });
  if (type === 'ExternalName') return made({ externalName: flags.get('external-name'), ...(ports.length === 0 ? {} : { ports }) });
  const headless = flags.get('clusterip') === 'None';
  if (ports.length === 0 && !headless) throw new KubectlError('error: at least one tcp port specifier must be provided');
  const nodePort = flags.has('node-port') ? { nodePort: Number(flags.get('node-port')) } : {};
  return made({
    ...(flags.has('clusterip') ? { clusterIP: flags.get('clusterip') } : {}),
    ...(ports.length === 0 ? {} : { ports: ports.map((port) => ({ ...port, ...nodePort })) }),
  });
}

interface Rule {
  readonly host: string;
  readonly path: string;
  readonly backend: unknown;
  /** Undefined: no TLS; '': TLS with the controller's own certificate. */
  readonly secret: string | undefined;
}

const backendOf = (name: string, port: string): unknown => ({ service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } });

/** `host/path=service:port[,tls[=secret]]` */
function parseRule(text: string): Rule {
  const comma = text.indexOf(',');
  const [where, tls] = comma < 0 ? [text, undefined] : [text.slice(0, comma), text.slice(comma + 1)];
  const match = /^([\w*\-.]*)(\/[^=]*)=([^:=]+):([^:=]+)$/.exec(where);
  if (match === null) throw new KubectlError(`error: rule ${text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`);
  const [, host = '', path = '', name = '', port = ''] = match;
  return { host, path, backend: backendOf(name, port), secret: tls === undefined ? undefined : (tls.split('=')[1] ?? '') };
}

/** One entry a secret, each host once. */
function tlsOf(rules: readonly Rule[]): readonly { hosts?: string[]; secretName?: string }[] {
  const found: { hosts?: string[]; secretName?: string }[] = [];
  const placed = new Set<string>();
  for (const { host, secret } of rules) {
    if (secret === undefined) continue;
    const same = found.find((entry) => (entry.secretName ?? '') === secret);
    if (same !== undefined) {
      if (host !== '' && !placed.has(host) && same.hosts?.includes(host) !== true) same.hosts = [...(same.hosts ?? []), host];
      placed.add(host);
    } else if (host !== '' || secret !== '') found.push({ ...(host === '' ? {} : { hosts: [host] }), ...(secret === '' ? {} : { secretName: secret }) });
  }
  return found;
}

export function ingress(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const fallback = flags.get('default-backend');
  if (flags.all('rule').length === 0 && fallback === '')
    throw new KubectlError(
      'error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    );
  const rules = flags.all('rule').map(parseRule);
  const annotations = flags.all('annotation').map((word): readonly [string, string] => {
    const equals = word.indexOf('=');
    if (equals <= 0) throw new KubectlError(`error: annotation ${word} is invalid and should be in format key=[value]`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
  const [fallbackName = '', fallbackPort, more] = fallback.split(':');
  if (fallback !== '' && (fallbackPort === undefined || more !== undefined))
    throw new KubectlError('error: default-backend should be in format servicename:serviceport');
  const byHost = new Map<string, unknown[]>();
  for (const { host, path, backend } of rules) {
    const prefix = path.endsWith('*');
    const paths = byHost.get(host) ?? [];
    paths.push({ backend, path: prefix ? path.slice(0, -1) : path, pathType: prefix ? 'Prefix' : 'Exact' });
    byHost.set(host, paths);
  }
  const tls = tlsOf(rules);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { ...metaOf(kubectl, name), ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }) },
    spec: {
      ...(fallbackPort === undefined ? {} : { defaultBackend: backendOf(fallbackName, fallbackPort) }),
      ...(flags.has('class') ? { ingressClassName: flags.get('class') } : {}),
      ...(rules.length === 0 ? {} : { rules: [...byHost].map(([host, paths]) => ({ ...(host === '' ? {} : { host }), http: { paths } })) }),
      ...(tls.length === 0 ? {} : { tls }),
    },
    status: { loadBalancer: {} },
  };
}
