/** What an update of a Service drops or aligns before it is looked at: leftovers of its former type. Kubernetes: pkg/registry/core/service/strategy.go, dropTypeDependentFields. */
import { deepEqual } from '../../base/equal.ts';
import { needsClusterIp, type Service, type ServiceSpec, usesNodePorts } from './types.ts';

type Draft = { -readonly [K in keyof ServiceSpec]?: ServiceSpec[K] };

const nodePortsOf = (service: Service): readonly number[] => (service.spec.ports ?? []).map((port) => port.nodePort ?? 0);
const isOutside = (service: Service): boolean => usesNodePorts(service) || (service.spec.externalIPs ?? []).length > 0;
const checksHealth = (service: Service): boolean => service.spec.type === 'LoadBalancer' && service.spec.externalTrafficPolicy === 'Local';

/** Fields are dropped only where the update left them as they were: what somebody wrote is never taken away silently. The same reference when nothing was. */
export function normalizeService(service: Service, old: Service | undefined): Service {
  if (old === undefined) return service;
  const { spec } = service;
  const draft: Draft = { ...spec };
  let changed = false;
  const drop = (...fields: readonly (keyof ServiceSpec)[]): void => {
    for (const field of fields) {
      if (draft[field] === undefined) continue;
      delete draft[field];
      changed = true;
    }
  };
  const sameIps = spec.clusterIP === old.spec.clusterIP && deepEqual(spec.clusterIPs, old.spec.clusterIPs);
  if (needsClusterIp(old) && !needsClusterIp(service) && sameIps) {
    drop('clusterIP', 'clusterIPs');
    if (deepEqual(spec.ipFamilies, old.spec.ipFamilies)) drop('ipFamilies');
    if (spec.ipFamilyPolicy === old.spec.ipFamilyPolicy) drop('ipFamilyPolicy');
  } else if (
    spec.clusterIP !== undefined &&
    spec.clusterIP !== '' &&
    spec.clusterIP !== old.spec.clusterIP &&
    deepEqual(spec.clusterIPs, old.spec.clusterIPs)
  ) {
    // Whoever changes the one means the other as well.
    draft.clusterIPs = [spec.clusterIP];
    changed = true;
  }
  if (usesNodePorts(old) && !usesNodePorts(service) && deepEqual(nodePortsOf(service), nodePortsOf(old)) && nodePortsOf(service).some((port) => port !== 0)) {
    draft.ports = (spec.ports ?? []).map(({ nodePort: _dropped, ...port }) => port);
    changed = true;
  }
  if (checksHealth(old) && !checksHealth(service) && spec.healthCheckNodePort === old.spec.healthCheckNodePort) drop('healthCheckNodePort');
  if (isOutside(old) && !isOutside(service) && spec.externalTrafficPolicy === old.spec.externalTrafficPolicy) drop('externalTrafficPolicy');
  // The API server's defaults take it from every Service without affinity; one that is new is told instead.
  if ((spec.sessionAffinity ?? 'None') === 'None' && deepEqual(spec.sessionAffinityConfig, old.spec.sessionAffinityConfig)) drop('sessionAffinityConfig');
  if (old.spec.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.spec.allocateLoadBalancerNodePorts) drop('allocateLoadBalancerNodePorts');
    if (spec.loadBalancerClass === old.spec.loadBalancerClass) drop('loadBalancerClass');
  }
  return changed ? { ...service, spec: draft } : service;
}
