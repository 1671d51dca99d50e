/** What a place means: its field from the schema, and what the name that stands there leads to in the running cluster. */
import { matchesLabels, matchesSelector } from '../../kube/label-selector.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import { hoverYaml } from '../../objects/yaml-help.ts';
import type { HoverView } from '../views.ts';
import { occurrenceAt } from './navigate.ts';
import type { Occurrence } from './occurrences.ts';
import type { LanguageApi, TextFile } from './text-index.ts';

const MAX_NAMED = 5;

function listed(names: readonly string[], one: string, many: string): string {
  if (names.length === 0) return `no ${one}`;
  const rest = names.length - MAX_NAMED;
  return `${names.length} ${names.length === 1 ? one : many}: ${names.slice(0, MAX_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

type ServiceLike = KubeObject & {
  readonly spec?: { readonly clusterIP?: string; readonly type?: string; readonly selector?: Readonly<Record<string, string>> };
};

function aboutService(api: LanguageApi, service: ServiceLike): string {
  const { clusterIP, type, selector } = service.spec ?? {};
  const pods =
    selector === undefined ? [] : api.view.list<Pod>('Pod', service.metadata.namespace).filter((pod) => matchesLabels(selector, pod.metadata.labels));
  return `Service ${service.metadata.namespace ?? ''}/${service.metadata.name}: ${type ?? 'ClusterIP'}${clusterIP === undefined ? '' : ` ${clusterIP}`}${
    selector === undefined
      ? ''
      : `, selects ${listed(
          pods.map((pod) => pod.metadata.name),
          'pod',
          'pods',
        )}`
  }`;
}

function aboutName(api: LanguageApi, at: Occurrence): string | undefined {
  const [type = '', first = '', second = ''] = at.symbol.split(' ');
  if (type === 'object' && api.kinds.some((one) => one.kind === first)) {
    const object = api.view.find<ServiceLike>(at.scope === '' || at.scope === '*' ? `${first}/${second}` : `${first}/${at.scope}/${second}`);
    if (object === undefined)
      return at.role === 'definition'
        ? undefined
        : `There is no ${first} ${second}${at.scope === '' ? '' : ` in namespace ${at.scope}`} in the running cluster.`;
    if (first === 'Service') return aboutService(api, object);
    return at.role === 'definition' ? undefined : `${first} ${second} is in the running cluster.`;
  }
  if ((type === 'label' || type === 'label-key') && at.selector !== undefined) {
    const { selector } = at;
    const objects = api.view
      .list(first, first === 'Pod' && at.scope !== '*' ? at.scope : undefined)
      .filter((one) => matchesSelector(selector, one.metadata.labels));
    const [one, many] = first === 'Pod' ? ['pod', 'pods'] : [first, `${first}s`];
    return `The whole selector fits ${listed(
      objects.map((object) => object.metadata.name),
      one,
      many,
    )}`;
  }
  return undefined;
}

export function hover(api: LanguageApi, files: readonly TextFile[], path: string, text: string, offset: number): HoverView | null {
  const field = hoverYaml(api.kinds, text, offset);
  const at = occurrenceAt(files, path, offset);
  const about = at === undefined ? undefined : aboutName(api, at);
  if (about === undefined || at === undefined) return field ?? null;
  return {
    startOffset: field?.startOffset ?? at.span.startOffset,
    endOffset: field?.endOffset ?? at.span.endOffset,
    paragraphs: [...(field?.paragraphs ?? []), about],
  };
}
