/** How much of each quota'd resource an object takes. Kubernetes: pkg/quota/v1/evaluator/core/{pods,services,persistent_volume_claims}.go, apiserver/pkg/quota/v1/generic. */
import { parseRfc3339 } from '../../base/time.ts';
import { canonicalQuantity } from '../../objects/schema/quantity.ts';
import type { KubeObject } from '../../objects/types.ts';
import { milliUnits, wholeUnits } from '../pod/quantity.ts';
import { type Container, isFinished, type Pod } from '../pod/types.ts';
import type { Service } from '../service/types.ts';

/** cpu in thousandths of a core, everything else in units. The form is that of the first amount that is not zero. */
export interface Amount {
  readonly value: number;
  readonly isBinary: boolean;
}
export type Usage = Map<string, Amount>;

const isCpu = (name: string): boolean => name === 'cpu' || name.endsWith('.cpu');

export const amountOf = (name: string, text: string): Amount => ({
  value: isCpu(name) ? milliUnits(text) : wholeUnits(text),
  isBinary: text.endsWith('i'),
});

/** As the server writes it: `1500m`, `1536Mi`, `2`. */
export function formatAmount(name: string, { value, isBinary }: Amount): string {
  const text = isCpu(name) ? `${value}m` : isBinary && value % 1024 === 0 ? `${value / 1024}Ki` : `${value}`;
  if (isBinary && value % 1024 !== 0) return text;
  const canonical = canonicalQuantity(text);
  return canonical.ok ? canonical.text : text;
}

export function add(usage: Usage, name: string, amount: Amount): void {
  const known = usage.get(name);
  if (known === undefined) usage.set(name, amount);
  else usage.set(name, { value: known.value + amount.value, isBinary: known.value === 0 ? amount.isBinary : known.isBinary });
}

const count = (value: number): Amount => ({ value, isBinary: false });

function largest(usage: Usage, name: string, amount: Amount): void {
  const known = usage.get(name);
  if (known === undefined || amount.value > known.value) usage.set(name, amount);
}

/** Containers together, at least the largest init container beside the sidecars before it, and the overhead. Kubernetes: component-helpers/resource, PodRequests and PodLimits. */
export function podResources({ spec }: Pod, part: 'requests' | 'limits'): Usage {
  const total: Usage = new Map();
  const each = (container: Container, use: (name: string, amount: Amount) => void): void => {
    const amounts = container.resources?.[part] ?? {};
    for (const name of Object.keys(amounts)) use(name, amountOf(name, amounts[name] ?? '0'));
  };
  for (const container of spec.containers) each(container, (name, amount) => add(total, name, amount));
  const sidecars: Usage = new Map();
  const peak: Usage = new Map();
  for (const container of spec.initContainers ?? []) {
    const isSidecar = container.restartPolicy === 'Always';
    each(container, (name, amount) => {
      if (isSidecar) add(sidecars, name, amount);
      const beside = isSidecar ? count(0) : amount;
      largest(peak, name, { value: beside.value + (sidecars.get(name)?.value ?? 0), isBinary: amount.isBinary });
    });
  }
  for (const [name, amount] of sidecars) add(total, name, amount);
  for (const [name, amount] of peak) largest(total, name, amount);
  for (const [name, text] of Object.entries(spec.overhead ?? {})) if (part === 'requests' || total.has(name)) add(total, name, amountOf(name, text));
  return total;
}

const plain: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** What requests and limits of one container or of a pod count as. */
export function computeUsage(requests: Iterable<readonly [string, Amount]>, limits: Iterable<readonly [string, Amount]>): Usage {
  const usage: Usage = new Map([['pods', count(1)]]);
  for (const [name, amount] of requests) {
    if (plain.has(name) || name.startsWith('hugepages-')) add(usage, name, amount);
    if (plain.has(name) || name.startsWith('hugepages-') || name.includes('/')) add(usage, `requests.${name}`, amount);
  }
  for (const [name, amount] of limits) if (plain.has(name)) add(usage, `limits.${name}`, amount);
  return usage;
}

function podUsage(pod: Pod, nowMs: number): Usage {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  const hasEnded = isFinished(pod) || (deletionTimestamp !== undefined && nowMs > (parseRfc3339(deletionTimestamp) ?? 0) + deletionGracePeriodSeconds * 1000);
  return hasEnded ? new Map() : computeUsage(podResources(pod, 'requests'), podResources(pod, 'limits'));
}

function serviceUsage({ spec }: Service): Usage {
  const usage: Usage = new Map([['services', count(1)]]);
  const ports = spec.ports ?? [];
  if (spec.type === 'NodePort') usage.set('services.nodeports', count(ports.length));
  if (spec.type !== 'LoadBalancer') return usage;
  usage.set('services.loadbalancers', count(1));
  const hasAll = (spec as { readonly allocateLoadBalancerNodePorts?: boolean }).allocateLoadBalancerNodePorts !== false;
  usage.set('services.nodeports', count(hasAll ? ports.length : ports.filter((port) => (port.nodePort ?? 0) !== 0).length));
  return usage;
}

interface Claim extends KubeObject {
  readonly spec: { readonly storageClassName?: string; readonly resources?: { readonly requests?: Readonly<Record<string, string>> } };
}

function claimUsage({ spec, metadata }: Claim): Usage {
  const usage: Usage = new Map([['persistentvolumeclaims', count(1)]]);
  const storage = spec.resources?.requests?.storage;
  const className = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '';
  const ofClass = (name: string): string => `${className}.storageclass.storage.k8s.io/${name}`;
  if (className !== '') usage.set(ofClass('persistentvolumeclaims'), count(1));
  if (storage === undefined) return usage;
  for (const name of className === '' ? ['requests.storage'] : ['requests.storage', ofClass('requests.storage')]) usage.set(name, amountOf(name, storage));
  return usage;
}

/** Kinds that have counted under their bare names since before `count/…`. */
const named: ReadonlySet<string> = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']);

/**
 * @param resource `pods`, `deployments.apps`
 * @param nowMs since 1970: a pod whose time to end is long over takes nothing
 */
export function usageOf(object: KubeObject, resource: string, nowMs: number): Usage {
  const usage =
    object.kind === 'Pod'
      ? podUsage(object as Pod, nowMs)
      : object.kind === 'Service'
        ? serviceUsage(object as Service)
        : object.kind === 'PersistentVolumeClaim'
          ? claimUsage(object as Claim)
          : new Map<string, Amount>();
  if (named.has(resource)) usage.set(resource, count(1));
  return usage.set(`count/${resource}`, count(1));
}
