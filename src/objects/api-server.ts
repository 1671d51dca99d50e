/** The API server: every write of a user, a controller or a program goes through here, and nothing else changes an object. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { Change, Identified, RecordStore } from '../base/record-store.ts';
import { formatRfc3339 } from '../base/time.ts';
import { nameOf } from './admission.ts';
import { AgentRunner, type AgentSnapshot, type Merge, type OnNews } from './agent-runner.ts';
import type { Api, ApiResult, ApplyOutcome, Delivery, Finding, RemoveOptions, ServerSideApplyOptions, WriteOptions } from './api.ts';
import { stableSuffix } from './identity.ts';
import { type KindInfo, KindRegistry } from './kind-registry.ts';
import { immortalNamespaces, orphan } from './lifecycle.ts';
import { jsonPatch } from './patch/json-patch.ts';
import { mergePatch } from './patch/merge-patch.ts';
import { strategicMerge } from './patch/strategic.ts';
import { type Fields, findForbiddenKey, isFields } from './patch/values.ts';
import { ControllerRuntime, type Later, type RuntimeSnapshot } from './runtime.ts';
import { findNotSimulated } from './schema/rules.ts';
import { badRequest, forbidden, noMatch, notFound } from './status.ts';
import { ObjectStore, type StoreSnapshot } from './store/object-store.ts';
import {
  type AdmissionPlugin,
  type Agent,
  type Controller,
  type ControllerContext,
  type JsonValue,
  type Kind,
  type KubeObject,
  type ObjectKey,
  objectKey,
  type StoreView,
  type WatchLatency,
} from './types.ts';
import { type Write, Writer, type WriterSnapshot } from './writer.ts';

export interface ApiServerOptions<R extends Identified> {
  readonly kinds: readonly Kind[];
  readonly controllers: readonly Controller[];
  /** In the order in which they are asked. */
  readonly admission?: readonly AdmissionPlugin[];
  readonly agents?: readonly Agent<R>[];
  /** How a new rendering meets what people have changed meanwhile; by default it overwrites. */
  readonly merge?: Merge<R>;
  readonly onNews?: OnNews;
  /** Where agents' renderings go. */
  readonly records?: RecordStore<R>;
  readonly nowNs: () => number;
  /** Unix epoch in milliseconds at virtual time 0. */
  readonly epochMs: number;
  readonly seed: number;
  /** How late components hear of changes, once `startClock` was called; undefined: nobody is late. */
  readonly latency?: (view: StoreView) => WatchLatency | undefined;
  /** What an object has been asked so far, counted by whoever runs what it describes. */
  readonly measure?: (key: ObjectKey) => number;
  /** Called after each change of an object; not on `restore`. */
  readonly onChange?: (change: Change<KubeObject>) => void;
}

/** References only; valid for the server that made it. */
export interface ApiSnapshot {
  readonly objects: StoreSnapshot;
  readonly runtime: RuntimeSnapshot;
  readonly agents: AgentSnapshot;
  readonly writer: WriterSnapshot;
}

const byUser: Write = { validation: 'Strict', dryRun: false, part: 'main', force: false, tracks: true };
const byController: Write = { validation: 'Strict', dryRun: false, part: 'main', force: true, tracks: false };
/** `manager`: what kubectl calls itself for such a write. */
const writeOf = (options: WriteOptions, manager: string): Write => ({
  ...byUser,
  validation: options.fieldValidation ?? 'Strict',
  dryRun: options.dryRun === true,
  manager: {
    name: options.fieldManager ?? manager,
    operation: 'Update',
    ...(options.subresource === undefined ? {} : { subresource: options.subresource }),
  },
});
/** Programs of their own; all other controllers live in one. */
const ownPrograms: ReadonlySet<string> = new Set(['kubelet', 'kube-scheduler']);
/** Diagnostics of refused writes that one `settle` tells. */
const maxRefusals = 20;

export class ApiServer<R extends Identified = Identified> implements Api {
  readonly view: StoreView;
  readonly #store = new ObjectStore();
  readonly #registry: KindRegistry;
  readonly #writer: Writer;
  readonly #runtime: ControllerRuntime;
  /** Controllers and agents, with the kinds that each watches. */
  readonly watchers: readonly { readonly name: string; readonly watches: readonly string[] }[];
  readonly #agents: AgentRunner<R>;
  readonly #nowNs: () => number;
  readonly #epochMs: number;
  readonly #seed: number;
  readonly #measure: (key: ObjectKey) => number;
  #refusals: Diagnostic[] = [];
  #isStarted = false;
  #timestampNs = Number.NaN;
  #timestamp = '';

  constructor(options: ApiServerOptions<R>) {
    this.#registry = new KindRegistry(options.kinds);
    this.#nowNs = options.nowNs;
    this.watchers = [...options.controllers, ...(options.agents ?? [])];
    this.#epochMs = options.epochMs;
    this.#seed = options.seed;
    this.#measure = options.measure ?? (() => 0);
    this.view = viewOf(this.#store, this.#registry, options.nowNs, options.epochMs);
    const timestamp = (laterSeconds = 0): string =>
      laterSeconds === 0 ? this.timestamp : formatRfc3339(this.#epochMs + this.#nowNs() / 1e6 + laterSeconds * 1000);
    this.#writer = new Writer(this.#store, this.#registry, this.view, options.seed, timestamp, options.admission ?? []);
    const latency = () => (this.#isStarted ? options.latency?.(this.view) : undefined);
    this.#runtime = new ControllerRuntime(options.controllers, this.view, (controller, later) => this.#contextOf(controller, later), latency);
    this.#agents = new AgentRunner(options.agents ?? [], this.view, options.records, options.nowNs, options.merge, latency, options.onNews);
    this.#store.listen((change) => {
      const declaring = change.after ?? change.before;
      if (declaring !== undefined && this.#registry.info(declaring.kind)?.kind.declares !== undefined) this.#registry.declare(change.id, change.after);
      this.#runtime.changed(change);
      this.#agents.changed(change);
      options.onChange?.(change);
    });
  }

  /** From now on late components are late: what was there before, a cluster as it is found, has settled at once. */
  startClock(): void {
    this.#isStarted = true;
  }

  get kinds(): readonly Kind[] {
    return this.#registry.kinds;
  }

  /** Now, RFC 3339 with seconds. */
  get timestamp(): string {
    const nowNs = this.#nowNs();
    // Thousands of objects are written at one moment: they share the text.
    if (nowNs !== this.#timestampNs) {
      this.#timestampNs = nowNs;
      this.#timestamp = formatRfc3339(this.#epochMs + nowNs / 1e6);
    }
    return this.#timestamp;
  }

  get nextDueNs(): number | undefined {
    const repair = this.#agents.nextDueNs;
    const controller = this.#runtime.nextDueNs;
    return repair === undefined ? controller : controller === undefined ? repair : Math.min(repair, controller);
  }

  findKind(word: string): Kind | undefined {
    return this.#registry.findKind(word);
  }

  findings(): readonly Finding[] {
    return [...this.#agents.findings(), ...this.#writer.flipFlops.findings(this.#nowNs() / 1e6)];
  }

  /** Changes on their way to late components, in the order in which they were made. */
  deliveries(): readonly Delivery[] {
    return [...this.#runtime.deliveries(), ...this.#agents.deliveries()].sort((a, b) => a.sentNs - b.sentNs);
  }

  /** The controller that is writing; undefined: somebody outside. */
  get acting(): string | undefined {
    return this.#runtime.acting;
  }

  /** Whether an object (a CustomResourceDefinition) declared this kind. */
  isDeclared(kind: string): boolean {
    return this.#registry.isDeclared(kind);
  }

  /** Set fields that are stored without effect in the simulation. */
  notSimulated(object: KubeObject): readonly { readonly path: string; readonly description: string }[] {
    const info = this.#registry.infoFor(object.apiVersion, object.kind);
    return info === undefined ? [] : findNotSimulated(info.schema, object);
  }

  create(given: KubeObject, options: WriteOptions = {}): ApiResult<KubeObject> {
    return this.#safely(given, (info, object) => this.#writer.create(info, object, writeOf(options, 'kubectl-create')));
  }

  update(given: KubeObject, options: WriteOptions = {}): ApiResult<KubeObject> {
    return this.#safely(given, (info, object) => this.#writer.update(info, object, writeOf(options, 'kubectl-replace')));
  }

  /** Writes the status and nothing else. */
  updateStatus(given: KubeObject): ApiResult<KubeObject> {
    return this.#safely(given, (info, object) => this.#writer.update(info, object, { ...byUser, part: 'status' }));
  }

  apply(given: KubeObject, options: WriteOptions = {}): ApiResult<ApplyOutcome> {
    return this.#safely(given, (info, object) => this.#writer.apply(info, object, writeOf(options, 'kubectl-client-side-apply')));
  }

  serverSideApply(given: KubeObject, options: ServerSideApplyOptions = {}): ApiResult<ApplyOutcome> {
    const { manager: _, ...write } = writeOf(options, 'kubectl');
    const by = { name: options.fieldManager ?? 'kubectl', operation: 'Apply' } as const;
    return this.#safely(given, (info, object) => this.#writer.serverSideApply(info, object, write, by, options.force === true, options.takeOver));
  }

  managedFields(key: ObjectKey): readonly JsonValue[] {
    return this.#writer.managers.managedFields(key);
  }

  patch(key: ObjectKey, patch: unknown, type: 'strategic' | 'merge' | 'json', options: WriteOptions = {}): ApiResult<KubeObject> {
    const live = this.#store.find(key);
    const info = this.#registry.info(key.slice(0, key.indexOf('/')));
    if (info === undefined) return noMatch(key.slice(0, key.indexOf('/')), '');
    const { kind } = info;
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (live === undefined) return notFound(kind, name);
    const badKey = findForbiddenKey(patch);
    if (badKey !== undefined) return badRequest(`key ${JSON.stringify(badKey)} is not allowed`, kind, name);
    let fields = live as unknown as Fields;
    let patched: unknown;
    // managedFields are kept beside the object; only who patches them sees them in it.
    const writesOwners =
      type === 'json' && Array.isArray(patch) && patch.some((one) => isFields(one) && String(one.path).startsWith('/metadata/managedFields'));
    if (writesOwners) fields = { ...live, metadata: { ...live.metadata, managedFields: this.managedFields(key) } };
    if (type === 'json') {
      const result = jsonPatch(fields, patch);
      if (!result.ok) return badRequest(result.message, kind, name);
      patched = result.value;
    } else {
      if (!isFields(patch))
        return badRequest(
          `error decoding patch: json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type map[string]interface {}`,
          kind,
          name,
        );
      patched = type === 'merge' ? mergePatch(fields, patch) : strategicMerge(info.schema, fields, patch);
    }
    if (!isFields(patched)) return badRequest(`cannot restore struct from: ${typeof patched}`, kind, name);
    const { metadata } = patched;
    const owners = writesOwners && isFields(metadata) && Array.isArray(metadata.managedFields) ? (metadata.managedFields as readonly unknown[]) : undefined;
    const { managedFields: _, ...own } = isFields(metadata) ? metadata : {};
    const whole = owners === undefined ? patched : { ...patched, metadata: own };
    const result = this.#writer.update(info, whole as unknown as KubeObject, writeOf(options, 'kubectl-patch'), live);
    if (result.ok && owners !== undefined && options.dryRun !== true) this.#writer.managers.replace(key, owners);
    return result;
  }

  remove(key: ObjectKey, options: RemoveOptions = {}): ApiResult<KubeObject> {
    const info = this.#registry.info(key.slice(0, key.indexOf('/')));
    if (info === undefined) return noMatch(key.slice(0, key.indexOf('/')), '');
    const name = key.slice(key.lastIndexOf('/') + 1);
    const object = this.#store.find(key);
    if (object === undefined) return notFound(info.kind, name);
    if (object.kind === 'Namespace' && immortalNamespaces.has(name)) return forbidden(info.kind, name, 'this namespace may not be deleted');
    // Objects of a kind go before the kind does. Kubernetes: apiextensions-apiserver/pkg/controller/finalizer.
    const declared = this.#registry.declaredBy(key);
    if (declared !== undefined) for (const one of this.#store.list(declared.kind)) this.#writer.removeObject(one);
    if (options.propagationPolicy === 'Orphan' && object.metadata.uid !== undefined) orphan(this.#store, object.metadata.uid);
    this.#writer.removeObject(object, { foreground: options.propagationPolicy === 'Foreground', gracePeriodSeconds: options.gracePeriodSeconds });
    return { ok: true, value: object, warnings: [] };
  }

  /** `meanwhile` is called now and then while objects still change; it may look at them. */
  settle(meanwhile?: () => void): { readonly rounds: number; readonly diagnostics: readonly Diagnostic[] } {
    this.#refusals = [];
    this.#writer.expireEvents(this.#epochMs + this.#nowNs() / 1e6);
    const { rounds, diagnostics } = this.#runtime.settle(this.#nowNs(), () => this.#writer.cleanUp(), meanwhile);
    this.#agents.run();
    this.#agents.repair();
    return { rounds, diagnostics: [...this.#refusals, ...diagnostics] };
  }

  /** With the next `settle` agents look at all that they have written, also at what belongs to objects that are long gone. */
  renderAgain(): void {
    this.#agents.again();
  }

  snapshot(): ApiSnapshot {
    return {
      objects: this.#store.snapshot(),
      runtime: this.#runtime.snapshot(),
      agents: this.#agents.snapshot(),
      writer: this.#writer.snapshot(),
    };
  }

  restore(snapshot: ApiSnapshot): void {
    this.#store.restore(snapshot.objects);
    const declaring = this.#registry.kinds.filter((kind) => kind.declares !== undefined);
    this.#registry.restore(declaring.flatMap((kind) => this.#store.list(kind.kind).map((object) => [objectKey(object), object] as const)));
    this.#runtime.restore(snapshot.runtime);
    this.#agents.restore(snapshot.agents);
    this.#writer.restore(snapshot.writer);
  }

  /** Refuses what could reach a prototype and what nobody knows before anything looks inside. */
  #safely<T>(object: KubeObject, write: (info: KindInfo, object: KubeObject) => ApiResult<T>): ApiResult<T> {
    const { apiVersion, kind } = object;
    const info = this.#registry.infoFor(apiVersion, kind);
    if (info === undefined) return noMatch(String(kind), String(apiVersion));
    const key = findForbiddenKey(object);
    if (key !== undefined) return badRequest(`key ${JSON.stringify(key)} is not allowed`, info.kind, nameOf(object));
    const stored = { apiVersion: info.kind.apiVersion, kind: info.kind.kind };
    return write(info, apiVersion === stored.apiVersion && kind === stored.kind ? object : { ...object, ...stored });
  }

  #contextOf(controller: Controller, { currentKey, ...later }: Later): ControllerContext {
    const server = this;
    let refusal = '';
    const manager = { name: ownPrograms.has(controller.name) ? controller.name : 'kube-controller-manager', operation: 'Update' } as const;
    const byThis: Write = { ...byController, manager, by: () => ({ name: controller.name, key: currentKey() }) };
    const told = (result: ApiResult<KubeObject>): KubeObject | undefined => {
      if (result.ok) return result.value;
      refusal = result.message;
      // What admission forbids the component tells in an event.
      if (result.reason !== 'Forbidden' && server.#refusals.length < maxRefusals) {
        const message = `${controller.name}: ${result.message}`;
        if (!server.#refusals.some((one) => one.message === message)) server.#refusals.push({ severity: 'warning', code: 'controller-write', message });
      }
      return undefined;
    };
    const write = (object: KubeObject, how: (info: KindInfo) => ApiResult<KubeObject>): KubeObject | undefined => {
      const info = server.#registry.infoFor(object.apiVersion, object.kind);
      return told(info === undefined ? noMatch(object.kind, object.apiVersion) : how(info));
    };
    return {
      view: server.view,
      get nowNs() {
        return server.#nowNs();
      },
      get timestamp() {
        return server.timestamp;
      },
      create: (object) => write(object, (info) => server.#writer.create(info, object, byThis)),
      update: (object) => write(object, (info) => server.#writer.update(info, object, byThis)),
      updateStatus: (object) => write(object, (info) => server.#writer.update(info, object, { ...byController, part: 'status' })),
      remove(key, gracePeriodSeconds) {
        const object = server.#store.find(key);
        if (object !== undefined) server.#writer.removeObject(object, { gracePeriodSeconds });
      },
      event: (about, type, reason, message, component, place) => server.#writer.event(about, { type, reason, message, component, ...place }),
      ...later,
      measure: (key) => server.#measure(key),
      get refusal() {
        return refusal;
      },
      randomSuffix: (purpose, length) => stableSuffix(server.#seed, purpose, length),
    };
  }
}

function viewOf(store: ObjectStore, registry: KindRegistry, nowNs: () => number, epochMs: number): StoreView {
  const shown = (object: KubeObject): KubeObject => registry.live.get(object.kind)?.(object, view, epochMs + nowNs() / 1e6) ?? object;
  const shownAll = (kind: string, objects: readonly KubeObject[]): readonly KubeObject[] => (registry.live.has(kind) ? objects.map(shown) : objects);
  const view: StoreView = {
    get nowNs() {
      return nowNs();
    },
    find<T extends KubeObject>(key: ObjectKey) {
      const object = store.find(key);
      return (object === undefined ? undefined : shown(object)) as T | undefined;
    },
    list<T extends KubeObject>(kind: string, namespace?: string) {
      return shownAll(kind, store.list(kind, namespace)) as readonly T[];
    },
    select<T extends KubeObject>(kind: string, namespace: string, labels: Readonly<Record<string, string>>) {
      return shownAll(kind, store.select(kind, namespace, labels)) as readonly T[];
    },
    owned<T extends KubeObject>(kind: string, ownerUid: string) {
      return store.owned(kind, ownerUid) as readonly T[];
    },
    indexed: (index, value) => store.indexed(index, value),
  };
  return view;
}
