/** Which families a Service has: what is asked for, what the cluster has, and what an update may change. Kubernetes v1.35: pkg/registry/core/service/storage/alloc.go, initIPFamilyFields. */
import { deepEqual } from '../../base/equal.ts';
import type { FieldError } from '../../objects/types.ts';
import { invalid } from '../field-errors.ts';
import type { ClusterSettings, IpFamily } from '../node/cluster-config.ts';
import { needsClusterIp, type Service, type ServiceSpec } from './types.ts';

export const familyOf = (ip: string): IpFamily => (ip.includes(':') ? 'IPv6' : 'IPv4');
export const otherFamily = (family: string): IpFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4');

const POLICY = 'spec.ipFamilyPolicy';
const isHeadless = ({ clusterIPs }: ServiceSpec): boolean => clusterIPs?.[0] === 'None';
const same = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean => deepEqual(a ?? [], b ?? []);
/** The second of two is gone, the first is as it was. */
const reduced = (before: readonly string[] | undefined, after: readonly string[] | undefined): boolean =>
  before?.length === 2 && after?.length === 1 && before[0] === after[0];

/** A Service that prefers two families and was not touched keeps what it has, also after the cluster has got or lost one. */
function isUntouched({ spec }: Service, old: Service | undefined): boolean {
  return (
    old !== undefined &&
    (spec.type ?? 'ClusterIP') === (old.spec.type ?? 'ClusterIP') &&
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    old.spec.ipFamilyPolicy === 'PreferDualStack' &&
    same(spec.clusterIPs, old.spec.clusterIPs) &&
    same(spec.ipFamilies, old.spec.ipFamilies)
  );
}

function policyOf({ spec }: Service, old: Service | undefined): string {
  if (spec.ipFamilyPolicy !== undefined) return spec.ipFamilyPolicy;
  if (old?.spec.ipFamilyPolicy !== undefined) return old.spec.ipFamilyPolicy;
  return isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0 ? 'RequireDualStack' : 'SingleStack';
}

/** The Service with `ipFamilyPolicy` and `ipFamilies` filled in, or what is wrong with them. */
export function admitIpFamilies(service: Service, old: Service | undefined, settings: ClusterSettings): { object: Service; errors: readonly FieldError[] } {
  if (!needsClusterIp(service) || isUntouched(service, old)) return { object: service, errors: [] };
  const { spec } = service;
  const policy = policyOf(service, old);
  const errors: FieldError[] = [];
  const wrong = (path: string, value: unknown, detail: string) => errors.push(invalid(path, value, detail));
  let clusterIPs = spec.clusterIPs;
  let families = spec.ipFamilies ?? [];
  // Without a description of the cluster (a dump of a real one) what the text says is believed.
  const has = (family: string) => !settings.declared || settings.families.includes(family as IpFamily);
  if (old !== undefined) {
    if (policy === 'SingleStack') {
      // To say so is enough to give the second one back.
      if (same(clusterIPs, old.spec.clusterIPs)) clusterIPs = clusterIPs?.slice(0, 1);
      if (same(families, old.spec.ipFamilies)) families = families.slice(0, 1);
    } else {
      if (reduced(old.spec.clusterIPs, clusterIPs)) wrong(POLICY, policy, "must be 'SingleStack' to release the secondary cluster IP");
      if (reduced(old.spec.ipFamilies, families)) wrong(POLICY, policy, "must be 'SingleStack' to release the secondary IP family");
    }
  }
  if (policy === 'SingleStack') {
    if (clusterIPs?.length === 2) wrong(POLICY, policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
    if (families.length === 2) wrong(POLICY, policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
  }
  for (const [i, ip] of (clusterIPs ?? []).entries()) {
    if (ip === 'None') break;
    if (i < families.length) continue;
    if (has(familyOf(ip))) families = [...families, familyOf(ip)];
    else wrong(`spec.clusterIPs[${i}]`, clusterIPs, `${familyOf(ip)} is not configured on this cluster`);
  }
  if (errors.length > 0) return { object: service, errors };
  const first = settings.families[0] ?? 'IPv4';
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
    if (families.length === 0) families = [first];
    if (families.length === 1 && policy !== 'SingleStack') families = [...families, otherFamily(families[0] ?? first)];
  } else {
    if (policy === 'RequireDualStack' && settings.families.length < 2 && (settings.declared || (clusterIPs ?? []).length < 2))
      wrong(POLICY, policy, 'this cluster is not configured for dual-stack services');
    for (const [i, family] of families.entries()) if (!has(family)) wrong(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster');
    if (errors.length > 0) return { object: service, errors };
    if (families.length === 0) families = [first];
    if (policy !== 'SingleStack' && families.length === 1 && settings.families.length === 2) families = [...families, otherFamily(families[0] ?? first)];
  }
  const unchanged = spec.ipFamilyPolicy === policy && same(families, spec.ipFamilies) && same(clusterIPs, spec.clusterIPs);
  if (unchanged) return { object: service, errors: [] };
  return {
    object: { ...service, spec: { ...spec, ipFamilyPolicy: policy, ipFamilies: families, ...(clusterIPs === undefined ? {} : { clusterIPs }) } },
    errors: [],
  };
}
