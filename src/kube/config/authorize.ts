/** What the stored Roles and bindings allow to whom. Nothing here is enforced: it answers `kubectl auth can-i`. Kubernetes: plugin/pkg/auth/authorizer/rbac */
import type { KubeObject, StoreView } from '../../objects/types.ts';

export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export type Attributes =
  | { readonly verb: string; readonly group: string; readonly resource: string; readonly name: string; readonly namespace: string }
  | { readonly verb: string; readonly path: string };

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** Who a kubeconfig of kubeadm speaks for. */
export const administrator: UserInfo = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `system:serviceaccount:NAMESPACE:NAME` belongs to two groups by itself. */
export function userOf(name: string, groups: readonly string[]): UserInfo {
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name);
  return { name, groups: [...groups, ...(account === null ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`]), 'system:authenticated'] };
}

function appliesTo(subject: unknown, user: UserInfo, bindingNamespace: string): boolean {
  const { kind, name, namespace } = fieldsOf(subject);
  if (kind === 'User') return name === user.name;
  if (kind === 'Group') return typeof name === 'string' && user.groups.includes(name);
  if (kind === 'ServiceAccount') return user.name === `system:serviceaccount:${String(namespace ?? bindingNamespace)}:${String(name)}`;
  return false;
}

const ruleOf = (value: unknown): PolicyRule => {
  const fields = fieldsOf(value);
  return {
    verbs: texts(fields.verbs),
    apiGroups: texts(fields.apiGroups),
    resources: texts(fields.resources),
    resourceNames: texts(fields.resourceNames),
    nonResourceURLs: texts(fields.nonResourceURLs),
  };
};

function rulesOf(view: StoreView, binding: KubeObject): readonly PolicyRule[] {
  const { kind, name } = fieldsOf(fieldsOf(binding).roleRef);
  const role = view.find(kind === 'Role' ? `Role/${binding.metadata.namespace ?? ''}/${String(name)}` : `ClusterRole/${String(name)}`);
  return items(fieldsOf(role).rules).map(ruleOf);
}

/** Rules of every binding that names the user, those for the whole cluster first. */
export function rulesFor(view: StoreView, user: UserInfo, namespace: string): readonly PolicyRule[] {
  const every: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] };
  const all: PolicyRule = { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] };
  const bindings = [...view.list('ClusterRoleBinding'), ...(namespace === '' ? [] : view.list('RoleBinding', namespace))];
  const granted = bindings
    .filter((binding) => items(fieldsOf(binding).subjects).some((subject) => appliesTo(subject, user, binding.metadata.namespace ?? '')))
    .flatMap((binding) => rulesOf(view, binding));
  // The group system:masters is bound to cluster-admin by every API server itself.
  return user.groups.includes('system:masters') ? [every, all, ...granted] : granted;
}

function covers(rule: PolicyRule, wanted: Attributes): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(wanted.verb)) return false;
  if ('path' in wanted)
    return rule.nonResourceURLs.some((url) => url === '*' || url === wanted.path || (url.endsWith('*') && wanted.path.startsWith(url.slice(0, -1))));
  const sub = wanted.resource.includes('/') ? `*/${wanted.resource.slice(wanted.resource.indexOf('/') + 1)}` : '';
  return (
    (rule.apiGroups.includes('*') || rule.apiGroups.includes(wanted.group)) &&
    rule.resources.some((resource) => resource === '*' || resource === wanted.resource || (sub !== '' && resource === sub)) &&
    (rule.resourceNames.length === 0 || (wanted.name !== '' && rule.resourceNames.includes(wanted.name)))
  );
}

export function isAllowed(view: StoreView, user: UserInfo, wanted: Attributes): boolean {
  return rulesFor(view, user, 'path' in wanted ? '' : wanted.namespace).some((rule) => covers(rule, wanted));
}
