/** Which names an object defines and which it uses: itself, labels, ports, volumes, and other objects by name or by selector. */
import type { Span } from '../../base/diagnostic.ts';
import { joinPath } from '../../base/yaml/node.ts';
import type { LabelSelector, Labels } from '../../kube/label-selector.ts';
import { clusterWideKinds, kindsByKey, kindsByParent } from '../../objects/yaml-help.ts';
import { isRecord, type JsonRecord, keySpanOf, spanOf, type TextObject, textOf } from './text-object.ts';

/** One name in a text. Occurrences with the same symbol in the same scope are the same thing. */
export interface Occurrence {
  /** `object Service web`, `label Pod app=web`, `label-key Pod app`, `port http`, `service-port web 80`, `volume data`. */
  readonly symbol: string;
  /** A namespace, '' for the whole cluster, an object for what is known only inside it; `*` fits all. */
  readonly scope: string;
  readonly role: 'definition' | 'reference';
  readonly span: Span;
  readonly owner: TextObject;
  /** In the owner, as the API server writes it. */
  readonly path: string;
  /** Only definitions whose labels fit are meant. */
  readonly selector?: LabelSelector;
  /** Labels of the pod, namespace or node that defines it. */
  readonly labels?: Labels;
  /** More than a renaming may change: a label of a Deployment that no selector looks at, a number. */
  readonly fixed?: true;
}

type LabelOwner = 'Pod' | 'Namespace' | 'Node';

/** What the fields below stand in. */
interface Place {
  readonly path: string;
  /** Keys from the root, indices left out. */
  readonly keys: readonly string[];
  /** Labels of the pod (template) around. */
  readonly podLabels: Labels | undefined;
  /** Which labels a selector here means, and where it looks. */
  readonly labelOwner: LabelOwner;
  readonly scope: string;
  /** Pods that ports here belong to. */
  readonly podSelector: LabelSelector | undefined;
}

const labelsIn = (value: unknown): Labels => {
  const labels: Record<string, string> = {};
  if (isRecord(value)) for (const [key, one] of Object.entries(value)) if (typeof one === 'string') labels[key] = one;
  return labels;
};

export function occurrencesOf(object: TextObject): readonly Occurrence[] {
  const found: Occurrence[] = [];
  const own = `${object.kind} ${object.namespace}/${object.name}`;

  const add = (occurrence: Omit<Occurrence, 'owner' | 'span'> & { readonly span?: Span }): void => {
    found.push({ ...occurrence, owner: object, span: occurrence.span ?? spanOf(object, occurrence.path) });
  };
  const refer = (kind: string, name: unknown, path: string, namespace: string): void => {
    if (typeof name === 'string' && name !== '')
      add({ symbol: `object ${kind} ${name}`, scope: clusterWideKinds.has(kind) ? '' : namespace, role: 'reference', path });
  };
  const label = (key: string, value: unknown, path: string, rest: Omit<Occurrence, 'owner' | 'span' | 'symbol' | 'path'>, owner: LabelOwner): void => {
    const span = keySpanOf(object, path);
    add({ ...rest, symbol: `label-key ${owner} ${key}`, path, span });
    if (typeof value === 'string' && value !== '') add({ ...rest, symbol: `label ${owner} ${key}=${value}`, path });
  };
  const labels = (map: unknown, path: string, rest: Omit<Occurrence, 'owner' | 'span' | 'symbol' | 'path'>, owner: LabelOwner): void => {
    if (isRecord(map)) for (const [key, value] of Object.entries(map)) label(key, value, joinPath(path, key), rest, owner);
  };
  /** The LabelSelector at a path: each of its labels means those whose whole selector fits. */
  const selector = (value: JsonRecord, place: Place): void => {
    const whole: LabelSelector = value as LabelSelector;
    const rest = { scope: place.labelOwner === 'Pod' ? place.scope : '', role: 'reference' as const, selector: whole };
    labels(value.matchLabels, joinPath(place.path, 'matchLabels'), rest, place.labelOwner);
    if (!Array.isArray(value.matchExpressions)) return;
    (value.matchExpressions as readonly unknown[]).forEach((one, index) => {
      if (!isRecord(one) || typeof one.key !== 'string') return;
      const path = `${joinPath(place.path, 'matchExpressions')}[${index}]`;
      const { key } = one;
      add({ ...rest, symbol: `label-key ${place.labelOwner} ${key}`, path: `${path}.key` });
      if (Array.isArray(one.values))
        (one.values as readonly unknown[]).forEach((word, at) => {
          if (typeof word === 'string') add({ ...rest, symbol: `label ${place.labelOwner} ${key}=${word}`, path: `${path}.values[${at}]` });
        });
    });
  };

  const metadata = isRecord(object.value.metadata) ? object.value.metadata : {};
  if (object.name !== '') add({ symbol: `object ${object.kind} ${object.name}`, scope: object.namespace, role: 'definition', path: 'metadata.name' });
  if (typeof metadata.namespace === 'string') refer('Namespace', metadata.namespace, 'metadata.namespace', '');
  const labelOwner: LabelOwner = object.kind === 'Namespace' || object.kind === 'Node' ? object.kind : 'Pod';
  const defines = object.kind === 'Pod' || labelOwner !== 'Pod';
  labels(
    metadata.labels,
    'metadata.labels',
    { scope: labelOwner === 'Pod' ? object.namespace : '', role: defines ? 'definition' : 'reference', labels: labelsIn(metadata.labels) },
    labelOwner,
  );

  const podSpec = (spec: JsonRecord, place: Place): void => {
    labels(
      spec.nodeSelector,
      joinPath(place.path, 'nodeSelector'),
      { scope: '', role: 'reference', selector: { matchLabels: labelsIn(spec.nodeSelector) } },
      'Node',
    );
    const volumes = Array.isArray(spec.volumes) ? (spec.volumes as readonly unknown[]) : [];
    const scope = `${own} ${place.path}`;
    volumes.forEach((volume, index) => {
      if (isRecord(volume) && typeof volume.name === 'string')
        add({ symbol: `volume ${volume.name}`, scope, role: 'definition', path: `${joinPath(place.path, 'volumes')}[${index}].name` });
    });
    for (const field of ['containers', 'initContainers']) {
      if (!Array.isArray(spec[field])) continue;
      (spec[field] as readonly unknown[]).forEach((container, index) => {
        if (!isRecord(container)) return;
        const path = `${joinPath(place.path, field)}[${index}]`;
        if (Array.isArray(container.volumeMounts))
          (container.volumeMounts as readonly unknown[]).forEach((mount, at) => {
            if (isRecord(mount) && typeof mount.name === 'string')
              add({ symbol: `volume ${mount.name}`, scope, role: 'reference', path: `${path}.volumeMounts[${at}].name` });
          });
        if (!Array.isArray(container.ports)) return;
        (container.ports as readonly unknown[]).forEach((port, at) => {
          if (!isRecord(port)) return;
          const rest = { scope: object.namespace, role: 'definition' as const, labels: place.podLabels ?? {} };
          if (typeof port.name === 'string') add({ ...rest, symbol: `port ${port.name}`, path: `${path}.ports[${at}].name` });
          if (typeof port.containerPort === 'number')
            add({ ...rest, symbol: `port ${port.containerPort}`, path: `${path}.ports[${at}].containerPort`, fixed: true });
        });
      });
    }
  };

  const field = (value: unknown, key: string, parent: JsonRecord, place: Place): void => {
    const { path } = place;
    const up = place.keys.at(-2) ?? '';
    if (typeof value === 'string' || typeof value === 'number') {
      if (typeof value === 'string' && Object.hasOwn(kindsByKey, key)) refer(kindsByKey[key] ?? '', value, path, object.namespace);
      else if (key === 'serviceName' && object.kind === 'StatefulSet') refer('Service', value, path, object.namespace);
      else if (key === 'name' && Object.hasOwn(kindsByParent, up)) {
        const kind = textOf(parent.kind) || kindsByParent[up] || '';
        refer(kind, value, path, textOf(parent.namespace) || object.namespace);
        if ((up === 'backendRefs' || up === 'backendRef') && typeof parent.port === 'number')
          add({
            symbol: `service-port ${String(value)} ${parent.port}`,
            scope: textOf(parent.namespace) || object.namespace,
            role: 'reference',
            path: path.replace(/name$/, 'port'),
            fixed: true,
          });
      } else if (key === 'namespace' && Object.hasOwn(kindsByParent, up)) refer('Namespace', value, path, '');
      else if (
        key === 'targetPort' ||
        (key === 'port' && place.podSelector !== undefined && up === 'ports' && typeof value === 'string' && object.kind !== 'Service')
      )
        add({
          symbol: `port ${value}`,
          scope: place.scope,
          role: 'reference',
          path,
          ...(place.podSelector === undefined ? {} : { selector: place.podSelector }),
          ...(typeof value === 'number' ? { fixed: true as const } : {}),
        });
      else if (key === 'port' && typeof value === 'string' && place.podLabels !== undefined && (up === 'httpGet' || up === 'tcpSocket'))
        add({ symbol: `port ${value}`, scope: object.namespace, role: 'reference', path, selector: { matchLabels: place.podLabels } });
      return;
    }
    if (!isRecord(value)) return;
    if (key === 'service' && typeof value.name === 'string' && isRecord(value.port)) {
      for (const part of ['number', 'name'])
        if (typeof value.port[part] === 'string' || typeof value.port[part] === 'number')
          add({
            symbol: `service-port ${value.name} ${value.port[part]}`,
            scope: object.namespace,
            role: 'reference',
            path: `${path}.port.${part}`,
            ...(part === 'number' ? { fixed: true as const } : {}),
          });
    }
    if (isRecord(value.matchLabels) || Array.isArray(value.matchExpressions)) selector(value, place);
    if (isRecord(value.metadata) && key !== '' && isRecord(value.spec)) {
      const own = labelsIn(value.metadata.labels);
      labels(value.metadata.labels, `${path}.metadata.labels`, { scope: object.namespace, role: 'definition', labels: own }, 'Pod');
    }
    if (Array.isArray(value.containers)) podSpec(value, place);
  };

  const walk = (value: unknown, key: string, parent: JsonRecord, place: Place): void => {
    if (Array.isArray(value)) {
      (value as readonly unknown[]).forEach((item, index) => {
        if (isRecord(item)) walkInto(item, key, { ...place, path: `${place.path}[${index}]` });
        else if (typeof item === 'string' && key === 'namespaces') refer('Namespace', item, `${place.path}[${index}]`, '');
      });
      return;
    }
    field(value, key, parent, place);
    if (isRecord(value)) children(value, key, place);
  };
  const walkInto = (item: JsonRecord, key: string, place: Place): void => {
    field(item, key, {}, place);
    children(item, key, place);
  };
  const children = (value: JsonRecord, key: string, place: Place): void => {
    const isTemplate = isRecord(value.metadata) && isRecord(value.spec);
    const podLabels = isTemplate ? labelsIn((value.metadata as JsonRecord).labels) : place.podLabels;
    for (const [name, child] of Object.entries(value)) {
      if (isTemplate && name === 'metadata') continue;
      // A peer that names its namespaces means pods there.
      const owner: LabelOwner = name === 'namespaceSelector' ? 'Namespace' : /^nodeSelector/.test(name) || key === 'nodeAffinity' ? 'Node' : place.labelOwner;
      const scope = name === 'podSelector' && value.namespaceSelector !== undefined ? '*' : place.scope;
      walk(child, name, value, { ...place, path: joinPath(place.path, name), keys: [...place.keys, name].slice(-4), podLabels, labelOwner: owner, scope });
    }
  };

  const { spec } = object.value;
  const podSelector: LabelSelector | undefined =
    isRecord(spec) && isRecord(spec.podSelector)
      ? (spec.podSelector as LabelSelector)
      : isRecord(spec) && object.kind === 'Service' && isRecord(spec.selector)
        ? { matchLabels: labelsIn(spec.selector) }
        : undefined;
  if (isRecord(spec) && (object.kind === 'Service' || object.kind === 'ReplicationController'))
    labels(spec.selector, 'spec.selector', { scope: object.namespace, role: 'reference', selector: { matchLabels: labelsIn(spec.selector) } }, 'Pod');
  if (isRecord(spec) && object.kind === 'Service' && Array.isArray(spec.ports))
    (spec.ports as readonly unknown[]).forEach((port, index) => {
      if (!isRecord(port)) return;
      const rest = { scope: object.namespace, role: 'definition' as const };
      if (typeof port.port === 'number') add({ ...rest, symbol: `service-port ${object.name} ${port.port}`, path: `spec.ports[${index}].port`, fixed: true });
      if (typeof port.name === 'string') add({ ...rest, symbol: `service-port ${object.name} ${port.name}`, path: `spec.ports[${index}].name` });
    });
  const start: Place = {
    path: '',
    keys: [],
    podLabels: object.kind === 'Pod' ? labelsIn(metadata.labels) : undefined,
    labelOwner: 'Pod',
    scope: object.namespace,
    podSelector,
  };
  for (const [name, child] of Object.entries(object.value)) {
    if (name === 'metadata' || name === 'status' || name === 'data' || name === 'stringData') continue;
    walk(child, name, object.value, { ...start, path: name, keys: [name] });
  }
  return found;
}
