/** NetworkPolicies that an arrow from one pod to another may mean, as YAML with the labels that tell the two groups apart. */
import { formatYaml, type YamlValue } from '../../base/yaml/index.ts';
import type { KubeObject } from '../../objects/types.ts';
import { appendDocument } from '../reach/text-edit.ts';
import type { NetnsView } from '../views.ts';
import type { World } from '../world.ts';
import type { Action } from './action-views.ts';
import { freeName } from './free-name.ts';

const FILE = 'policies.yaml';
/** Labels that controllers give to tell their own pods apart; a policy that named them would not outlive a rollout. */
const fleeting: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/controller-uid',
  'controller-uid',
]);

const lasting = (pod: NetnsView): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !fleeting.has(key)));

const groupName = (pod: NetnsView): string => {
  const labels = lasting(pod);
  const name = labels.app ?? labels['app.kubernetes.io/name'] ?? labels['k8s-app'] ?? pod.title;
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 40) || 'pods'
  );
};

interface PodLike extends KubeObject {
  readonly spec?: { readonly containers?: readonly { readonly ports?: readonly { readonly containerPort: number; readonly protocol?: string }[] }[] };
}

function portsOf(world: World, pod: NetnsView): readonly { readonly protocol: string; readonly port: number }[] {
  const object = pod.objectKey === undefined ? undefined : world.api.view.find<PodLike>(pod.objectKey);
  return (object?.spec?.containers ?? [])
    .flatMap((one) => (one.ports ?? []).map((port) => ({ protocol: port.protocol ?? 'TCP', port: port.containerPort })))
    .slice(0, 16);
}

const policy = (name: string, namespace: string, spec: { readonly [key: string]: YamlValue }): string =>
  formatYaml({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec });

/** From netns `from` to netns `to`; none where one of them is no pod with an object. */
export function policiesBetween(world: World, from: string, to: string): readonly Action[] {
  const { netnses } = world.topology();
  const a = netnses.find((one) => one.id === from && one.type === 'pod' && one.objectKey !== undefined);
  const b = netnses.find((one) => one.id === to && one.type === 'pod' && one.objectKey !== undefined);
  if (a === undefined || b === undefined) return [];
  const namespace = b.namespace ?? 'default';
  const away = (a.namespace ?? 'default') !== namespace;
  const [nameA, nameB] = [groupName(a), groupName(b)];
  const subject = { podSelector: { matchLabels: lasting(b) } };
  const peer = {
    ...(away ? { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': a.namespace ?? 'default' } } } : {}),
    podSelector: { matchLabels: lasting(a) },
  };
  const ports = portsOf(world, b);
  const add = (title: string, because: string, name: string, spec: { readonly [key: string]: YamlValue }): Action => ({
    title,
    because,
    edit: appendDocument(world.files, FILE, policy(freeName(world, ['NetworkPolicy'], namespace, name), namespace, spec)),
  });
  const words = ports.map((one) => `${one.protocol} ${one.port}`).join(', ');
  return [
    add(`Only ${nameA} may reach ${nameB}`, `Every other pod is kept out of ${nameB}; ${nameA} may use any port.`, `${nameB}-from-${nameA}`, {
      ...subject,
      policyTypes: ['Ingress'],
      ingress: [{ from: [peer] }],
    }),
    ...(ports.length === 0
      ? []
      : [
          add(`Only ${nameA} may reach ${nameB}, at ${words}`, 'At the ports that its containers declare, and no other.', `${nameB}-from-${nameA}`, {
            ...subject,
            policyTypes: ['Ingress'],
            ingress: [{ from: [peer], ports: ports.map((one) => ({ protocol: one.protocol, port: one.port })) }],
          }),
        ]),
    add(`Nobody may reach ${nameB}`, 'It is isolated on its way in; answers to what it asks still come back.', `${nameB}-deny`, {
      ...subject,
      policyTypes: ['Ingress'],
      ingress: [],
    }),
  ];
}
