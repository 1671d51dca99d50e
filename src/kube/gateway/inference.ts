/** InferencePool: model servers as a backend of routes, chosen by prompt. gateway-api-inference-extension: api/v1/inferencepool_types.go. */
import type { ProxyBackend } from '../../net/app/proxy/config.ts';
import type { ControllerContext, KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isReady, namespaceOf, type Pod } from '../pod/types.ts';
import { type EndpointSlice, serviceNameLabel } from '../service/types.ts';
import { conditionsFrom, type Said, writeStatus } from './conditions.ts';
import { GATEWAY_GROUP, type Gateway, type Route } from './types.ts';

export const INFERENCE_GROUP = 'inference.networking.k8s.io';

export interface InferencePool extends KubeObject {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly targetPorts?: readonly { readonly number: number }[];
    readonly endpointPickerRef?: { readonly name: string; readonly failureMode?: string };
  };
  readonly status?: { readonly parents?: readonly { readonly parentRef: object; readonly conditions?: Parameters<typeof conditionsFrom>[1] }[] };
}

/** Whether the picker's Service has somebody who is ready. */
function hasPicker(pool: InferencePool, view: StoreView): boolean {
  const name = pool.spec?.endpointPickerRef?.name ?? '';
  return view
    .select<EndpointSlice>('EndpointSlice', namespaceOf(pool), { [serviceNameLabel]: name })
    .some(({ endpoints = [] }) => (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false));
}

const FAILED = 500;

/** Ready pods of the pool. Without a picker requests fail, or take turns where the pool says FailOpen. */
export function poolBackend(pool: InferencePool, view: StoreView): ProxyBackend {
  const name = `${namespaceOf(pool)}/${pool.metadata.name}`;
  const picked = hasPicker(pool, view);
  if (!picked && pool.spec?.endpointPickerRef?.failureMode !== 'FailOpen') return { name: `pool ${name}`, endpoints: [], fails: FAILED };
  const wanted = Object.entries(pool.spec?.selector?.matchLabels ?? {});
  const port = pool.spec?.targetPorts?.[0]?.number ?? 0;
  const endpoints = view
    .list<Pod>('Pod', namespaceOf(pool))
    .filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined && wanted.every(([key, value]) => pod.metadata.labels?.[key] === value))
    .flatMap(({ status }) => (status?.podIP === undefined ? [] : [{ ip: status.podIP, port }]))
    .sort((a, b) => (a.ip < b.ip ? -1 : 1));
  return { name: `pool ${name}`, endpoints, ...(picked ? { policy: { balance: 'prompt' as const, source: objectKey(pool) } } : {}) };
}

/** The Gateways whose routes lead to the pool. */
export function reconcilePool(
  pool: InferencePool,
  gateways: readonly { readonly gateway: Gateway; readonly routes: readonly Route[] }[],
  context: ControllerContext,
): void {
  const leads = (route: Route): boolean =>
    (route.spec?.rules ?? []).some(({ backendRefs = [] }) =>
      backendRefs.some(
        ({ kind, name, namespace = namespaceOf(route) }) => kind === 'InferencePool' && name === pool.metadata.name && namespace === namespaceOf(pool),
      ),
    );
  const picked = hasPicker(pool, context.view);
  const reference = pool.spec?.endpointPickerRef?.name ?? '';
  const said: readonly Said[] = [
    ['Accepted', true, 'Accepted', 'InferencePool has been accepted by the Gateway'],
    picked
      ? ['ResolvedRefs', true, 'ResolvedRefs', 'All references are resolved']
      : ['ResolvedRefs', false, 'InvalidExtensionRef', `The endpoint picker ${reference} has no ready endpoint`],
  ];
  const parents = gateways
    .filter(({ routes }) => routes.some(leads))
    .map(({ gateway }) => {
      const parentRef = { group: GATEWAY_GROUP, kind: 'Gateway', name: gateway.metadata.name, namespace: namespaceOf(gateway) };
      const before = pool.status?.parents?.find((one) => JSON.stringify(one.parentRef) === JSON.stringify(parentRef))?.conditions;
      return { parentRef, conditions: conditionsFrom(said, before, pool.metadata.generation, context.timestamp) };
    });
  if (parents.length === 0 && pool.status?.parents === undefined) return;
  writeStatus(pool, { ...pool.status, parents }, context);
}
