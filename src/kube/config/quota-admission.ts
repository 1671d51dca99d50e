/** Holds a namespace to its ResourceQuotas. Kubernetes: apiserver/pkg/admission/plugin/resourcequota/controller.go, CheckRequest. */
import { groupResource } from '../../objects/status.ts';
import type { AdmissionPlugin, Kind, KubeObject, StoreView, Verdict } from '../../objects/types.ts';
import { qosClass } from '../pod/qos.ts';
import { type Container, namespaceOf, type Pod, type PodAffinityTerm } from '../pod/types.ts';
import type { ResourceQuota } from './quota.ts';
import { add, amountOf, computeUsage, formatAmount, type Usage, usageOf } from './quota-usage.ts';

interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

const termsOf = (pod: Pod): readonly PodAffinityTerm[] =>
  [pod.spec.affinity?.podAffinity, pod.spec.affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((two) => two.podAffinityTerm),
  ]);

function isInScope(pod: Pod, { scopeName, operator, values = [] }: Scope): boolean {
  const { activeDeadlineSeconds } = pod.spec as { readonly activeDeadlineSeconds?: number };
  switch (scopeName) {
    case 'Terminating':
      return activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort';
    case 'CrossNamespacePodAffinity':
      return termsOf(pod).some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
    case 'PriorityClass': {
      const { priorityClassName = '' } = pod.spec;
      if (operator === 'Exists') return priorityClassName !== '';
      if (operator === 'DoesNotExist') return priorityClassName === '';
      return values.includes(priorityClassName) === (operator === 'In');
    }
    default:
      return false;
  }
}

/** Scopes are about pods alone; a quota with scopes counts nothing else. */
export function matchesScopes({ spec }: ResourceQuota, object: KubeObject): boolean {
  const selected = (spec?.scopeSelector as { readonly matchExpressions?: readonly Scope[] } | undefined)?.matchExpressions ?? [];
  const scopes: readonly Scope[] = [...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })), ...selected];
  return scopes.length === 0 || (object.kind === 'Pod' && scopes.every((scope) => isInScope(object as Pod, scope)));
}

const mustBeTold = ['cpu', 'limits.cpu', 'limits.memory', 'memory', 'requests.cpu', 'requests.memory'];

/** Every container has to say how much it wants of what a quota counts. */
function missingWords(pod: Pod, hard: Readonly<Record<string, string>>): string | undefined {
  const required = mustBeTold.filter((name) => hard[name] !== undefined);
  if (required.length === 0) return undefined;
  const missing = new Map<string, Set<string>>();
  const amounts = (given: Readonly<Record<string, string>> | undefined) =>
    Object.keys(given ?? {}).map((name) => [name, amountOf(name, given?.[name] ?? '')] as const);
  const look = ({ name, resources }: Container): void => {
    const told = computeUsage(amounts(resources?.requests), amounts(resources?.limits));
    for (const resource of required) if (!told.has(resource)) missing.set(resource, (missing.get(resource) ?? new Set()).add(name));
  };
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) look(container);
  if (missing.size === 0) return undefined;
  const words = [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([resource, names]) => `${resource} for: ${[...names].sort().join(',')}`);
  return `must specify ${words.join('; ')}`;
}

/** What all objects of a namespace take of what a quota counts, as its controller finds it. */
export function measure(quota: ResourceQuota, kinds: readonly { readonly kind: string; readonly resource: string }[], view: StoreView, nowMs: number): Usage {
  const names = Object.keys(quota.spec?.hard ?? {});
  const total: Usage = new Map(names.map((name) => [name, amountOf(name, '0')]));
  for (const { kind, resource } of kinds) {
    if (!names.some((name) => counts(name, kind, resource))) continue;
    for (const object of view.list(kind, namespaceOf(quota))) {
      if (!matchesScopes(quota, object)) continue;
      for (const [name, amount] of usageOf(object, resource, nowMs)) if (total.has(name)) add(total, name, amount);
    }
  }
  return total;
}

/** Whether objects of a kind can take of a resource. */
export function counts(name: string, kind: string, resource: string): boolean {
  if (name === `count/${resource}` || name === resource) return true;
  if (name.startsWith('count/')) return false;
  if (kind === 'Service') return name.startsWith('services.');
  const isStorage = name === 'requests.storage' || name.includes('storageclass.storage.k8s.io/');
  if (kind === 'PersistentVolumeClaim') return isStorage;
  return kind === 'Pod' && !isStorage && !name.startsWith('services.');
}

const list = (pairs: readonly (readonly [string, string])[]): string => pairs.map(([name, text]) => `${name}=${text}`).join(',');

/** Refused, or the quota with the object counted in; undefined: it does not concern this quota. */
function check(quota: ResourceQuota, object: KubeObject, old: KubeObject | undefined, kind: Kind, view: StoreView): Verdict | ResourceQuota | undefined {
  const resource = groupResource(kind);
  const hard = quota.status?.hard ?? quota.spec?.hard ?? {};
  const names = Object.keys(hard);
  if (!names.some((name) => counts(name, kind.kind, resource)) || !matchesScopes(quota, object)) return undefined;
  if (object.kind === 'Pod') {
    const missing = missingWords(object as Pod, hard);
    if (missing !== undefined) return { refusal: `failed quota: ${quota.metadata.name}: ${missing}` };
  }
  const requested = usageOf(object, resource, 0);
  if (old !== undefined) for (const [name, { value, isBinary }] of usageOf(old, resource, 0)) add(requested, name, { value: -value, isBinary });
  const asked = names.filter((name) => (requested.get(name)?.value ?? 0) > 0).sort();
  if (asked.length === 0) return undefined;
  // Before its controller has looked a quota shows no usage yet.
  const measured = quota.status?.used === undefined ? measure(quota, [{ kind: kind.kind, resource }], view, 0) : undefined;
  const usedOf = (name: string) => measured?.get(name) ?? amountOf(name, quota.status?.used?.[name] ?? '0');
  const used: Record<string, string> = { ...quota.status?.used };
  const exceeded: string[] = [];
  for (const name of asked) {
    const total: Usage = new Map([[name, usedOf(name)]]);
    add(total, name, requested.get(name) ?? amountOf(name, '0'));
    const sum = total.get(name) ?? amountOf(name, '0');
    if (sum.value > amountOf(name, hard[name] ?? '0').value) exceeded.push(name);
    used[name] = formatAmount(name, sum);
  }
  if (exceeded.length > 0) {
    const words = (textOf: (name: string) => string): string => list(exceeded.map((name) => [name, textOf(name)]));
    const wanted = words((name) => formatAmount(name, requested.get(name) ?? amountOf(name, '0')));
    const taken = words((name) => formatAmount(name, usedOf(name)));
    return { refusal: `exceeded quota: ${quota.metadata.name}, requested: ${wanted}, used: ${taken}, limited: ${words((name) => hard[name] ?? '0')}` };
  }
  return measured === undefined ? { ...quota, status: { ...quota.status, used } } : undefined;
}

export const quotaAdmission: AdmissionPlugin = {
  name: 'ResourceQuota',
  validate(object, old, view, kind) {
    // A pod's size is settled when it is made.
    if (!kind.namespaced || (old !== undefined && object.kind === 'Pod')) return {};
    const quotas = view.list<ResourceQuota>('ResourceQuota', namespaceOf(object));
    if (quotas.length === 0) return {};
    const writes: ResourceQuota[] = [];
    for (const quota of quotas) {
      const found = check(quota, object, old, kind, view);
      if (found === undefined) continue;
      if ('refusal' in found) return found;
      writes.push(found as ResourceQuota);
    }
    return { writes };
  },
};
