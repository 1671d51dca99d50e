/** Fills in and checks what pods and claims ask for, by the namespace's LimitRanges. Kubernetes: plugin/pkg/admission/limitranger/admission.go. */
import type { AdmissionPlugin, KubeObject, StoreView } from '../../objects/types.ts';
import { type Container, namespaceOf, type Pod, type Resources } from '../pod/types.ts';
import type { LimitRange, LimitRangeItem } from './quota.ts';
import { amountOf, formatAmount, podResources, type Usage } from './quota-usage.ts';

type Amounts = Readonly<Record<string, string>>;

const itemsOf = (object: KubeObject, view: StoreView): readonly LimitRangeItem[] =>
  view.list<LimitRange>('LimitRange', namespaceOf(object)).flatMap((range) => range.spec?.limits ?? []);

/** Those of `given`, and of `defaults` what is missing. */
function fill(given: Amounts | undefined, defaults: Amounts): { readonly amounts: Amounts; readonly names: readonly string[] } {
  const names = Object.keys(defaults)
    .filter((name) => given?.[name] === undefined)
    .sort();
  return { amounts: { ...defaults, ...given }, names };
}

const annotation = 'kubernetes.io/limit-ranger';

function withDefaults(pod: Pod, items: readonly LimitRangeItem[]): Pod {
  const words: string[] = [];
  const fillContainer = (container: Container, item: LimitRangeItem, what: string): Container => {
    const requests = fill(container.resources?.requests, item.defaultRequest ?? {});
    const limits = fill(container.resources?.limits, item.default ?? {});
    if (requests.names.length > 0) words.push(`${requests.names.join(', ')} request for ${what} ${container.name}`);
    if (limits.names.length > 0) words.push(`${limits.names.join(', ')} limit for ${what} ${container.name}`);
    if (requests.names.length + limits.names.length === 0) return container;
    const resources: Resources = { ...container.resources, limits: limits.amounts, requests: requests.amounts };
    return { ...container, resources };
  };
  let { spec } = pod;
  for (const item of items) {
    if (item.type !== 'Container') continue;
    spec = {
      ...spec,
      containers: spec.containers.map((one) => fillContainer(one, item, 'container')),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map((one) => fillContainer(one, item, 'init container')) }),
    };
  }
  if (words.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [annotation]: `LimitRanger plugin set: ${words.join('; ')}` };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec };
}

const asUsage = (amounts: Amounts | undefined): Usage => new Map(Object.entries(amounts ?? {}).map(([name, text]) => [name, amountOf(name, text)]));

/** Everything that one thing asks for against one item; in order of bound, then of name. */
function violations(item: LimitRangeItem, requests: Usage, limits: Usage): readonly string[] {
  const found: string[] = [];
  const each = (
    bounds: Amounts | undefined,
    judge: (name: string, bound: string, value: number, request?: number, limit?: number) => string | undefined,
  ): void => {
    for (const name of Object.keys(bounds ?? {}).sort()) {
      const bound = bounds?.[name] ?? '0';
      const words = judge(name, bound, amountOf(name, bound).value, requests.get(name)?.value, limits.get(name)?.value);
      if (words !== undefined) found.push(words);
    }
  };
  const text = (of: Usage, name: string): string => formatAmount(name, of.get(name) ?? amountOf(name, '0'));
  const { type } = item;
  each(item.min, (name, bound, least, request, limit) => {
    const head = `minimum ${name} usage per ${type} is ${bound}`;
    if (request === undefined) return `${head}.  No request is specified`;
    if (request < least) return `${head}, but request is ${text(requests, name)}`;
    return limit !== undefined && limit < least ? `${head}, but limit is ${text(limits, name)}` : undefined;
  });
  each(item.max, (name, bound, most, request, limit) => {
    const head = `maximum ${name} usage per ${type} is ${bound}`;
    // Claims know no limits.
    if (type === 'PersistentVolumeClaim') {
      if (request === undefined) return `${head}.  No request is specified`;
      return request > most ? `${head}, but request is ${text(requests, name)}` : undefined;
    }
    if (limit === undefined) return `${head}.  No limit is specified`;
    if (limit > most) return `${head}, but limit is ${text(limits, name)}`;
    return request !== undefined && request > most ? `${head}, but request is ${text(requests, name)}` : undefined;
  });
  each(item.maxLimitRequestRatio, (name, bound, _most, request, limit) => {
    const head = `${name} max limit to request ratio per ${type} is ${bound}`;
    if (request === undefined || request === 0) return `${head}, but no request is specified or request is 0`;
    if (limit === undefined || limit === 0) return `${head}, but no limit is specified or limit is 0`;
    // The bound is a plain number, whatever the resource counts in.
    return (limit / request) * 1000 > amountOf('cpu', bound).value ? `${head}, but provided ratio is ${(limit / request).toFixed(6)}` : undefined;
  });
  return found;
}

function podViolations(pod: Pod, item: LimitRangeItem): readonly string[] {
  if (item.type === 'Container')
    return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(({ resources }) =>
      violations(item, asUsage(resources?.requests), asUsage(resources?.limits)),
    );
  return item.type === 'Pod' ? violations(item, podResources(pod, 'requests'), podResources(pod, 'limits')) : [];
}

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  mutate(object, view) {
    if (object.kind !== 'Pod') return object;
    const items = itemsOf(object, view);
    return items.length === 0 ? object : withDefaults(object as Pod, items);
  },
  validate(object, old, view) {
    const isPod = object.kind === 'Pod';
    if ((!isPod || old !== undefined) && object.kind !== 'PersistentVolumeClaim') return {};
    const items = itemsOf(object, view);
    const claim = object.spec as { readonly resources?: { readonly requests?: Amounts } } | undefined;
    const found = items.flatMap((item) =>
      isPod
        ? podViolations(object as Pod, item)
        : item.type === 'PersistentVolumeClaim'
          ? violations(item, asUsage(claim?.resources?.requests), new Map())
          : [],
    );
    const words = [...new Set(found)];
    return words.length === 0 ? {} : { refusal: words.length === 1 ? (words[0] ?? '') : `[${words.join(', ')}]` };
  },
};
