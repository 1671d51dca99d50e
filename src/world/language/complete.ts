/** Completion that knows the running cluster and the texts: labels that exist, ports, names of other objects. */

import { CNI_NAMES, isCniName } from '../../kube/cni/choice-names.ts';
import { CNI_WORDS } from '../../kube/cni/choice-words.ts';
import { type Labels, matchesLabels } from '../../kube/label-selector.ts';
import { knownImages } from '../../kube/pod/images.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { KubeObject } from '../../objects/types.ts';
import { type Cursor, completeYaml, findCursor, kindsByKey, kindsByParent, type LiveNames, type Offer } from '../../objects/yaml-help.ts';
import type { CompletionItem } from '../views.ts';
import { snippetFor } from './snippets.ts';
import type { LanguageApi, TextFile } from './text-index.ts';

/** Longer texts are not helped with: the answer would come too late to be one. */
const MAX_TEXT = 262_144;
/** Objects of a kind that are looked at for names and labels. */
const MAX_LOOKED_AT = 2_000;

const offer = (label: string, detail: string, documentation = '', insertText = label): Offer => ({ label, insertText, detail, documentation });

/** YAML would read these as something else than text. */
const quoted = (text: string): string => (/^(?:true|false|yes|no|on|off|y|n|null|~|[-+.\d][\d._xoe+-]*|)$/i.test(text) ? JSON.stringify(text) : text);

function liveNames(api: LanguageApi, files: readonly TextFile[]): LiveNames {
  const names: Record<string, string[]> = {};
  for (const kind of new Set([...Object.values(kindsByParent), ...Object.values(kindsByKey)]))
    names[kind] = api.view
      .list(kind)
      .slice(0, MAX_LOOKED_AT)
      .map((object) => object.metadata.name);
  for (const { objects } of files) for (const one of objects) if (Object.hasOwn(names, one.kind) && one.name !== '') names[one.kind]?.push(one.name);
  return names;
}

/** Labels by key with the values they have, and how many objects have them. */
function labelsOf(objects: readonly KubeObject[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const { metadata } of objects.slice(0, MAX_LOOKED_AT))
    for (const [key, value] of Object.entries(metadata.labels ?? {})) {
      const values = found.get(key) ?? new Map<string, number>();
      values.set(value, (values.get(value) ?? 0) + 1);
      found.set(key, values);
    }
  return found;
}

/** The map of labels that a cursor is in, and whose labels they are. */
function labelPlace(cursor: Cursor): { readonly kind: 'Pod' | 'Namespace' | 'Node'; readonly key: string | undefined } | undefined {
  const { path } = cursor;
  const isValue = cursor.place === 'value';
  const map = isValue ? path.slice(0, -1) : path;
  const last = map.at(-1) ?? '';
  const isMap =
    last === 'matchLabels' ||
    last === 'nodeSelector' ||
    last === 'labels' ||
    (last === 'selector' && (cursor.kind === 'Service' || cursor.kind === 'ReplicationController'));
  const inExpression = map.at(-2) === 'matchExpressions' && isValue && path.at(-1) === 'key';
  if (!isMap && !inExpression) return undefined;
  const kind =
    last === 'nodeSelector' || path.includes('nodeAffinity') || (cursor.kind === 'Node' && last === 'labels')
      ? 'Node'
      : path.includes('namespaceSelector') || (cursor.kind === 'Namespace' && last === 'labels')
        ? 'Namespace'
        : 'Pod';
  return { kind, key: isMap && isValue ? path.at(-1) : undefined };
}

function labelOffers(api: LanguageApi, cursor: Cursor, namespace: string): readonly Offer[] {
  const at = labelPlace(cursor);
  if (at === undefined) return [];
  const objects = at.kind === 'Pod' ? api.view.list<Pod>('Pod', namespace) : api.view.list(at.kind);
  const known = labelsOf(objects);
  const counted = (count: number) => `${count} ${at.kind}${count === 1 ? '' : 's'}`;
  if (at.key !== undefined) return [...(known.get(at.key) ?? [])].map(([value, count]) => offer(value, counted(count), '', quoted(value)));
  const isKey = cursor.place === 'value';
  return [...known].flatMap(([key, values]) => {
    if (cursor.siblings.has(key)) return [];
    const count = [...values.values()].reduce((sum, one) => sum + one, 0);
    return [offer(key, counted(count), '', isKey ? key : `${key}: `)];
  });
}

/** The value of a key on a line of its own, at any depth: good enough for a text that is being typed. */
function valueIn(text: string, pattern: RegExp): string {
  return (pattern.exec(text)?.[1] ?? '').replace(/\s#.*$/, '').replace(/^["']|["']$/g, '');
}

function portOffers(api: LanguageApi, cursor: Cursor, document: string, namespace: string): readonly Offer[] {
  const { path } = cursor;
  const last = path.at(-1);
  if (cursor.place !== 'value') return [];
  if (cursor.kind === 'Service' && last === 'targetPort') {
    const stored = api.view.find<KubeObject & { readonly spec?: { readonly selector?: Labels } }>(
      `Service/${namespace}/${valueIn(document, /^metadata:\s*\n(?:[ #].*\n)*? {1,8}name:[ \t]*(\S+)/m)}`,
    );
    const pods = api.view
      .list<Pod>('Pod', namespace)
      .filter((pod) => stored?.spec?.selector === undefined || matchesLabels(stored.spec.selector, pod.metadata.labels));
    const ports = new Map<string, string>();
    for (const pod of pods.slice(0, MAX_LOOKED_AT))
      for (const container of pod.spec.containers)
        for (const port of container.ports ?? []) {
          if (port.name !== undefined) ports.set(port.name, `${port.containerPort} of ${container.name}`);
          ports.set(String(port.containerPort), `containerPort of ${container.name}`);
        }
    return [...ports].map(([port, detail]) => offer(port, detail));
  }
  const inBackend = path.includes('backend') && path.at(-2) === 'port';
  const inRoute = last === 'port' && path.includes('backendRefs');
  if (!inBackend && !inRoute) return [];
  const wanted = last === 'name' ? 'name' : 'port';
  return api.view
    .list<KubeObject & { readonly spec?: { readonly ports?: readonly { readonly name?: string; readonly port: number }[] } }>('Service', namespace)
    .flatMap((service) =>
      (service.spec?.ports ?? []).flatMap((port) => {
        const word = wanted === 'name' ? port.name : String(port.port);
        return word === undefined ? [] : [offer(word, `Service ${service.metadata.name}`)];
      }),
    );
}

/** Names that only the texts have: volumes. */
function nameOffers(cursor: Cursor, file: TextFile | undefined): readonly Offer[] {
  if (cursor.place !== 'value' || cursor.path.at(-1) !== 'name' || cursor.path.at(-3) !== 'volumeMounts') return [];
  const names = (file?.occurrences ?? []).filter((one) => one.role === 'definition' && one.symbol.startsWith('volume ')).map((one) => one.symbol.slice(7));
  return [...new Set(names)].map((name) => offer(name, 'volume'));
}

export function complete(api: LanguageApi, files: readonly TextFile[], path: string, text: string, offset: number): readonly CompletionItem[] {
  if (text.length > MAX_TEXT) return [];
  const start = text.lastIndexOf('\n---', Math.max(0, offset - 1)) + 1;
  const end = text.indexOf('\n---', offset);
  const document = text.slice(start, end < 0 ? text.length : end);
  const namespace = valueIn(document, /^ {1,8}namespace:[ \t]*(\S+)/m) || 'default';
  return cniWords(
    completeYaml(api.kinds, text, offset, findCursor(text, offset) === undefined ? {} : liveNames(api, files), {
      offers: (cursor) => [
        ...labelOffers(api, cursor, namespace),
        ...portOffers(api, cursor, document, namespace),
        ...nameOffers(
          cursor,
          files.find((file) => file.path === path),
        ),
        ...(cursor.place === 'value' && cursor.path.at(-1) === 'image' && cursor.path.includes('containers')
          ? knownImages.map((image) => offer(image, 'its behaviour is simulated'))
          : []),
      ],
      skeleton: snippetFor,
    }),
  );
}

/** What each pod network does, where one is chosen by its word. */
function cniWords(items: readonly CompletionItem[]): readonly CompletionItem[] {
  if (items.length <= CNI_NAMES.length || !CNI_NAMES.every((name, index) => items[index]?.label === name)) return items;
  return items.map((item) => (isCniName(item.label) ? { ...item, documentation: CNI_WORDS[item.label].join('. ') } : item));
}
