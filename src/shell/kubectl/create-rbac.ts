/** Objects of `kubectl create role`, `clusterrole` and their bindings. Kubernetes: kubectl/pkg/cmd/create/create_role.go, create_rolebinding.go */
import type { Kind, KubeObject } from '../../objects/types.ts';
import { groupOf, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { metaOf } from './generators.ts';

const API = 'rbac.authorization.k8s.io';

const words = (kubectl: Kubectl, flag: string): readonly string[] => [
  ...new Set(
    kubectl.flags
      .all(flag)
      .flatMap((value) => value.split(','))
      .filter((word) => word !== ''),
  ),
];

/** Said without `error:`, as kubectl does here. */
function kindOf(kubectl: Kubectl, word: string): Kind {
  const kind = kubectl.invocation.host.api.findKind(word);
  if (kind === undefined) throw new KubectlError(`the server doesn't have a resource type "${word}"`);
  return kind;
}

/** `pods/log`, `deployments.apps`, `svc`: by API group, in the order in which groups were first named. */
function resourceRules(kubectl: Kubectl, resources: readonly string[], verbs: readonly string[]): readonly unknown[] {
  const groups = new Map<string, string[]>();
  for (const word of resources) {
    const slash = word.indexOf('/');
    const sub = slash < 0 ? '' : word.slice(slash);
    const named = slash < 0 ? word : word.slice(0, slash);
    const [group, plural] = named === '*' ? ['', '*'] : ((kind) => [groupOf(kind.apiVersion), kind.plural] as const)(kindOf(kubectl, named));
    const list = groups.get(group) ?? [];
    if (!list.includes(plural + sub)) list.push(plural + sub);
    groups.set(group, list);
  }
  const names = words(kubectl, 'resource-name');
  return [...groups].map(([group, list]) => ({ apiGroups: [group], ...(names.length === 0 ? {} : { resourceNames: names }), resources: list, verbs }));
}

const STANDARD_VERBS = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'use',
  'bind',
  'impersonate',
  '*',
  'approve',
  'sign',
  'escalate',
  'attest',
]);

const verbsOf = (kubectl: Kubectl): readonly string[] => {
  const verbs = words(kubectl, 'verb');
  return verbs.includes('*') ? ['*'] : verbs;
};

function warnOfVerbs(kubectl: Kubectl, verbs: readonly string[]): void {
  for (const verb of verbs) if (!STANDARD_VERBS.has(verb)) kubectl.err(`Warning: '${verb}' is not a standard resource verb\n`);
}

export function role(kubectl: Kubectl, name: string): KubeObject {
  const verbs = verbsOf(kubectl);
  const resources = words(kubectl, 'resource');
  if (verbs.length === 0) throw new KubectlError('error: at least one verb must be specified');
  if (resources.length === 0) throw new KubectlError('error: at least one resource must be specified');
  warnOfVerbs(kubectl, verbs);
  return { apiVersion: `${API}/v1`, kind: 'Role', metadata: metaOf(kubectl, name), rules: resourceRules(kubectl, resources, verbs) } as KubeObject;
}

export function clusterRole(kubectl: Kubectl, name: string): KubeObject {
  const made = (fields: object): KubeObject => ({ apiVersion: `${API}/v1`, kind: 'ClusterRole', metadata: { name }, ...fields }) as KubeObject;
  const aggregation = kubectl.flags.get('aggregation-rule');
  const verbs = verbsOf(kubectl);
  const resources = words(kubectl, 'resource');
  const urls = words(kubectl, 'non-resource-url');
  if (aggregation !== '') {
    if (verbs.length + resources.length + urls.length > 0) throw new KubectlError('error: aggregation rule must be specified without rules');
    const labels = aggregation.split(',').map((pair) => pair.split('='));
    return made({
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: Object.fromEntries(labels.map(([key = '', value = '']) => [key, value])) }] },
      rules: null,
    });
  }
  if (verbs.length === 0) throw new KubectlError('error: at least one verb must be specified');
  if (resources.length === 0 && urls.length === 0) throw new KubectlError('error: one of resource or nonResourceURL must be specified');
  if (resources.length > 0) warnOfVerbs(kubectl, verbs);
  const rules = [...resourceRules(kubectl, resources, verbs), ...(urls.length === 0 ? [] : [{ nonResourceURLs: urls, verbs }])];
  return made({ rules });
}

function subjects(kubectl: Kubectl): readonly unknown[] {
  const people = [...words(kubectl, 'user').map((name) => ['User', name]), ...words(kubectl, 'group').map((name) => ['Group', name])];
  const accounts = words(kubectl, 'serviceaccount').map((word) => {
    const [namespace = '', name = '', more] = word.split(':');
    if (namespace === '' || name === '' || more !== undefined) throw new KubectlError('error: serviceaccount must be <namespace>:<name>');
    return { kind: 'ServiceAccount', name, namespace };
  });
  return [...people.map(([kind, name]) => ({ apiGroup: API, kind, name })), ...accounts];
}

function binding(kubectl: Kubectl, kind: string, metadata: KubeObject['metadata'], roleKind: string, roleName: string): KubeObject {
  const bound = subjects(kubectl);
  return {
    apiVersion: `${API}/v1`,
    kind,
    metadata,
    roleRef: { apiGroup: API, kind: roleKind, name: roleName },
    ...(bound.length === 0 ? {} : { subjects: bound }),
  } as KubeObject;
}

export function roleBinding(kubectl: Kubectl, name: string): KubeObject {
  const [clusterwide, local] = [kubectl.flags.get('clusterrole'), kubectl.flags.get('role')];
  if ((clusterwide === '') === (local === '')) throw new KubectlError('error: exactly one of clusterrole or role must be specified');
  return binding(kubectl, 'RoleBinding', metaOf(kubectl, name), local === '' ? 'ClusterRole' : 'Role', local === '' ? clusterwide : local);
}

export function clusterRoleBinding(kubectl: Kubectl, name: string): KubeObject {
  return binding(kubectl, 'ClusterRoleBinding', { name }, 'ClusterRole', kubectl.flags.get('clusterrole'));
}
