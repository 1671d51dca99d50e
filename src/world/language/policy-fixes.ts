/** What would mend a policy that the linter has noted (`kube/policy/policy-lint.ts`): each as an edit of its text. */
import type { Span } from '../../base/diagnostic.ts';
import { formatYaml, type YamlValue } from '../../base/yaml/index.ts';
import type { Pod } from '../../kube/pod/types.ts';
import { inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { insertField, replaceSpan, valueAt } from './edit-text.ts';
import { nearWords } from './near.ts';
import type { TextEdit } from './requests.ts';
import { isRecord, spanOf, type TextObject } from './text-object.ts';

export interface PolicyFix {
  readonly title: string;
  readonly edits: readonly (TextEdit | undefined)[];
  readonly preferred?: boolean;
}

const NAME_LABEL = 'kubernetes.io/metadata.name';
const MAX_OFFERED = 3;
const DNS_RULE: YamlValue = {
  to: [{ namespaceSelector: { matchLabels: { [NAME_LABEL]: 'kube-system' } }, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** On one line. */
function flow(value: YamlValue): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .flatMap(([key, one]) => (one === undefined ? [] : `${key}: ${flow(one)}`))
      .join(', ')}}`;
  return formatYaml(value).trim();
}

const indented = (value: YamlValue, column: number): string =>
  formatYaml(value)
    .trimEnd()
    .replaceAll('\n', `\n${' '.repeat(column)}`);

/** Another value in the place of one, in the style that it has. */
function rewrite(text: string, object: TextObject, path: string, value: YamlValue): TextEdit {
  const span = spanOf(object, path);
  const old = text.slice(span.startOffset, span.endOffset);
  const written = /^[[{]/.test(old) ? flow(value) : indented(value, span.startColumn - 1);
  return { ...replaceSpan(span, written), endOffset: span.startOffset + old.trimEnd().length };
}

/** One more element at the end of a list. */
function append(text: string, object: TextObject, path: string, item: YamlValue): TextEdit {
  const list = valueAt(object, path);
  const span = spanOf(object, path);
  const old = text.slice(span.startOffset, span.endOffset);
  if (old.startsWith('[')) return rewrite(text, object, path, [...(Array.isArray(list) ? (list as YamlValue[]) : []), item]);
  const at = span.startOffset + old.trimEnd().length;
  const column = span.startColumn - 1;
  return { file: object.file, startOffset: at, endOffset: at, text: `\n${' '.repeat(column)}${indented([item], column)}` };
}

/** Paths of peers, or of ports, with the one at which a span begins. */
function pathAt(object: TextObject, span: Span, lists: readonly string[], field = ''): string | undefined {
  for (const direction of ['ingress', 'egress']) {
    const rules = valueAt(object, `spec.${direction}`);
    for (const [i] of (Array.isArray(rules) ? rules : []).entries())
      for (const list of lists) {
        const items = valueAt(object, `spec.${direction}[${i}].${list}`);
        for (const [j] of (Array.isArray(items) ? items : []).entries()) {
          const path = `spec.${direction}[${i}].${list}[${j}]`;
          if (valueAt(object, `${path}${field}`) !== undefined && spanOf(object, `${path}${field}`).startOffset === span.startOffset) return path;
        }
      }
  }
  return undefined;
}

const labelsOf = (view: StoreView, namespace: string): readonly Readonly<Record<string, string>>[] =>
  view.list<Pod>('Pod', namespace).map((pod) => pod.metadata.labels ?? {});

/** Values that pods of the namespace have where the selector asks for another one. */
function selectsNothing(text: string, object: TextObject, view: StoreView): readonly PolicyFix[] {
  const wanted = valueAt(object, 'spec.podSelector.matchLabels');
  if (!isRecord(wanted)) return [];
  return Object.entries(wanted).flatMap(([key, value]): PolicyFix[] => {
    const values = new Set(labelsOf(view, object.namespace).flatMap((labels) => (Object.hasOwn(labels, key) ? [labels[key] ?? ''] : [])));
    if (values.has(String(value))) return [];
    const near = nearWords(String(value), values);
    return [...near, ...[...values].filter((one) => !near.includes(one))].slice(0, MAX_OFFERED).map((word) => ({
      title: `Select ${key}=${word}`,
      edits: [rewrite(text, object, 'spec.podSelector.matchLabels', { ...wanted, [key]: word } as YamlValue)],
      preferred: word === near[0],
    }));
  });
}

function wrongNamespace(text: string, object: TextObject, hint: string): readonly PolicyFix[] {
  const name = /^metadata\.namespace: (\S+)$/.exec(hint)?.[1];
  if (name === undefined) return [];
  const metadata = valueAt(object, 'metadata');
  if (!isRecord(metadata)) return [];
  const edit =
    metadata.namespace === undefined
      ? (insertField(text, object, 'metadata', 'namespace', name) ?? rewrite(text, object, 'metadata', { ...metadata, namespace: name } as YamlValue))
      : replaceSpan(spanOf(object, 'metadata.namespace'), name);
  return [{ title: `Put it into namespace ${name}`, edits: [edit], preferred: true }];
}

function forgetsDns(text: string, object: TextObject): readonly PolicyFix[] {
  const egress = valueAt(object, 'spec.egress');
  const some = Array.isArray(egress) && egress.length > 0;
  const edit = some
    ? append(text, object, 'spec.egress', DNS_RULE)
    : egress === undefined
      ? insertField(text, object, 'spec', 'egress', flow([DNS_RULE]))
      : rewrite(text, object, 'spec.egress', [DNS_RULE]);
  return [{ title: 'Let its pods ask the cluster’s DNS', edits: [edit], preferred: true }];
}

interface ServiceLike extends KubeObject {
  readonly spec?: { readonly clusterIPs?: readonly string[]; readonly selector?: Readonly<Record<string, string>> };
}

/** The pods behind the Service whose address was meant. */
function serviceCidr(text: string, object: TextObject, span: Span, view: StoreView): readonly PolicyFix[] {
  const path = pathAt(object, span, ['to'], '.ipBlock.cidr');
  const range = path === undefined ? undefined : parseIpPrefix(String(valueAt(object, `${path}.ipBlock.cidr`)));
  if (path === undefined || range === undefined) return [];
  const meant = view
    .list<ServiceLike>('Service')
    .filter(({ spec }) =>
      spec?.clusterIPs?.some((one) => {
        const ip = parseIp(one);
        return ip !== undefined && inPrefix(range.network, range.prefixLength, ip);
      }),
    )
    .filter(({ spec }) => Object.keys(spec?.selector ?? {}).length > 0);
  return meant.slice(0, MAX_OFFERED).map(({ metadata, spec }, index) => ({
    title: `Allow the pods behind Service ${metadata.name}`,
    edits: [
      rewrite(text, object, path, {
        ...(metadata.namespace === object.namespace ? {} : { namespaceSelector: { matchLabels: { [NAME_LABEL]: metadata.namespace ?? 'default' } } }),
        podSelector: { matchLabels: spec?.selector ?? {} },
      }),
    ],
    preferred: index === 0 && meant.length === 1,
  }));
}

/** Two elements become the one that they look like. */
function oneDash(text: string, object: TextObject, span: Span): readonly PolicyFix[] {
  const path = pathAt(object, span, ['from', 'to']);
  const [, list = '', index = '0'] = /^(.*)\[(\d+)\]$/.exec(path ?? '') ?? [];
  const peers = valueAt(object, list);
  if (path === undefined || !Array.isArray(peers)) return [];
  const second = Number(index);
  const joined = { ...(peers[second - 1] as object), ...(peers[second] as object) };
  return [
    {
      title: 'Ask for both: one element in place of two',
      edits: [rewrite(text, object, list, [...peers.slice(0, second - 1), joined, ...peers.slice(second + 1)] as YamlValue)],
    },
  ];
}

function peerNamespace(text: string, object: TextObject, span: Span, hint: string): readonly PolicyFix[] {
  const path = pathAt(object, span, ['from', 'to'], '.podSelector');
  const name = /kubernetes\.io\/metadata\.name: ([\w.-]+)/.exec(hint)?.[1];
  const peer = path === undefined ? undefined : valueAt(object, path);
  if (path === undefined || name === undefined || !isRecord(peer)) return [];
  const whole = { namespaceSelector: { matchLabels: { [NAME_LABEL]: name } }, ...peer };
  return [{ title: `Mean the pods of namespace ${name}`, edits: [rewrite(text, object, path, whole as YamlValue)], preferred: true }];
}

/** The name label for a label that nobody has, or the label for a namespace that has lost it. */
function namespaceLabel(text: string, object: TextObject, span: Span, hint: string, objects: readonly TextObject[]): readonly PolicyFix[] {
  const path = pathAt(object, span, ['from', 'to'], '.namespaceSelector');
  const called = /^The label with a namespace's name is kubernetes\.io\/metadata\.name: (\S+)$/.exec(hint)?.[1];
  if (path !== undefined && called !== undefined)
    return [
      {
        title: `Ask for ${NAME_LABEL}: ${called}`,
        edits: [rewrite(text, object, `${path}.namespaceSelector`, { matchLabels: { [NAME_LABEL]: called } })],
        preferred: true,
      },
    ];
  const without = /^Namespace (\S+) has no such label/.exec(hint)?.[1];
  const written = objects.find((one) => one.kind === 'Namespace' && one.name === without && one.file === object.file);
  const metadata = written === undefined ? undefined : valueAt(written, 'metadata');
  if (written === undefined || without === undefined || !isRecord(metadata)) return [];
  const labels = { ...(isRecord(metadata.labels) ? metadata.labels : {}), [NAME_LABEL]: without };
  return [{ title: `Give namespace ${without} the label`, edits: [rewrite(text, written, 'metadata', { ...metadata, labels } as YamlValue)], preferred: true }];
}

function namedPort(object: TextObject, span: Span, view: StoreView): readonly PolicyFix[] {
  const path = pathAt(object, span, ['ports'], '.port');
  if (path === undefined) return [];
  const names = new Set(
    view
      .list<Pod>('Pod')
      .flatMap((pod) => pod.spec.containers.flatMap((one) => (one.ports ?? []).flatMap((port) => (port.name === undefined ? [] : [port.name])))),
  );
  const near = nearWords(String(valueAt(object, `${path}.port`)), names);
  return [...near, ...[...names].filter((one) => !near.includes(one))]
    .slice(0, MAX_OFFERED)
    .map((word) => ({ title: `Change to ${word}`, edits: [replaceSpan(spanOf(object, `${path}.port`), word)], preferred: word === near[0] }));
}

/** @param objects All that is written in texts. */
export function policyFixes(
  code: string,
  hint: string,
  span: Span,
  at: { readonly text: string; readonly object: TextObject; readonly objects: readonly TextObject[]; readonly view: StoreView },
): readonly PolicyFix[] {
  const { text, object, objects, view } = at;
  if (object.kind !== 'NetworkPolicy') return [];
  switch (code) {
    case 'policy-selects-nothing':
      return selectsNothing(text, object, view);
    case 'policy-wrong-namespace':
      return wrongNamespace(text, object, hint);
    case 'policy-forgets-dns':
      return forgetsDns(text, object);
    case 'policy-service-cidr':
      return serviceCidr(text, object, span, view);
    case 'policy-and-or':
      return oneDash(text, object, span);
    case 'policy-peer-namespace':
      return peerNamespace(text, object, span, hint);
    case 'policy-namespace-label':
      return namespaceLabel(text, object, span, hint, objects);
    case 'policy-named-port':
      return namedPort(object, span, view);
    default:
      return [];
  }
}
