/** What the API server takes without a word though it will not do what its author meant. */
import type { Diagnostic } from '../../base/diagnostic.ts';
import { type LabelSelector, matchesSelector } from '../../kube/label-selector.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { Occurrence } from './occurrences.ts';
import type { LanguageApi, TextFile } from './text-index.ts';
import { isRecord, type TextObject } from './text-object.ts';

const MAX_FINDINGS = 200;

/** Kinds whose absence the cluster shows by itself or takes as an answer. */
const mayBeAbsent = new Set(['Namespace', 'ServiceAccount', 'ClusterRole', 'Role', 'PriorityClass', 'StorageClass', 'PersistentVolume']);

/** Ports of the pods that a selector fits, in the cluster and in templates that have made none. */
export function portsOf(api: LanguageApi, files: readonly TextFile[], namespace: string, selector: LabelSelector): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const pod of api.view.list<Pod>('Pod', namespace))
    if (matchesSelector(selector, pod.metadata.labels))
      for (const container of pod.spec.containers)
        for (const port of container.ports ?? []) {
          ports.set(String(port.containerPort), port.containerPort);
          if (port.name !== undefined) ports.set(port.name, port.containerPort);
        }
  for (const one of files.flatMap((file) => file.occurrences))
    if (one.role === 'definition' && one.symbol.startsWith('port ') && one.scope === namespace && matchesSelector(selector, one.labels ?? {}))
      ports.set(one.symbol.slice(5), Number(one.symbol.slice(5)) || 0);
  return ports;
}

const words = (selector: LabelSelector): string =>
  Object.entries(selector.matchLabels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

class Linter {
  readonly found: Diagnostic[] = [];
  readonly #api: LanguageApi;
  readonly #files: readonly TextFile[];
  readonly #definitions = new Set<string>();
  readonly #podLabels: readonly { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }[];

  constructor(api: LanguageApi, files: readonly TextFile[]) {
    this.#api = api;
    this.#files = files;
    const labels = new Map<string, { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }>();
    const addLabels = (namespace: string, one: Readonly<Record<string, string>>) =>
      labels.set(`${namespace} ${JSON.stringify(one)}`, { namespace, labels: one });
    for (const file of files)
      for (const one of file.occurrences)
        if (one.role === 'definition') {
          this.#definitions.add(`${one.scope} ${one.symbol}`);
          if (one.labels !== undefined) addLabels(one.scope, one.labels);
        }
    for (const pod of api.view.list<Pod>('Pod')) addLabels(pod.metadata.namespace ?? '', pod.metadata.labels ?? {});
    this.#podLabels = [...labels.values()];
  }

  run(): void {
    for (const file of this.#files) {
      for (const one of file.occurrences) if (one.role === 'reference') this.#name(one);
      for (const object of file.objects) if (object.kind === 'Service') this.#service(file, object);
    }
  }

  #tell(severity: 'warning' | 'info', code: string, message: string, span: Diagnostic['span'], hint?: string): void {
    if (this.found.length < MAX_FINDINGS && span !== undefined) this.found.push({ severity, code, message, span, ...(hint === undefined ? {} : { hint }) });
  }

  #name(one: Occurrence): void {
    const [type = '', first = '', second = ''] = one.symbol.split(' ');
    if (this.#definitions.has(`${one.scope} ${one.symbol}`)) return;
    if (type === 'object') {
      if (mayBeAbsent.has(first) || !this.#api.kinds.some((kind) => kind.kind === first)) return;
      const key = one.scope === '' ? `${first}/${second}` : `${first}/${one.scope}/${second}`;
      if (this.#api.view.find(key) !== undefined || this.#isOptional(one)) return;
      this.#tell('warning', 'no-such-object', `there is no ${first} "${second}"${one.scope === '' ? '' : ` in namespace "${one.scope}"`}`, one.span);
    } else if (type === 'service-port') {
      const service = this.#api.view.find<{
        apiVersion: string;
        kind: string;
        metadata: { name: string };
        spec: { ports?: { name?: string; port: number }[] };
      }>(`Service/${one.scope}/${first}`);
      const ports = service?.spec.ports ?? [];
      if (service === undefined || ports.some((port) => port.name === second || String(port.port) === second)) return;
      this.#tell(
        'warning',
        'no-such-port',
        `Service "${first}" has no port ${second}; it has ${ports.map((port) => port.name ?? port.port).join(', ')}`,
        one.span,
      );
    }
  }

  #isOptional(one: Occurrence): boolean {
    let value: unknown = one.owner.value;
    for (const part of one.path.replace(/\.?name$/, '').match(/[^.[\]]+/g) ?? []) {
      if (Array.isArray(value)) value = (value as readonly unknown[])[Number(part)];
      else if (isRecord(value)) value = Object.hasOwn(value, part) ? value[part] : undefined;
      else return false;
    }
    return isRecord(value) && value.optional === true;
  }

  #service(file: TextFile, object: TextObject): void {
    const used = file.occurrences.filter((one) => one.owner === object && one.role === 'reference');
    const label = used.find((one) => one.selector !== undefined && one.symbol.startsWith('label '));
    const selector = label?.selector;
    if (selector === undefined || label === undefined) return;
    const isFit = this.#podLabels.some((one) => one.namespace === object.namespace && matchesSelector(selector, one.labels));
    if (!isFit) {
      this.#tell('warning', 'selects-nothing', `no pod in namespace "${object.namespace}" has ${words(selector)}: the Service has no endpoints`, label.span);
      return;
    }
    const ports = portsOf(this.#api, this.#files, object.namespace, selector);
    for (const one of used) {
      const [type = '', port = ''] = one.symbol.split(' ');
      if (type !== 'port' || ports.size === 0 || ports.has(port)) continue;
      const has = [...ports.keys()].join(', ');
      if (one.fixed === true) this.#tell('info', 'undeclared-port', `no selected pod declares containerPort ${port}; they declare ${has}`, one.span);
      else this.#tell('warning', 'no-such-port', `no selected pod names a port "${port}"; they have ${has}`, one.span);
    }
  }
}

export function lint(api: LanguageApi, files: readonly TextFile[]): readonly Diagnostic[] {
  const linter = new Linter(api, files);
  linter.run();
  return linter.found;
}
