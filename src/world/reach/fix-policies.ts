/** The allowance that is missing: one more NetworkPolicy, since policies only ever add to what is allowed. */
import { matchesLabels, matchesSelector } from '../../kube/label-selector.ts';
import type { NetworkPolicy } from '../../kube/policy/network-policy.ts';
import type { Service } from '../../kube/service/types.ts';
import { lastingLabels } from '../actions/policy-words.ts';
import type { NetnsView } from '../views.ts';
import type { FixedWorld } from './fixed-world.ts';
import { listening, type Target } from './peers.ts';
import type { Fix } from './reach-views.ts';
import { appendDocument } from './text-edit.ts';

const isolates = (policy: NetworkPolicy, direction: 'Ingress' | 'Egress'): boolean =>
  policy.spec?.policyTypes?.includes(direction) ?? (direction === 'Ingress' || (policy.spec?.egress ?? []).length > 0);

function selectorText(labels: Readonly<Record<string, string>>, indent: string): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return `${indent}podSelector: {}\n`;
  return `${indent}podSelector:\n${indent}  matchLabels:\n${entries.map(([key, value]) => `${indent}    ${JSON.stringify(key).slice(1, -1)}: ${JSON.stringify(value)}\n`).join('')}`;
}

function peerLines(peer: NetnsView, namespace: string): string {
  const across = peer.namespace !== namespace;
  const space = across
    ? `        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: ${peer.namespace ?? 'default'}\n`
    : '';
  const pods = selectorText(lastingLabels(peer.labels), '          ');
  return across ? `${space}${pods}` : `        - ${pods.trimStart()}`;
}

const lastOf = (policies: readonly NetworkPolicy[]): NetworkPolicy | undefined => policies.at(-1);

/** Candidates for either side that some policy isolates. */
export function policyFixes(world: FixedWorld, from: NetnsView, to: Target): Fix[] {
  const { netnses } = world.topology();
  const selector = to.kind === 'service' ? world.api.view.find<Service>(to.view.objectKey)?.spec.selector : undefined;
  const namespace = to.kind === 'service' ? to.view.namespace : '';
  const pod =
    to.kind === 'netns'
      ? to.view
      : netnses.find((one) => one.type === 'pod' && one.namespace === namespace && selector !== undefined && matchesLabels(selector, one.labels));
  if (pod === undefined || pod.type !== 'pod' || from.type !== 'pod') return [];
  const policies = world.api.view.list<NetworkPolicy>('NetworkPolicy');
  const of = (one: NetnsView, direction: 'Ingress' | 'Egress') =>
    policies.filter(
      (policy) => policy.metadata.namespace === one.namespace && isolates(policy, direction) && matchesSelector(policy.spec?.podSelector, one.labels),
    );
  const into = lastOf(of(pod, 'Ingress'));
  const out = lastOf(of(from, 'Egress'));
  if (into === undefined && out === undefined) return [];
  const ports = listening(world, pod)
    .map((port) => `        - protocol: ${port.protocol}\n          port: ${port.port}\n`)
    .join('');
  const portLines = ports === '' ? '' : `      ports:\n${ports}`;
  const allowIn =
    into === undefined
      ? ''
      : document(pod, `allow-${from.title}-in`.slice(0, 63), 'Ingress', 'ingress', `    - from:\n${peerLines(from, pod.namespace ?? '')}${portLines}`);
  const dns = '    - ports:\n        - protocol: UDP\n          port: 53\n        - protocol: TCP\n          port: 53\n';
  const allowOut =
    out === undefined
      ? ''
      : document(
          from,
          `allow-${from.title}-out`.slice(0, 63),
          'Egress',
          'egress',
          `    - to:\n${peerLines(pod, from.namespace ?? '')}${portLines}${to.kind === 'service' ? dns : ''}`,
        );
  const nearest = into ?? out;
  const source = nearest === undefined ? undefined : world.sourceOf(`NetworkPolicy/${nearest.metadata.namespace}/${nearest.metadata.name}`)?.source.file;
  const file = source !== undefined && world.files.some((one) => one.path === source) ? source : 'allow.yaml';
  const all = [allowIn, allowOut].filter((one) => one !== '').join('---\n');
  const whose = [into, out].flatMap((one) => (one === undefined ? [] : [one.metadata.name])).join(' and ');
  return [
    {
      title: `Allow ${from.title} to reach ${pod.title}`,
      because: `NetworkPolicy ${whose} isolates ${into === undefined ? from.title : pod.title}, and no rule allows this.`,
      edit: appendDocument(world.files, file, all),
    },
  ];
}

function document(pod: NetnsView, name: string, type: 'Ingress' | 'Egress', field: string, rules: string): string {
  return `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: ${name}\n  namespace: ${pod.namespace ?? 'default'}\nspec:\n${selectorText(lastingLabels(pod.labels), '  ')}  policyTypes: [${type}]\n  ${field}:\n${rules}`;
}
