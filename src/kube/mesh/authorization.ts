/** From AuthorizationPolicies to what the proxy beside a pod lets in. Istio: pilot/pkg/security/authz/builder. */
import type { Authorization, AuthorizationRule, SourceRule, ValueRule } from '../../net/app/proxy/authorize.ts';
import type { StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import type { AuthorizationPolicy, AuthorizationSource } from './istio-types.ts';

const ROOT = 'istio-system';

const values = (any: readonly string[] | undefined, none: readonly string[] | undefined): ValueRule | undefined =>
  any === undefined && none === undefined ? undefined : { any: any ?? [], none: none ?? [] };

const pick = <K extends string>(fields: Readonly<Record<K, ValueRule | undefined>>): Partial<Record<K, ValueRule>> =>
  Object.fromEntries(Object.entries(fields).filter(([, one]) => one !== undefined)) as Partial<Record<K, ValueRule>>;

/** `default` is of the policy's own namespace. */
const accounts = (names: readonly string[] | undefined, namespace: string) => names?.map((one) => (one.includes('/') ? one : `${namespace}/${one}`));

function sourceOf(source: AuthorizationSource, namespace: string): SourceRule {
  return pick({
    principals: values(source.principals, source.notPrincipals),
    namespaces: values(source.namespaces, source.notNamespaces),
    serviceAccounts: values(accounts(source.serviceAccounts, namespace), accounts(source.notServiceAccounts, namespace)),
    ips: values(source.ipBlocks ?? source.remoteIpBlocks, source.notIpBlocks ?? source.notRemoteIpBlocks),
    requestPrincipals: values(source.requestPrincipals, source.notRequestPrincipals),
  });
}

function rulesOf(policy: AuthorizationPolicy): readonly AuthorizationRule[] {
  const namespace = namespaceOf(policy);
  return (policy.spec?.rules ?? []).map(({ from = [], to = [], when = [] }, index) => ({
    id: `ns[${namespace}]-policy[${policy.metadata.name}]-rule[${index}]`,
    object: objectKey(policy),
    sources: from.map(({ source = {} }) => sourceOf(source, namespace)),
    operations: to.map(({ operation: one = {} }) =>
      pick({
        hosts: values(one.hosts, one.notHosts),
        ports: values(one.ports, one.notPorts),
        methods: values(one.methods, one.notMethods),
        paths: values(one.paths, one.notPaths),
      }),
    ),
    conditions: when.map(({ key, values: any = [], notValues: none = [] }) => ({ key, values: { any, none } })),
  }));
}

/** Undefined where nobody has said anything about this pod. */
export function authorizationOf(pod: Pod, view: StoreView): Authorization | undefined {
  const own = namespaceOf(pod);
  const policies = view.list<AuthorizationPolicy>('AuthorizationPolicy').filter(({ metadata, spec }) => {
    if ((metadata.namespace !== own && metadata.namespace !== ROOT) || (spec?.targetRefs ?? []).length > 0) return false;
    return matchesLabels(spec?.selector?.matchLabels ?? {}, pod.metadata.labels);
  });
  const of = (...actions: readonly string[]) => policies.filter(({ spec }) => actions.includes(spec?.action ?? 'ALLOW'));
  const allowing = of('ALLOW');
  // Nobody is there whom CUSTOM could ask: istiod then has what fits refused.
  const denying = [...of('CUSTOM'), ...of('DENY')];
  if (allowing.length === 0 && denying.length === 0) return undefined;
  return {
    deny: denying.flatMap(rulesOf),
    allow: allowing.length === 0 ? undefined : allowing.flatMap(rulesOf),
    allowedBy: allowing.map(objectKey),
  };
}
