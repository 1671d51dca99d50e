/** Writes objects: identity, versions, namespaces, deletion. Every change of the store is made here. */
import { CowMap } from '../base/cow-map.ts';
import { deepEqual } from '../base/equal.ts';
import { parseRfc3339 } from '../base/time.ts';
import { admit, type FieldValidation, nameOf } from './admission.ts';
import type { ApiFailure, ApiResult, ApplyOutcome } from './api.ts';
import { type CorrelatorSnapshot, EventCorrelator } from './event-correlator.ts';
import {
  continuedEvent,
  countedEvent,
  type EventMoment,
  type EventObject,
  type EventWords,
  eventName,
  lastSeen,
  maxEvents,
  newEvent,
  newSeriesEvent,
  staleEvents,
} from './events.ts';
import { type FlipFlopSnapshot, FlipFlops, type Hand, userHand } from './flip-flops.ts';
import { stableSuffix, stableUid, uidOfHex } from './identity.ts';
import type { KindInfo, KindRegistry } from './kind-registry.ts';
import { collectGarbage, emptyNamespace, remainingConditions } from './lifecycle.ts';
import { conflictText, type Manager, Managers, type ManagersSnapshot } from './managed/managers.ts';
import { lastAppliedAnnotation, lastAppliedOf, missingAnnotationWarning, withLastApplied, withoutServerFields } from './patch/last-applied.ts';
import { threeWayMerge } from './patch/three-way.ts';
import { type Fields, goJson, isFields } from './patch/values.ts';
import { decodeObject } from './schema/decode.ts';
import { alreadyExists, badRequest, conflict, forbidden, notFound } from './status.ts';
import type { ObjectStore } from './store/object-store.ts';
import { type AdmissionPlugin, type Kind, type KubeObject, type ObjectKey, type ObjectMeta, objectKey, type StoreView, type Verdict } from './types.ts';

export interface Write {
  readonly validation: FieldValidation;
  readonly dryRun: boolean;
  /** Writes status instead of everything else. */
  readonly part: 'main' | 'status';
  /** A controller's: the resource version is not compared. */
  readonly force: boolean;
  /** Who owns what this write changes; absent where ownership is told otherwise. */
  readonly manager?: Manager;
  /** A user's: from now on the object's owners are remembered. A controller's writes count only for such objects. */
  readonly tracks: boolean;
  /** Which controller, looking at what; absent: a user. */
  readonly by?: () => Hand;
}

/** Kubernetes: a generated name that is taken is tried again this often. */
const maxNameAttempts = 8;

export interface WriterSnapshot {
  readonly revision: number;
  readonly counters: ReadonlyMap<string, number>;
  readonly garbage: readonly string[];
  readonly eventMinute: number;
  readonly managers: ManagersSnapshot;
  readonly foreground: ReadonlyMap<ObjectKey, true>;
  readonly correlator: CorrelatorSnapshot;
  readonly flipFlops: FlipFlopSnapshot;
}

export class Writer {
  readonly #store: ObjectStore;
  readonly #registry: KindRegistry;
  readonly #view: StoreView;
  readonly #seed: number;
  /** Now, or so many seconds later. */
  readonly #timestamp: (laterSeconds?: number) => string;
  readonly #plugins: readonly AdmissionPlugin[];
  /** The last resource version given. */
  #revision = 0;
  /** Times a key was removed, and generated names so far: what makes the next uid or suffix another one. */
  readonly #counters = new CowMap<string, number>();
  /** Uids of owners that have gone, whose dependants are to be looked at. */
  #garbage: string[] = [];
  readonly managers = new Managers();
  readonly #correlator = new EventCorrelator();
  readonly flipFlops = new FlipFlops();
  /** Objects that go when their dependants have gone. */
  readonly #foreground = new CowMap<ObjectKey, true>();
  /** The virtual minute in which events were last looked through. */
  #eventMinute = -1;

  /** `timestamp` gives now as RFC 3339. */
  constructor(
    store: ObjectStore,
    registry: KindRegistry,
    view: StoreView,
    seed: number,
    timestamp: (laterSeconds?: number) => string,
    plugins: readonly AdmissionPlugin[],
  ) {
    this.#plugins = plugins;
    this.#store = store;
    this.#registry = registry;
    this.#view = view;
    this.#seed = seed;
    this.#timestamp = timestamp;
  }

  snapshot(): WriterSnapshot {
    return {
      revision: this.#revision,
      counters: this.#counters.snapshot(),
      garbage: this.#garbage.slice(),
      eventMinute: this.#eventMinute,
      managers: this.managers.snapshot(),
      foreground: this.#foreground.snapshot(),
      correlator: this.#correlator.snapshot(),
      flipFlops: this.flipFlops.snapshot(),
    };
  }

  restore(snapshot: WriterSnapshot): void {
    this.#revision = snapshot.revision;
    this.#counters.restore(snapshot.counters);
    this.#garbage = snapshot.garbage.slice();
    this.#eventMinute = snapshot.eventMinute;
    this.managers.restore(snapshot.managers);
    this.#foreground.restore(snapshot.foreground);
    this.#correlator.restore(snapshot.correlator);
    this.flipFlops.restore(snapshot.flipFlops);
  }

  create(info: KindInfo, given: KubeObject, write: Write): ApiResult<KubeObject> {
    const { kind } = info;
    const prepare = (object: KubeObject) => this.#withUid(this.#prepareNew(info, object));
    const admitted = admit(info, given, undefined, prepare, write.validation, this.#view, this.#plugins);
    if (!admitted.ok) return admitted;
    const { object, warnings } = admitted;
    const key = objectKey(object);
    const { name, namespace } = object.metadata;
    const refusal = namespace === undefined ? undefined : this.#namespaceRefusal(kind, name, namespace);
    if (refusal !== undefined) return refusal;
    const verdict = this.#judge(kind, object, undefined);
    if (verdict.refusal !== undefined) return forbidden(kind, name, verdict.refusal);
    if (this.#store.find(key) !== undefined) return alreadyExists(kind, name);
    if (!write.dryRun) this.#writeWith(verdict);
    const metadata: ObjectMeta = {
      ...object.metadata,
      creationTimestamp: this.#timestamp(),
      // A dry run has not reached the storage, which gives out the version.
      ...(write.dryRun ? {} : { resourceVersion: String(this.#revision + 1) }),
      ...(hasGeneration(kind, object) ? { generation: 1 } : {}),
    };
    const stored: KubeObject = { ...object, metadata };
    if (!write.dryRun) {
      this.#revision += 1;
      if (write.tracks && write.manager !== undefined) this.managers.updated(key, info.schema, undefined, stored, write.manager, this.#timestamp());
      this.#store.put(stored);
    }
    return { ok: true, value: stored, warnings };
  }

  update(info: KindInfo, given: KubeObject, write: Write, expected?: KubeObject): ApiResult<KubeObject> {
    const { kind } = info;
    const name = nameOf(given);
    const old =
      expected ??
      this.#store.find(
        objectKey({ ...given, metadata: { ...given.metadata, ...(kind.namespaced ? { namespace: given.metadata?.namespace ?? 'default' } : {}) } }),
      );
    if (old === undefined) return notFound(kind, name);
    const { resourceVersion } = old.metadata;
    const wanted = given.metadata?.resourceVersion;
    if (!write.force && wanted !== undefined && wanted !== resourceVersion) {
      return conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again');
    }
    const whole: KubeObject = write.part === 'status' ? { ...old, status: given.status } : withStatusOf(given, old);
    if (expected !== undefined && (given.kind !== old.kind || given.apiVersion !== old.apiVersion)) {
      return badRequest(
        `the API version in the data (${String(given.apiVersion)}) does not match the expected API version (${old.apiVersion})`,
        kind,
        old.metadata.name,
      );
    }
    const admitted = admit(info, whole, old, (object) => prepareOld(object, old), write.validation, this.#view, [], write.manager?.subresource);
    if (!admitted.ok) return admitted;
    if (!admitted.changed) return { ok: true, value: old, warnings: admitted.warnings };
    const { object } = admitted;
    if (write.part === 'main') {
      const verdict = this.#judge(kind, object, old);
      if (verdict.refusal !== undefined) return forbidden(kind, name, verdict.refusal);
      if (!write.dryRun) {
        // What a component keeps for itself goes back and forth by its nature: a probe's report comes and is looked at.
        const loop = kind.followsOwner === true ? undefined : this.flipFlops.note(old, object, write.by?.() ?? userHand, this.#view.nowNs / 1e6);
        if (loop !== undefined) return conflict(kind, name, loop);
        this.#writeWith(verdict);
      }
    }
    const isNewSpec = write.part === 'main' && hasGeneration(kind, object) && changedBesideMetadata(object, old);
    const stored: KubeObject = {
      ...object,
      metadata: {
        ...object.metadata,
        ...(write.dryRun ? {} : { resourceVersion: String(this.#revision + 1) }),
        ...(isNewSpec ? { generation: (old.metadata.generation ?? 0) + 1 } : {}),
      },
    };
    if (!write.dryRun) {
      this.#revision += 1;
      const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = stored.metadata;
      const isOver = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0;
      if (isOver && finalizers.length === 0 && stored.kind !== 'Namespace') this.#erase(old);
      else {
        if (write.part === 'main') this.#own(info, old, stored, write);
        this.#store.put(stored);
      }
    }
    return { ok: true, value: stored, warnings: admitted.warnings };
  }

  /** The first refusal, or all that is to be written with the object. */
  #judge(kind: Kind, object: KubeObject, old: KubeObject | undefined): Verdict {
    let writes: readonly KubeObject[] | undefined;
    for (const plugin of this.#plugins) {
      const verdict = plugin.validate?.(object, old, this.#view, kind);
      if (verdict?.refusal !== undefined) return verdict;
      if (verdict?.writes !== undefined) writes = writes === undefined ? verdict.writes : [...writes, ...verdict.writes];
    }
    return writes === undefined ? nothingElse : { writes };
  }

  #writeWith({ writes = [] }: Verdict): void {
    for (const one of writes) {
      this.#revision += 1;
      this.#store.put({ ...one, metadata: { ...one.metadata, resourceVersion: String(this.#revision) } });
    }
  }

  #own(info: KindInfo, old: KubeObject, now: KubeObject, write: Write): void {
    const key = objectKey(now);
    const { manager, tracks } = write;
    const known = this.managers.has(key);
    if (manager === undefined || (!tracks && !known)) return;
    // What nobody kept account of was made by a controller.
    if (!known) this.managers.updated(key, info.schema, undefined, old, byControllers, old.metadata.creationTimestamp ?? this.#timestamp());
    this.managers.updated(key, info.schema, old, now, manager, this.#timestamp());
  }

  /** Kubernetes: apiserver/pkg/endpoints/handlers/patch.go, applyPatcher. */
  serverSideApply(info: KindInfo, given: KubeObject, write: Write, by: Manager, force: boolean, takeOver: string | undefined): ApiResult<ApplyOutcome> {
    const { kind } = info;
    if (!isFields(given.metadata)) return badRequest('metadata is not an object', kind);
    const decoded = decodeObject(info.schema, this.#prepareNamespace(kind, given), undefined);
    const named = (decoded.wrongTypes.length === 0 && decoded.unknownFields.length === 0 ? decoded.value : this.#prepareNamespace(kind, given)) as KubeObject;
    const { name } = named.metadata;
    if (named.metadata.managedFields !== undefined) return badRequest('metadata.managedFields must be nil', kind, name);
    const key = objectKey(named);
    const live = this.#store.find(key);
    const silent: Write = { ...write, force: true, tracks: false };
    const remember = (old: KubeObject | undefined, now: KubeObject): void => {
      if (write.dryRun) return;
      this.managers.applied(key, info.schema, old, now, named, by, this.#timestamp());
      if (takeOver !== undefined) this.managers.takeOver(key, takeOver, by);
    };
    if (live === undefined) {
      const created = this.create(info, named, silent);
      if (!created.ok) return created;
      remember(undefined, created.value);
      return { ok: true, value: { object: created.value, outcome: 'serverside-applied' }, warnings: created.warnings };
    }
    const { resourceVersion } = named.metadata;
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion)
      return conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again');
    const { merged, conflicts } = this.managers.merge(key, info.schema, live, named, by);
    if (conflicts.length > 0 && !force) return { ...conflict(kind, name, ''), message: conflictText(conflicts) };
    const updated = this.update(info, by.name === 'kubectl' ? withAppliedText(merged, named, live) : merged, silent, live);
    if (!updated.ok) return updated;
    remember(live, updated.value);
    return { ok: true, value: { object: updated.value, outcome: 'serverside-applied' }, warnings: updated.warnings };
  }

  apply(info: KindInfo, given: KubeObject, write: Write): ApiResult<ApplyOutcome> {
    if (!isFields(given.metadata))
      return badRequest(
        `${info.kind.kind} in version ${JSON.stringify(info.version)} cannot be handled as a ${info.kind.kind}: metadata is not an object`,
        info.kind,
      );
    const named = this.#prepareNamespace(info.kind, given);
    const live = this.#store.find(objectKey(named));
    const annotated = withLastApplied(named);
    if (live === undefined) {
      const created = this.create(info, annotated, write);
      return created.ok ? { ok: true, value: { object: created.value, outcome: 'created' }, warnings: created.warnings } : created;
    }
    const original = lastAppliedOf(live);
    const merged = threeWayMerge(info.schema, original ?? {}, withoutServerFields(annotated), live as unknown as Fields);
    const updated = this.update(info, merged as unknown as KubeObject, { ...write, force: true }, live);
    if (!updated.ok) return updated;
    const warnings = original === undefined ? [missingAnnotationWarning(info.kind, live.metadata.name), ...updated.warnings] : updated.warnings;
    return { ok: true, value: { object: updated.value, outcome: updated.value === live ? 'unchanged' : 'configured' }, warnings };
  }

  #prepareNamespace(kind: Kind, object: KubeObject): KubeObject {
    const { namespace, ...metadata } = object.metadata;
    if (!kind.namespaced) return namespace === undefined ? object : { ...object, metadata };
    return namespace === undefined || namespace === '' ? { ...object, metadata: { ...object.metadata, namespace: 'default' } } : object;
  }

  #prepareNew(info: KindInfo, given: KubeObject): KubeObject {
    const { resourceVersion: _, generation: __, deletionTimestamp: ___, deletionGracePeriodSeconds: ____, ...metadata } = given.metadata;
    const object = this.#prepareNamespace(info.kind, { ...given, metadata });
    const { name, generateName, namespace } = object.metadata;
    if ((name !== undefined && name !== '') || generateName === undefined || generateName === '') return object;
    const purpose = `${info.kind.kind}/${namespace ?? ''}/${generateName}`;
    for (let attempt = 0; attempt < maxNameAttempts; attempt += 1) {
      const count = this.#counters.get(`name ${purpose}`) ?? 0;
      this.#counters.set(`name ${purpose}`, count + 1);
      const generated = { ...object, metadata: { ...object.metadata, name: generateName.slice(0, 58) + stableSuffix(this.#seed, `${purpose} ${count}`, 5) } };
      if (this.#store.find(objectKey(generated)) === undefined) return generated;
    }
    return object;
  }

  /** Known before defaults are filled in: a Job's selector is made of it. */
  #withUid(object: KubeObject): KubeObject {
    if (object.metadata.uid !== undefined) return object;
    const key = objectKey(object);
    const times = this.#counters.get(`uid ${key}`) ?? 0;
    return { ...object, metadata: { ...object.metadata, uid: stableUid(this.#seed, `${key} ${times}`) } };
  }

  /** Forgets events by age, looked at once a virtual minute, and by number. */
  expireEvents(nowMs: number): void {
    const minute = Math.floor(nowMs / 60_000);
    const events = this.#store.list('Event') as readonly EventObject[];
    if (events.length === 0 || (minute === this.#eventMinute && events.length <= maxEvents)) return;
    this.#eventMinute = minute;
    for (const event of staleEvents(events, nowMs)) this.#store.remove(objectKey(event));
  }

  #namespaceRefusal(kind: Kind, name: string, namespace: string): ApiFailure | undefined {
    const namespaceKind = this.#registry.info('Namespace')?.kind;
    if (namespaceKind === undefined) return undefined;
    const object = this.#store.find(`Namespace/${namespace}`);
    if (object === undefined) return notFound(namespaceKind, namespace);
    if (object.metadata.deletionTimestamp === undefined || kind.followsOwner === true) return undefined;
    return forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`);
  }

  /**
   * Deletes, or marks for deletion where something must come first: finalizers, dependants (`foreground`), the content of a namespace, the grace of what is
   * running, for which `gracePeriodSeconds` stands in. Kubernetes: staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go, BeforeDelete.
   */
  removeObject(given: KubeObject, options: { readonly foreground?: boolean; readonly gracePeriodSeconds?: number | undefined } = {}): void {
    const { foreground = false, gracePeriodSeconds } = options;
    const finalizers = given.metadata.finalizers ?? [];
    const waits = foreground && given.metadata.deletionTimestamp === undefined && !finalizers.includes(foregroundFinalizer);
    const object: KubeObject = waits ? { ...given, metadata: { ...given.metadata, finalizers: [...finalizers, foregroundFinalizer] } } : given;
    if (waits) this.#foreground.set(objectKey(object), true);
    const ownSeconds = this.#registry.info(object.kind)?.kind.gracePeriodSeconds?.(object, this.#view) ?? 0;
    const graceSeconds = ownSeconds === 0 ? 0 : (gracePeriodSeconds ?? ownSeconds);
    const isHeld = (object.metadata.finalizers ?? []).length > 0 || object.kind === 'Namespace';
    const known = object.metadata.deletionTimestamp === undefined ? undefined : (object.metadata.deletionGracePeriodSeconds ?? 0);
    // A second deletion can only shorten the grace.
    if (known !== undefined && (isHeld || known > 0) && (gracePeriodSeconds ?? known) >= known) return;
    if (!isHeld && (graceSeconds === 0 || gracePeriodSeconds === 0)) {
      this.#erase(object);
      return;
    }
    this.#revision += 1;
    const metadata: ObjectMeta = {
      ...object.metadata,
      deletionTimestamp: this.#timestamp(graceSeconds),
      deletionGracePeriodSeconds: graceSeconds,
      resourceVersion: String(this.#revision),
    };
    this.#store.put(
      object.kind === 'Namespace'
        ? { ...object, metadata, status: { ...(object.status as object | undefined), phase: 'Terminating' } }
        : { ...object, metadata },
    );
  }

  #erase(object: KubeObject): void {
    const key = objectKey(object);
    this.#revision += 1;
    this.#counters.set(`uid ${key}`, (this.#counters.get(`uid ${key}`) ?? 0) + 1);
    this.#store.remove(key);
    this.managers.forget(key);
    if (object.metadata.uid === undefined) return;
    this.#garbage.push(object.metadata.uid);
    this.#correlator.forget(object.metadata.uid);
  }

  /** Before each round: dependants of what has gone, and namespaces that are going. */
  cleanUp(): boolean {
    let cleaned = false;
    const garbage = this.#garbage;
    this.#garbage = [];
    for (const uid of garbage) {
      if (this.#store.dependants(uid).length === 0) continue;
      cleaned = true;
      collectGarbage(this.#store, uid, (object) => this.removeObject(object));
    }
    for (const key of [...this.#foreground.keys()]) if (this.#goForeground(key)) cleaned = true;
    for (const namespace of this.#store.list('Namespace')) {
      if (namespace.metadata.deletionTimestamp === undefined) continue;
      if (!emptyNamespace(this.#store, this.#registry, namespace.metadata.name, (object) => this.removeObject(object))) {
        if (this.#tellWhatRemains(namespace)) cleaned = true;
        continue;
      }
      if ((namespace.metadata.finalizers ?? []).length > 0) continue;
      this.#erase(namespace);
      cleaned = true;
    }
    return cleaned;
  }

  #tellWhatRemains(namespace: KubeObject): boolean {
    const conditions = remainingConditions(this.#store, this.#registry, namespace.metadata.name, this.#timestamp());
    const status = namespace.status as { readonly conditions?: readonly { readonly message?: string }[] } | undefined;
    if (
      deepEqual(
        status?.conditions?.map((one) => one.message),
        conditions.map((one) => one.message),
      )
    )
      return false;
    this.#revision += 1;
    const metadata = { ...namespace.metadata, resourceVersion: String(this.#revision) };
    this.#store.put({ ...namespace, metadata, status: { ...(namespace.status as object | undefined), conditions } });
    return true;
  }

  /** Deletes the dependants of an object that waits for them; lets it go when those that block it have gone. Kubernetes: garbagecollector.go, processDeletingDependentsItem. */
  #goForeground(key: ObjectKey): boolean {
    const object = this.#store.find(key);
    const { uid, finalizers = [], deletionTimestamp } = object?.metadata ?? {};
    if (object === undefined || uid === undefined || deletionTimestamp === undefined || !finalizers.includes(foregroundFinalizer)) {
      this.#foreground.delete(key);
      return false;
    }
    const dependants = this.#store.dependants(uid);
    const blocking = dependants.filter((one) => one.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true) === true);
    let changed = false;
    for (const one of blocking) {
      if (one.metadata.deletionTimestamp !== undefined) continue;
      this.removeObject(one, { foreground: one.metadata.uid !== undefined && this.#store.dependants(one.metadata.uid).length > 0 });
      changed = true;
    }
    if (blocking.some((one) => this.#store.find(objectKey(one)) !== undefined)) return changed;
    const left = finalizers.filter((one) => one !== foregroundFinalizer);
    this.#foreground.delete(key);
    if (left.length === 0) this.#erase(object);
    else {
      this.#revision += 1;
      this.#store.put({ ...object, metadata: { ...object.metadata, finalizers: left, resourceVersion: String(this.#revision) } });
    }
    return true;
  }

  event(about: KubeObject, words: EventWords): void {
    const namespace = about.metadata.namespace ?? 'default';
    if (this.#registry.info('Namespace') !== undefined && this.#store.find(`Namespace/${namespace}`)?.metadata.deletionTimestamp !== undefined) return;
    const timestamp = this.#timestamp();
    if (words.action !== undefined) {
      this.#seriesEvent(about, words, namespace, { timestamp, microTime: `${timestamp.slice(0, -1)}.${microseconds(this.#view.nowNs)}Z` });
      return;
    }
    const nameOf = (one: { readonly message: string; readonly isCombined: boolean }) => eventName(about, words, one.isCombined ? '' : one.message);
    const { name, message, times } = this.#correlator.admit(about, words, this.#view.nowNs / 1e6, () => this.#eventsAbout(about, namespace), nameOf);
    if (times === 0) return;
    const known = this.#store.find(`Event/${namespace}/${name}`) as EventObject | undefined;
    this.#revision += 1;
    const resourceVersion = String(this.#revision);
    this.#store.put(
      known === undefined
        ? newEvent(name, about, { ...words, message }, timestamp, uidOfHex(name.slice(-16)), resourceVersion, times)
        : countedEvent(known, message, times, timestamp, resourceVersion),
    );
  }

  /** The same about the same version of an object within six minutes is one series. Kubernetes: client-go/tools/events/event_broadcaster.go. */
  #seriesEvent(about: KubeObject, words: EventWords, namespace: string, now: EventMoment): void {
    const same = `${words.action} ${about.metadata.resourceVersion ?? ''}`;
    this.#revision += 1;
    const resourceVersion = String(this.#revision);
    for (let series = 0; ; series += 1) {
      const name = eventName(about, words, `${same} ${series}`);
      const known = this.#store.find(`Event/${namespace}/${name}`) as EventObject | undefined;
      const isOver = known !== undefined && (parseRfc3339(now.timestamp) ?? 0) - (parseRfc3339(lastSeen(known)) ?? 0) > seriesMs;
      if (isOver && series < mostSeries) continue;
      this.#store.put(
        known === undefined ? newSeriesEvent(name, about, words, now, uidOfHex(name.slice(-16)), resourceVersion) : continuedEvent(known, now, resourceVersion),
      );
      return;
    }
  }

  /** By their names, which begin with the object's; lists are in order of name. */
  #eventsAbout(about: KubeObject, namespace: string): readonly EventObject[] {
    const events = this.#store.list('Event', namespace) as readonly EventObject[];
    const first = `${about.metadata.name}.`;
    let [low, high] = [0, events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.metadata.name ?? '') < first) low = middle + 1;
      else high = middle;
    }
    const found: EventObject[] = [];
    for (let event = events[low]; event?.metadata.name.startsWith(first) === true; event = events[low]) {
      if (event.involvedObject.uid === about.metadata.uid) found.push(event);
      low += 1;
    }
    return found;
  }
}

/** Kubernetes: finishTime. Events go after an hour, so there are never more than ten after each other. */
const seriesMs = 360_000;
const mostSeries = 20;

const microseconds = (nowNs: number): string => String(Math.floor(nowNs / 1000) % 1_000_000).padStart(6, '0');

const nothingElse: Verdict = {};

const hasGeneration = (kind: Kind, object: KubeObject): boolean => kind.hasGeneration ?? object.spec !== undefined;

function changedBesideMetadata(object: KubeObject, old: KubeObject): boolean {
  const now = object as unknown as Fields;
  const before = old as unknown as Fields;
  return Object.keys({ ...now, ...before }).some((key) => key !== 'metadata' && key !== 'status' && now[key] !== before[key]);
}

/** Kubernetes: metav1.FinalizerDeleteDependents. */
const foregroundFinalizer = 'foregroundDeletion';

const byControllers: Manager = { name: 'kube-controller-manager', operation: 'Update' };

/** Who leaves client-side apply keeps its annotation up to date. Kubernetes: managedfields/internal/lastappliedupdater.go. */
function withAppliedText(merged: KubeObject, given: KubeObject, live: KubeObject): KubeObject {
  if (live.metadata.annotations?.[lastAppliedAnnotation] === undefined) return merged;
  const annotations = { ...merged.metadata.annotations, [lastAppliedAnnotation]: `${goJson(given)}\n` };
  return { ...merged, metadata: { ...merged.metadata, annotations } };
}

/** A write of the main part keeps the stored status. */
function withStatusOf(given: KubeObject, old: KubeObject): KubeObject {
  if (given.status === old.status) return given;
  const { status: _, ...rest } = given;
  return old.status === undefined ? rest : { ...rest, status: old.status };
}

/** What a writer cannot change is taken from the stored object. */
function prepareOld(object: KubeObject, old: KubeObject): KubeObject {
  if (object.metadata === old.metadata) return object;
  const { uid, creationTimestamp, resourceVersion, generation, deletionTimestamp, deletionGracePeriodSeconds, namespace } = old.metadata;
  const kept: Record<string, unknown> = { creationTimestamp, resourceVersion, generation, deletionTimestamp, deletionGracePeriodSeconds };
  const metadata: Record<string, unknown> = { ...object.metadata };
  for (const key of Object.keys(kept)) {
    if (kept[key] === undefined) delete metadata[key];
    else metadata[key] = kept[key];
  }
  if (metadata.uid === undefined && uid !== undefined) metadata.uid = uid;
  if (namespace === undefined) delete metadata.namespace;
  else if (metadata.namespace === undefined) metadata.namespace = namespace;
  return { ...object, metadata: metadata as unknown as ObjectMeta };
}
