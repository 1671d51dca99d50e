/** NetworkPolicies that an arrow from one pod to another may mean, as YAML with the labels that tell the two groups apart. */
import type { YamlValue } from '../../base/yaml/index.ts';
import type { KubeObject } from '../../objects/types.ts';
import { appendDocument } from '../reach/text-edit.ts';
import type { NetnsView } from '../views.ts';
import type { World } from '../world.ts';
import type { Action, PolicyEnd } from './action-views.ts';
import { freeName } from './free-name.ts';
import { asName, lastingLabels, nameOfLabels, namespaceSelectorOf, POLICY_FILE, policyText, selectorOf } from './policy-words.ts';

const nameOf = (pod: NetnsView): string => nameOfLabels(lastingLabels(pod.labels), pod.title);

interface PodLike extends KubeObject {
  readonly spec?: { readonly containers?: readonly { readonly ports?: readonly { readonly containerPort: number; readonly protocol?: string }[] }[] };
}

function portsOf(world: World, pod: NetnsView): readonly { readonly protocol: string; readonly port: number }[] {
  const object = pod.objectKey === undefined ? undefined : world.api.view.find<PodLike>(pod.objectKey);
  return (object?.spec?.containers ?? [])
    .flatMap((one) => (one.ports ?? []).map((port) => ({ protocol: port.protocol ?? 'TCP', port: port.containerPort })))
    .slice(0, 16);
}

/** One side of the arrow. */
interface End {
  readonly name: string;
  readonly namespace: string;
  /** Of the pods meant; none: all of the namespace. */
  readonly labels: Readonly<Record<string, string>>;
  /** Pods of any namespace, by their label alone. */
  readonly anywhere: boolean;
  /** One of the pods meant. */
  readonly pod: NetnsView;
}

function endOf(world: World, end: PolicyEnd): End | undefined {
  const pods = world.topology().netnses.filter((one) => one.type === 'pod' && one.objectKey !== undefined);
  if ('namespace' in end) {
    const pod = pods.find((one) => (one.namespace ?? 'default') === end.namespace);
    return pod === undefined ? undefined : { name: asName(end.namespace), namespace: end.namespace, labels: {}, anywhere: false, pod };
  }
  if ('label' in end) {
    const those = pods.filter((one) => Object.hasOwn(one.labels, end.label) && one.labels[end.label] === end.value);
    const [pod] = those;
    if (pod === undefined) return undefined;
    const anywhere = those.some((one) => one.namespace !== pod.namespace);
    return { name: asName(end.value), namespace: pod.namespace ?? 'default', labels: { [end.label]: end.value }, anywhere, pod };
  }
  const pod = pods.find((one) => one.id === end.pod);
  return pod === undefined ? undefined : { name: nameOf(pod), namespace: pod.namespace ?? 'default', labels: lastingLabels(pod.labels), anywhere: false, pod };
}

/** What an arrow may mean; nothing where one of its ends is no pod with an object. */
export function policiesBetween(world: World, from: PolicyEnd, to: PolicyEnd): readonly Action[] {
  const a = endOf(world, from);
  const b = endOf(world, to);
  if (a === undefined || b === undefined) return [];
  const { namespace } = b;
  const subject = { podSelector: selectorOf(b.labels) };
  const whole = Object.keys(a.labels).length === 0;
  const peer = {
    ...(a.anywhere ? { namespaceSelector: {} } : a.namespace !== namespace || whole ? { namespaceSelector: namespaceSelectorOf(a.namespace) } : {}),
    ...(whole ? {} : { podSelector: selectorOf(a.labels) }),
  };
  const ports = portsOf(world, b.pod);
  const add = (title: string, because: string, name: string, spec: { readonly [key: string]: YamlValue }): Action => ({
    title,
    because,
    edit: appendDocument(world.files, POLICY_FILE, policyText(freeName(world, ['NetworkPolicy'], namespace, name), namespace, spec)),
  });
  const words = ports.map((one) => `${one.protocol} ${one.port}`).join(', ');
  return [
    add(`Only ${a.name} may reach ${b.name}`, `Every other pod is kept out of ${b.name}; ${a.name} may use any port.`, `${b.name}-from-${a.name}`, {
      ...subject,
      policyTypes: ['Ingress'],
      ingress: [{ from: [peer] }],
    }),
    ...(ports.length === 0
      ? []
      : [
          add(`Only ${a.name} may reach ${b.name}, at ${words}`, 'At the ports that its containers declare, and no other.', `${b.name}-from-${a.name}`, {
            ...subject,
            policyTypes: ['Ingress'],
            ingress: [{ from: [peer], ports: ports.map((one) => ({ protocol: one.protocol, port: one.port })) }],
          }),
        ]),
    add(`Nobody may reach ${b.name}`, 'It is isolated on its way in; answers to what it asks still come back.', `${b.name}-deny`, {
      ...subject,
      policyTypes: ['Ingress'],
      ingress: [],
    }),
  ];
}
