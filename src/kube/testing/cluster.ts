/** A control plane without a network, for tests and measurements: apply YAML, settle, ask as kubectl would. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { ApiFailure } from '../../objects/api.ts';
import { ApiServer } from '../../objects/api-server.ts';
import type { EventObject } from '../../objects/events.ts';
import { type Controller, type KubeObject, type ObjectKey, objectKey } from '../../objects/types.ts';
import { admission, configurationKinds, initialObjects, kinds, watchLatency } from '../index.ts';
import { kubeParts } from '../later-parts.ts';
import { argvOf, isScripted } from '../pod/container-exit.ts';
import { allContainers, statusOfContainer } from '../pod/containers.ts';
import { reportLabel, reportProbe } from '../pod/pod-runtime.ts';
import type { Pod } from '../pod/types.ts';

const epochMs = 1_775_293_200_000;

export class TestCluster {
  readonly api: ApiServer;
  nowNs = 0;

  constructor(running: readonly Controller[] = kubeParts.controllers, seed = 1) {
    this.api = new ApiServer({ kinds, controllers: running, admission, nowNs: () => this.nowNs, epochMs, seed, latency: watchLatency });
    for (const object of initialObjects) this.must(this.api.create(object));
  }

  /** Applies all documents and settles. @throws {Error} when one is refused or the cluster does not come to rest. */
  apply(yaml: string): this {
    for (const object of this.parse(yaml)) this.must(this.api.apply(object));
    return this.settle();
  }

  /** The refusal of the one document. */
  refusal(yaml: string): ApiFailure {
    const [object] = this.parse(yaml);
    if (object === undefined) throw new Error('no document');
    const result = this.api.apply(object);
    if (result.ok) throw new Error(`${object.kind} ${object.metadata.name} was accepted`);
    return result;
  }

  settle(): this {
    for (let i = 0; i < 20; i += 1) {
      const { diagnostics } = this.api.settle();
      if (diagnostics.length > 0) throw new Error(diagnostics.map((one) => one.message).join('\n'));
      if (!this.#runScripts()) break;
    }
    return this;
  }

  /** Stands in for a container runtime: scripts of `echo`, `sleep 0` and `exit` end at once, others run on. True when one has ended. */
  #runScripts(): boolean {
    let ended = false;
    for (const pod of this.api.view.list<Pod>('Pod')) {
      for (const container of allContainers(pod)) {
        const status = statusOfContainer(pod, container.name);
        if (!isScripted(container) || status?.state?.running === undefined) continue;
        const words = argvOf(container);
        const script = /^(\S*\/)?sh$/.test(words[0] ?? '') ? (words[2] ?? '') : words.join(' ');
        const parts = script.split(/;|&&/).map((part) => part.trim());
        if (!parts.every((part) => /^(echo|exit|true|date|env|id|hostname)\b/.test(part))) continue;
        const code = /^exit (\d+)/.exec(parts.at(-1) ?? '')?.[1] ?? '0';
        reportProbe(this.api, objectKey(pod), { label: reportLabel(container.name, 'exit', status.restartCount ?? 0), text: code });
        ended = true;
      }
    }
    return ended;
  }

  parse(yaml: string): readonly KubeObject[] {
    const { documents, diagnostics } = parseYaml('test.yaml', yaml);
    if (diagnostics.some((one) => one.severity === 'error')) throw new Error(diagnostics.map((one) => one.message).join('\n'));
    const objects = documents.map((document) => document.value as unknown as KubeObject).filter((object) => object !== null && object !== undefined);
    const named = objects.map((object) => (object.metadata === undefined ? { ...object, metadata: { name: 'config' } } : object));
    const first = (object: KubeObject): number => (configurationKinds.includes(object.kind) ? 0 : object.kind === 'Namespace' ? 1 : 2);
    return named.sort((a, b) => first(a) - first(b));
  }

  get<T extends KubeObject = KubeObject>(key: ObjectKey): T {
    const object = this.api.view.find<T>(key);
    if (object === undefined) throw new Error(`no ${key}`);
    return object;
  }

  scale(key: ObjectKey, replicas: number): this {
    const object = this.get(key);
    this.must(this.api.update({ ...object, spec: { ...(object.spec as object), replicas } }));
    return this.settle();
  }

  remove(key: ObjectKey): this {
    this.must(this.api.remove(key));
    return this.settle();
  }

  pods(namespace = 'default'): readonly Pod[] {
    return this.api.view.list<Pod>('Pod', namespace);
  }

  /** `Reason: message` of the events about an object, in order of name. */
  events(kind: string, name: string): readonly string[] {
    return this.api.view
      .list<EventObject>('Event')
      .filter((event) => event.involvedObject.kind === kind && event.involvedObject.name === name)
      .map((event) => `${event.reason}: ${event.message}`);
  }

  /** Cells of `kubectl get`, all columns. */
  row(key: ObjectKey): readonly string[] {
    const object = this.get(key);
    const kind = this.api.findKind(object.kind);
    if (kind === undefined) throw new Error(`no kind ${object.kind}`);
    return kind.row(object, { nowNs: this.nowNs, view: this.api.view, age: (timestamp) => (timestamp === undefined ? '<unknown>' : '0s') });
  }

  must(result: ApiFailure | { readonly ok: true }): void {
    if (!result.ok) throw new Error(result.message);
  }
}
