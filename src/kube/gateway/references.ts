/** What backend references of routes lead to, and whether they may. sigs.k8s.io/gateway-api: apis/v1beta1/referencegrant_types.go. */
import type { ProxyBackend } from '../../net/app/proxy/config.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';
import { type EndpointSlice, type Service, serviceNameLabel } from '../service/types.ts';
import { backendTls } from './backend-tls.ts';
import { isGranted } from './grants.ts';
import { INFERENCE_GROUP, type InferencePool, poolBackend } from './inference.ts';
import { type BackendReference, GATEWAY_GROUP } from './types.ts';

export type RefProblem = 'InvalidKind' | 'RefNotPermitted' | 'BackendNotFound';

export interface ResolvedBackend {
  readonly backend: ProxyBackend;
  readonly problem?: { readonly reason: RefProblem; readonly message: string };
}

const FAILED = 500;

export function resolveBackend(route: KubeObject, reference: BackendReference, view: StoreView): ResolvedBackend {
  const { group = '', kind = 'Service', namespace = namespaceOf(route), name, port = 0 } = reference;
  const label = `${namespace}/${name}/${port}`;
  const fail = (reason: RefProblem, message: string): ResolvedBackend => ({
    backend: { name: `invalid ${label}`, endpoints: [], fails: FAILED },
    problem: { reason, message },
  });
  if (group === INFERENCE_GROUP && kind === 'InferencePool') {
    const pool = view.find<InferencePool>(`InferencePool/${namespace}/${name}`);
    if (pool === undefined) return fail('BackendNotFound', `InferencePool ${namespace}/${name} not found.`);
    return isGranted({ group: GATEWAY_GROUP, kind: route.kind, namespace: namespaceOf(route) }, { group, kind, namespace, name }, view)
      ? { backend: poolBackend(pool, view) }
      : fail('RefNotPermitted', `Backend ref to ${kind} ${namespace}/${name} not permitted by any ReferenceGrant.`);
  }
  if (group !== '' || kind !== 'Service')
    return fail(
      'InvalidKind',
      `Group is invalid, only the core API group (specified by omitting the group field or setting it to an empty string) and kind Service are supported: ${group}/${kind}`,
    );
  if (
    !isGranted(
      { group: route.apiVersion.split('/')[0] ?? GATEWAY_GROUP, kind: route.kind, namespace: namespaceOf(route) },
      { group, kind, namespace, name },
      view,
    )
  )
    return fail('RefNotPermitted', `Backend ref to ${kind} ${namespace}/${name} not permitted by any ReferenceGrant.`);
  const service = view.find<Service>(`Service/${namespace}/${name}`);
  if (service === undefined) return fail('BackendNotFound', `Service ${namespace}/${name} not found.`);
  const protocol = route.kind === 'UDPRoute' ? 'UDP' : 'TCP';
  const found = service.spec.ports?.find((one) => one.port === port && (one.protocol ?? 'TCP') === protocol);
  if (found === undefined) return fail('BackendNotFound', `${protocol} Port ${port} not found on service ${namespace}/${name}.`);
  const endpoints = new Map<string, { ip: string; port: number }>();
  for (const slice of view.select<EndpointSlice>('EndpointSlice', namespace, { [serviceNameLabel]: name })) {
    const number = slice.ports?.find((one) => (one.name ?? '') === (found.name ?? ''))?.port;
    if (number === undefined || number === null) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const ip = addresses?.[0];
      if (ip !== undefined && conditions?.ready !== false) endpoints.set(`${ip} ${number}`, { ip, port: number });
    }
  }
  // gRPC is HTTP/2, whatever the Service says.
  const http2 = route.kind === 'GRPCRoute' || found.appProtocol === 'kubernetes.io/h2c';
  const { tls, fails } = backendTls(service, found.name ?? '', view);
  // A policy that cannot be kept lets nothing through.
  if (fails) return { backend: { name: `invalid ${label}`, endpoints: [], fails: FAILED } };
  return {
    backend: {
      name: http2 ? `${label} h2` : label,
      ...(http2 ? { http2: true as const } : {}),
      ...(tls === undefined ? {} : { tls }),
      endpoints: [...endpoints.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port)),
    },
  };
}
