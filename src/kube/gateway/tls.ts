/** TLS at Gateways: certificates of listeners, and of their clients. sigs.k8s.io/gateway-api: apis/v1/gateway_types.go. */
import { parseCertificates } from '../../net/app/tls/certificate.ts';
import type { ClientAuthConfig, ServerTlsConfig, TlsIdentityConfig, TlsNameConfig } from '../../net/app/tls/config.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { readTlsSecret, textOf } from '../ingress/tls-secret.ts';
import { namespaceOf } from '../pod/types.ts';
import { isGranted } from './grants.ts';
import type { ListenerOwner, OwnedListener } from './listener-set.ts';
import { GATEWAY_GROUP, type Gateway, type Listener } from './types.ts';

export interface Resolved {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

const GOOD: Resolved = { ok: true, reason: 'ResolvedRefs', message: 'Listener references have been resolved' };

export const endsTls = ({ protocol, tls }: Listener): boolean => protocol === 'HTTPS' || (protocol === 'TLS' && tls?.mode !== 'Passthrough');

interface DataObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The certificates of a listener, or why it has none. */
export function listenerIdentities(
  owner: ListenerOwner,
  listener: Listener,
  view: StoreView,
): { readonly resolved: Resolved; readonly identities: readonly TlsIdentityConfig[] } {
  const identities: TlsIdentityConfig[] = [];
  if (!endsTls(listener)) return { resolved: GOOD, identities };
  const own = namespaceOf(owner);
  const fail = (reason: string, message: string) => ({ resolved: { ok: false, reason, message }, identities: [] });
  for (const reference of listener.tls?.certificateRefs ?? []) {
    const { group = '', kind = 'Secret', namespace = own, name } = reference;
    const bad = (message: string) => fail('InvalidCertificateRef', message);
    if (group !== '' || kind !== 'Secret') return bad(`Listener's TLS certificate ref must be a Secret, not ${group}/${kind}.`);
    if (!isGranted({ group: GATEWAY_GROUP, kind: owner.kind, namespace: own }, { group, kind, namespace, name }, view))
      return fail('RefNotPermitted', `Certificate ref to secret ${namespace}/${name} not permitted by any ReferenceGrant.`);
    const secret = view.find<DataObject>(`Secret/${namespace}/${name}`);
    if (secret === undefined) return bad(`Secret ${namespace}/${name} does not exist.`);
    const read = readTlsSecret(secret);
    if (!read.ok) return bad(`Secret ${namespace}/${name} must contain valid tls.crt and tls.key.`);
    identities.push(read.identity);
  }
  return identities.length === 0 ? fail('InvalidCertificateRef', 'Listener must have at least 1 TLS certificate ref') : { resolved: GOOD, identities };
}

export interface CaReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
}
interface Validation {
  readonly caCertificateRefs?: readonly CaReference[];
  readonly mode?: string;
}
interface GatewayTls {
  readonly backend?: { readonly clientCertificateRef?: CaReference };
  readonly frontend?: {
    readonly default?: { readonly validation?: Validation };
    readonly perPort?: readonly { readonly port?: number; readonly tls?: { readonly validation?: Validation } }[];
  };
}

/** PEM of those references that lead to certificates, and what is wrong with the others. */
export function caOf(
  references: readonly CaReference[],
  from: KubeObject,
  view: StoreView,
): { readonly pem: string; readonly problem?: 'InvalidKind' | 'InvalidCACertificateRef' | 'RefNotPermitted'; readonly about: string } {
  let pem = '';
  let problem: 'InvalidKind' | 'InvalidCACertificateRef' | 'RefNotPermitted' | undefined;
  let about = '';
  for (const { group = '', kind = 'ConfigMap', name, namespace = namespaceOf(from) } of references) {
    const note = (reason: typeof problem): void => {
      problem ??= reason;
      about = `${kind} ${namespace}/${name}`;
    };
    if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
      note('InvalidKind');
      continue;
    }
    if (!isGranted({ group: GATEWAY_GROUP, kind: from.kind, namespace: namespaceOf(from) }, { group, kind, namespace, name }, view)) {
      note('RefNotPermitted');
      continue;
    }
    const object = view.find<DataObject>(`${kind}/${namespace}/${name}`);
    const text = object === undefined ? undefined : kind === 'Secret' ? textOf(object, 'ca.crt') : object.data?.['ca.crt'];
    if (text === undefined || parseCertificates(text) === undefined) note('InvalidCACertificateRef');
    else pem += text.endsWith('\n') ? text : `${text}\n`;
  }
  return { pem, about, ...(problem === undefined ? {} : { problem }) };
}

const tlsOf = (gateway: Gateway): GatewayTls | undefined => (gateway.spec as { readonly tls?: GatewayTls } | undefined)?.tls;

/** What a Gateway shows to backends that ask who it is; undefined where it is not said. */
export function backendIdentity(gateway: Gateway, view: StoreView): { readonly resolved: Resolved; readonly identity?: TlsIdentityConfig } | undefined {
  const reference = tlsOf(gateway)?.backend?.clientCertificateRef;
  if (reference === undefined) return undefined;
  const own = namespaceOf(gateway);
  const { group = '', kind = 'Secret', namespace = own, name } = reference;
  const fail = (reason: string, message: string) => ({ resolved: { ok: false, reason, message } });
  if (group !== '' || kind !== 'Secret') return fail('InvalidClientCertificateRef', `The client certificate ref must be a Secret, not ${group}/${kind}.`);
  if (!isGranted({ group: GATEWAY_GROUP, kind: 'Gateway', namespace: own }, { group, kind, namespace, name }, view))
    return fail('RefNotPermitted', `Client certificate ref to secret ${namespace}/${name} not permitted by any ReferenceGrant.`);
  const secret = view.find<DataObject>(`Secret/${namespace}/${name}`);
  const read = secret === undefined ? undefined : readTlsSecret(secret);
  return read?.ok === true
    ? { resolved: { ok: true, reason: 'ResolvedRefs', message: 'All references are resolved' }, identity: read.identity }
    : fail(
        'InvalidClientCertificateRef',
        secret === undefined ? `Secret ${namespace}/${name} does not exist.` : `Secret ${namespace}/${name} must contain valid tls.crt and tls.key.`,
      );
}

export const frontendValidation = (gateway: Gateway, port: number): Validation | undefined => {
  const tls = tlsOf(gateway)?.frontend;
  return tls?.perPort?.find((one) => one.port === port)?.tls?.validation ?? tls?.default?.validation;
};

/** Whether some listener takes clients whose certificates nobody believes. */
export const isInsecure = (gateway: Gateway): boolean =>
  (gateway.spec?.listeners ?? []).some(({ port }) => frontendValidation(gateway, port)?.mode === 'AllowInsecureFallback');

/** What is wrong with the references to those who sign clients' certificates. */
export function frontendState(gateway: Gateway, listener: Listener, view: StoreView): Resolved {
  const validation = listener.protocol === 'HTTPS' ? frontendValidation(gateway, listener.port) : undefined;
  if (validation === undefined) return GOOD;
  const { problem, pem, about } = caOf(validation.caCertificateRefs ?? [], gateway, view);
  if (problem === undefined || pem !== '') return GOOD;
  const reason = problem === 'InvalidKind' ? 'InvalidCACertificateKind' : problem;
  return { ok: false, reason, message: `The CA certificate reference ${about} of spec.tls.frontend cannot be used` };
}

function clientsOf(gateway: Gateway, port: number, view: StoreView): ClientAuthConfig | undefined {
  const validation = frontendValidation(gateway, port);
  if (validation === undefined) return undefined;
  const { pem } = caOf(validation.caCertificateRefs ?? [], gateway, view);
  return validation.mode === 'AllowInsecureFallback' ? { mode: 'optional', ca: pem, insecure: true } : { mode: 'require', ca: pem };
}

/** How the listeners of one port that end TLS do it. Each listener's name has its certificate. */
export function serverTls(gateway: Gateway, listeners: readonly OwnedListener[], view: StoreView): ServerTlsConfig {
  const identities: TlsIdentityConfig[] = [];
  const names: TlsNameConfig[] = [];
  for (const { listener, owner } of listeners) {
    const index = owner.spec?.listeners?.indexOf(listener) ?? 0;
    const own = listenerIdentities(owner, listener, view).identities;
    const clients = listener.protocol === 'HTTPS' ? clientsOf(gateway, listener.port, view) : undefined;
    const first = own[0];
    if (first === undefined) continue;
    const at = identities.push(...own) - own.length;
    const why = `listener ${listener.name} (spec.listeners[${index}]) of ${owner.kind} ${namespaceOf(owner)}/${owner.metadata.name} has it`;
    names.push({ name: listener.hostname?.toLowerCase() ?? '', deep: true, identity: at, why, ...(clients === undefined ? {} : { clients }) });
  }
  return { identities, names, alpn: listeners.some(({ listener }) => listener.protocol === 'HTTPS') ? ['h2', 'http/1.1'] : [], tickets: 2 };
}
