/** What the API server takes without a word and its author did not mean: policies that select nobody, forget DNS, name a Service's address, or are read otherwise than they look. */
import type { Diagnostic } from '../../base/diagnostic.ts';
import type { IpPrefix } from '../../net/addr/ip.ts';
import { inPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import type { NetRecord } from '../../net/records.ts';
import { type Agent, type ObjectKey, objectKey, type Rendering, type StoreView } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import { formatSelector, isEmptySelector, matchesSelector } from '../label-selector.ts';
import { clusterSettings, settingsKinds } from '../node/cluster-config.ts';
import { DIALECT_KINDS, noEffect } from './enforcement.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { inNamespace, type PolicyModel, policiesFor, policyModel, selectsPod } from './policy-model.ts';
import { compilePolicy } from './policy-rules.ts';
import type { CompiledPolicy, PeerTerm, PolicyDirection, PolicyEndpoint, PolicyRule } from './policy-types.ts';
import { directionVerdict } from './verdict.ts';

/** Of the first so many policies. */
const MOST = 300;
/** The API server gives it to every namespace; it can be taken away. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

interface Finding {
  readonly key: ObjectKey;
  readonly path?: string;
  readonly diagnostic: Omit<Diagnostic, 'span'>;
}

interface Place {
  readonly model: PolicyModel;
  readonly view: StoreView;
  readonly namespaces: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
  readonly services: readonly IpPrefix[];
  readonly dns: PolicyEndpoint | undefined;
}

const warning = (code: string, message: string, hint?: string): Omit<Diagnostic, 'span'> => ({
  severity: 'warning',
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
});
const note = (code: string, message: string, hint?: string): Omit<Diagnostic, 'span'> => ({ ...warning(code, message, hint), severity: 'info' });

const podsOf = (place: Place): readonly PolicyEndpoint[] => place.model.endpoints.filter((one) => one.pod !== undefined);

/** Namespaces in which pods match a selector, but the one that was meant. */
function elsewhere(place: Place, term: Extract<PeerTerm, { kind: 'pods' }>): readonly string[] {
  const { pods } = term;
  if (pods === undefined || isEmptySelector(pods)) return [];
  return [...new Set(podsOf(place).flatMap(({ pod }) => (pod !== undefined && matchesSelector(pods, pod.labels) ? [pod.namespace] : [])))];
}

function lintSubject(policy: CompiledPolicy, place: Place): Finding[] {
  const { key, subject, namespace } = policy;
  if (podsOf(place).some((one) => one.pod !== undefined && selectsPod(policy, one.pod))) return [];
  const others = elsewhere(place, { kind: 'pods', path: '', namespaces: subject.namespaces, ...(subject.pods === undefined ? {} : { pods: subject.pods }) });
  if (namespace !== undefined && others.length > 0) {
    const where = others.slice(0, 3).join(', ');
    const message = `selects no pod: pods with ${formatSelector(subject.pods)} are in namespace ${where}, and a NetworkPolicy counts only for pods of its own, ${namespace}`;
    return [{ key, path: 'metadata.namespace', diagnostic: warning('policy-wrong-namespace', message, `metadata.namespace: ${others[0]}`) }];
  }
  // A namespace without pods is a policy that waits for them.
  if (namespace !== undefined && (subject.pods === undefined || isEmptySelector(subject.pods))) return [];
  return [
    {
      key,
      path: namespace === undefined ? 'spec.subject' : 'spec.podSelector',
      diagnostic: warning('policy-selects-nothing', 'selects no pod that exists, so it has no effect now'),
    },
  ];
}

function lintPeer(policy: CompiledPolicy, term: PeerTerm, direction: PolicyDirection, place: Place): Finding[] {
  const { key } = policy;
  if (term.kind === 'networks') {
    if (direction !== 'egress') return [];
    const inside = term.blocks.filter(({ range }) =>
      place.services.some((one) => one.prefixLength <= range.prefixLength && inPrefix(one.network, one.prefixLength, range.network)),
    );
    if (inside.length === 0) return [];
    const message = 'is in the range of Services: when policies look at a packet, its destination is a pod already, so this never matches';
    return [
      {
        key,
        path: policy.tier === 'NetworkPolicy' ? `${term.path}.ipBlock.cidr` : `${term.path}.networks`,
        diagnostic: warning('policy-service-cidr', message, 'Allow the pods behind the Service, by their labels and their own port.'),
      },
    ];
  }
  if (term.kind !== 'pods') return [];
  if ('labels' in term.namespaces) {
    const { labels } = term.namespaces;
    if (isEmptySelector(labels) || place.namespaces.some((one) => matchesSelector(labels, one.labels))) return [];
    const wanted = Object.entries(labels.matchLabels ?? {});
    const called = wanted.find(([, value]) => place.namespaces.some((one) => one.name === value));
    const field = policy.tier === 'NetworkPolicy' ? `${term.path}.namespaceSelector` : term.path;
    const hint =
      called === undefined
        ? undefined
        : called[0] === NAME_LABEL
          ? `Namespace ${called[1]} has no such label: kubectl label namespace ${called[1]} ${NAME_LABEL}=${called[1]}`
          : `The label with a namespace's name is ${NAME_LABEL}: ${called[1]}`;
    return [{ key, path: field, diagnostic: warning('policy-namespace-label', `no namespace has ${formatSelector(labels)}`, hint) }];
  }
  if (term.pods === undefined || isEmptySelector(term.pods)) return [];
  const here = podsOf(place).some(({ pod }) => pod !== undefined && inNamespace(term.namespaces, pod) && matchesSelector(term.pods, pod.labels));
  const others = here ? [] : elsewhere(place, term);
  if (others.length === 0) return [];
  const message = `no pod of namespace ${policy.namespace} has ${formatSelector(term.pods)}; those that have it are in ${others.slice(0, 3).join(', ')}, which a podSelector alone does not reach`;
  const hint = `In the same element: namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${others[0]}}}`;
  return [{ key, path: `${term.path}.podSelector`, diagnostic: warning('policy-peer-namespace', message, hint) }];
}

/** One dash too many: two elements, of which either is enough. */
function lintDash(policy: CompiledPolicy, rule: PolicyRule): Finding[] {
  if (policy.tier !== 'NetworkPolicy') return [];
  const peers = rule.peers ?? [];
  return peers.slice(1).flatMap((second, index) => {
    const first = peers[index];
    if (first?.kind !== 'pods' || second.kind !== 'pods') return [];
    const [byNamespace, byPod] = 'labels' in first.namespaces && first.pods === undefined ? [first, second] : [second, first];
    if (!('labels' in byNamespace.namespaces) || byNamespace.pods !== undefined || !('own' in byPod.namespaces) || byPod.pods === undefined) return [];
    const message = `two elements: either is enough. All pods of namespaces with ${formatSelector(byNamespace.namespaces.labels)}, and pods with ${formatSelector(byPod.pods)} of ${policy.namespace}`;
    return [
      {
        key: policy.key,
        path: second.path,
        diagnostic: note('policy-and-or', message, 'To ask for both, write namespaceSelector and podSelector in one element: without the second dash.'),
      },
    ];
  });
}

function lintPorts(policy: CompiledPolicy, rule: PolicyRule, direction: PolicyDirection, place: Place): Finding[] {
  return (rule.ports ?? []).flatMap((term) => {
    if (term.name === undefined) return [];
    const has = podsOf(place).some(
      ({ pod }) => pod !== undefined && (direction === 'egress' || selectsPod(policy, pod)) && pod.ports.some((one) => one.name === term.name),
    );
    const any = has || !podsOf(place).some(({ pod }) => pod !== undefined && selectsPod(policy, pod));
    const path = policy.tier === 'NetworkPolicy' ? `${term.path}.port` : term.path;
    return any
      ? []
      : [
          {
            key: policy.key,
            path,
            diagnostic: warning('policy-named-port', `no pod that is meant has a port named ${JSON.stringify(term.name)}, so this port matches nothing`),
          },
        ];
  });
}

/** Those it isolates may not ask the cluster's DNS: by all policies that speak for them together. */
function lintDns(policy: CompiledPolicy, place: Place): Finding[] {
  const { dns, model } = place;
  if (policy.egress === undefined || policy.tier !== 'NetworkPolicy' || dns === undefined) return [];
  const pod = podsOf(place).find((one) => one.pod !== undefined && one !== dns && selectsPod(policy, one.pod));
  if (pod === undefined) return [];
  const verdict = directionVerdict(model, { from: pod, to: dns, protocol: 'UDP', port: 53 }, 'egress');
  if (verdict.allowed) return [];
  // Who may send nothing to anybody has no use for names.
  if (pod.pod === undefined || policiesFor(model, pod.pod, 'egress').every((one) => one.egress?.length === 0)) return [];
  const message = `pods it selects (${pod.id}) may not ask ${dns.id} for names: UDP 53 is in no rule of the policies that isolate them, so every name times out`;
  const hint =
    'egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}]';
  return [{ key: policy.key, path: policy.egress.length === 0 ? 'spec.policyTypes' : 'spec.egress', diagnostic: warning('policy-forgets-dns', message, hint) }];
}

function lintPolicy(policy: CompiledPolicy, place: Place): Finding[] {
  const nothing = noEffect(policy.key.slice(0, policy.key.indexOf('/')), place.view);
  const found: Finding[] = nothing === undefined ? [] : [{ key: policy.key, path: 'spec', diagnostic: warning('policy-not-enforced', nothing) }];
  found.push(...lintSubject(policy, place));
  for (const direction of ['ingress', 'egress'] as const) {
    for (const rule of policy[direction] ?? []) {
      found.push(...lintDash(policy, rule), ...lintPorts(policy, rule, direction, place));
      for (const peer of rule.peers ?? []) found.push(...lintPeer(policy, peer, direction, place));
    }
  }
  return [...found, ...lintDns(policy, place)];
}

/** About the first 300 policies, in the order in which they are asked. */
export function lintPolicies(view: StoreView): readonly Finding[] {
  const policies = POLICY_KINDS.flatMap((kind) => view.list(kind))
    .slice(0, MOST)
    .map(compilePolicy);
  const unread = lintDialects(view);
  if (policies.length === 0) return unread;
  const { serviceCidr, serviceCidr6 } = clusterSettings(view);
  const model = policyModel(view);
  const place: Place = {
    model,
    view,
    namespaces: view.list('Namespace').map((one) => ({ name: one.metadata.name, labels: one.metadata.labels ?? {} })),
    services: [serviceCidr === undefined ? '' : formatCidr(serviceCidr), serviceCidr6 ?? '']
      .map((text) => (text === '' ? undefined : parseIpPrefix(text)))
      .filter((one) => one !== undefined),
    dns: model.endpoints.find(({ pod }) => pod?.namespace === 'kube-system' && pod.labels['k8s-app'] === 'kube-dns'),
  };
  return [...policies.flatMap((policy) => lintPolicy(policy, place)), ...unread];
}

/** Policies in the words of a CNI that is not there. */
function lintDialects(view: StoreView): Finding[] {
  return DIALECT_KINDS.flatMap((kind) => {
    const all = view.list(kind).slice(0, MOST);
    const nothing = all.length === 0 ? undefined : noEffect(kind, view);
    return nothing === undefined ? [] : all.map((one) => ({ key: objectKey(one), path: 'spec', diagnostic: warning('policy-not-enforced', nothing) }));
  });
}

const KEY = 'policies';
const KINDS: readonly string[] = [...POLICY_KINDS, ...DIALECT_KINDS];
const watches: readonly string[] = ['Pod', 'Namespace', 'Node', ...settingsKinds, ...KINDS];

/** Renders nothing: says what the author should know. */
export const policyLintAgent: Agent<NetRecord> = {
  name: 'policy-lint',
  watches,
  keysFor: (changed, view) => (KINDS.includes(changed.kind) || KINDS.some((kind) => view.list(kind).length > 0) ? [KEY] : []),
  keys: () => [KEY],
  render: (_key, view): Rendering<NetRecord> => ({ records: [], diagnostics: lintPolicies(view) }),
};
