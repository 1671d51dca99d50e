/** TLS from Gateways to backends: which BackendTLSPolicy holds, and whether it can be kept. sigs.k8s.io/gateway-api: apis/v1/backendtlspolicy_types.go. */
import type { ClientTlsConfig } from '../../net/app/tls/config.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { type Condition, namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';
import { type CaReference, caOf, type Resolved } from './tls.ts';

export interface BackendTlsPolicy extends KubeObject {
  readonly spec?: {
    readonly targetRefs?: readonly { readonly group?: string; readonly kind?: string; readonly name: string; readonly sectionName?: string }[];
    readonly validation?: {
      readonly caCertificateRefs?: readonly CaReference[];
      readonly wellKnownCACertificates?: string;
      readonly hostname?: string;
      readonly subjectAltNames?: readonly { readonly type?: string; readonly hostname?: string }[];
    };
  };
  readonly status?: { readonly ancestors?: readonly BackendAncestor[] };
}
export interface BackendAncestor {
  readonly ancestorRef: { readonly group?: string; readonly kind?: string; readonly name: string; readonly namespace?: string };
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

const older = (a: KubeObject, b: KubeObject): number => {
  const key = (one: KubeObject): string => `${one.metadata.creationTimestamp ?? ''} ${one.metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
};

const targets = (policy: BackendTlsPolicy, service: string, port: string): 'port' | 'service' | undefined => {
  let found: 'port' | 'service' | undefined;
  for (const { group = '', kind = 'Service', name, sectionName } of policy.spec?.targetRefs ?? []) {
    if (group !== '' || kind !== 'Service' || name !== service) continue;
    if (sectionName === undefined) found ??= 'service';
    else if (sectionName === port) found = 'port';
  }
  return found;
};

/** The policy that holds for a port of a Service: one that names the port before one for all ports, then the oldest. */
export function policyFor(service: Service, portName: string, view: StoreView): BackendTlsPolicy | undefined {
  const all = view
    .list<BackendTlsPolicy>('BackendTLSPolicy', namespaceOf(service))
    .filter((one) => targets(one, service.metadata.name, portName) !== undefined);
  return [...all].sort(
    (a, b) => Number(targets(b, service.metadata.name, portName) === 'port') - Number(targets(a, service.metadata.name, portName) === 'port') || older(a, b),
  )[0];
}

export function policyState(policy: BackendTlsPolicy, view: StoreView): { readonly accepted: Resolved; readonly resolved: Resolved; readonly pem: string } {
  const validation = policy.spec?.validation;
  const references = validation?.caCertificateRefs ?? [];
  const { pem, problem, about } = caOf(references, policy, view);
  const conflicted = (policy.spec?.targetRefs ?? []).some(({ name, sectionName }) =>
    view
      .list<BackendTlsPolicy>('BackendTLSPolicy', namespaceOf(policy))
      .some(
        (other) =>
          objectKey(other) !== objectKey(policy) &&
          older(other, policy) < 0 &&
          (other.spec?.targetRefs ?? []).some((target) => target.name === name && target.sectionName === sectionName),
      ),
  );
  const resolved: Resolved =
    problem === undefined
      ? { ok: true, reason: 'ResolvedRefs', message: 'Resolved all the Object references' }
      : { ok: false, reason: problem, message: `The CA certificate reference ${about} cannot be used` };
  const accepted: Resolved = conflicted
    ? { ok: false, reason: 'Conflicted', message: 'An older BackendTLSPolicy has the same target' }
    : references.length > 0 && pem === ''
      ? { ok: false, reason: 'NoValidCACertificate', message: 'No valid CA certificate' }
      : { ok: true, reason: 'Accepted', message: 'Policy has been accepted.' };
  return { accepted, resolved, pem };
}

/** TLS to a port of a Service; `fails` where its policy cannot be kept. */
export function backendTls(
  service: Service,
  portName: string,
  view: StoreView,
): { readonly tls?: ClientTlsConfig; readonly fails: boolean; readonly policy?: ObjectKey } {
  const policy = policyFor(service, portName, view);
  if (policy === undefined) return { fails: false };
  const { accepted, pem } = policyState(policy, view);
  const hostname = policy.spec?.validation?.hostname ?? '';
  const alternative = policy.spec?.validation?.subjectAltNames?.find(({ type }) => type === undefined || type === 'Hostname')?.hostname;
  return {
    fails: !accepted.ok,
    policy: objectKey(policy),
    tls: {
      serverName: hostname,
      checkName: alternative ?? hostname,
      ca: pem,
      why: `BackendTLSPolicy ${namespaceOf(policy)}/${policy.metadata.name} asks for it`,
    },
  };
}
