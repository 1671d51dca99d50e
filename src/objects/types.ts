/** The words of the API machinery: objects, kinds, controllers and agents. Nothing here knows what a network is. */
import type { Diagnostic, Span } from '../base/diagnostic.ts';
import type { ObjectKey, Origin } from '../base/origin.ts';
import type { EventPlace } from './events.ts';
import type { NameFormat } from './validation/names.ts';

export type { ObjectKey, Origin };

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339 in virtual time. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly JsonValue[];
}

/** Any API object. Immutable: a change is a new object. Kinds refine `spec` and `status` with their own interfaces. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** Where an object's text stands, so that a rule on screen leads to a line of YAML. */
export interface ObjectSource {
  readonly file: string;
  readonly span: Span;
  /** The span of a field's value (or key when there is no value), by JSON path such as `spec.ports[0].port`; the nearest parent's where the field is absent. */
  spanOf(path: string): Span;
}

/** A structural schema (Kubernetes: apiextensions v1 JSONSchemaProps, the part we need). Property order is the order for completion. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly default?: JsonValue;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly nullable?: boolean;
  /** Decoding takes any JSON value here; the kind's own `validate` judges its type. */
  readonly lenient?: boolean;
  /** The Go struct behind an object schema (`DeploymentSpec`), or the Go type of a scalar (`types.UID`), for the words of type errors; told from its place when absent. */
  readonly goType?: string;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  /** Merge key of a list of maps (strategic merge, server-side apply). */
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  /** Accepted and stored, without effect in the simulation; applying an object that sets it yields a `not-simulated` diagnostic. */
  readonly notSimulated?: boolean;
}

/** One cell list per object for `kubectl get`; the API server's Table. */
export interface TableColumn {
  readonly name: string;
  /** 0 = always, 1 = only with -o wide. */
  readonly priority: 0 | 1;
}

export interface Kind<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  /** Unique; see `writtenKind`. */
  readonly kind: string;
  /** Versions of the same objects that are read as this one. */
  readonly otherVersions?: readonly string[];
  /** Objects of this kind declare kinds of their own (CustomResourceDefinition); undefined: none is served. */
  readonly declares?: (object: T) => Kind | undefined;
  /** Lower-case plural: `services`. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Its objects go with their owners only: a namespace that is emptied leaves them alone. */
  readonly followsOwner?: true;
  /** Form of the name; `dns1123Subdomain` when absent. */
  readonly nameFormat?: NameFormat;
  /** Whether `metadata.generation` counts changes of the spec; by default where an object has a spec. */
  readonly hasGeneration?: boolean;
  readonly schema: Schema;
  /** Fills what the API server fills, beyond schema defaults. Pure. */
  readonly defaults?: (object: T) => T;
  /** Semantic validation after the schema's, in field order. `old` on update. Field errors as the API server words them. */
  readonly validate?: (object: T, old: T | undefined, subresource?: string) => readonly FieldError[];
  /**
   * What needs other objects (Kubernetes: registry and admission plugins): allocations, quotas, defaults taken from elsewhere. Runs after `validate`
   * found nothing, on create and on every change of spec or metadata. Pure. Returns the same reference when there is nothing to fill.
   */
  readonly admit?: (object: T, old: T | undefined, view: StoreView) => { readonly object: T; readonly errors: readonly FieldError[] };
  /** How long a deletion waits before the object goes; 0 or absent: it goes at once. Whoever ends what is running then removes it with 0 seconds. */
  readonly gracePeriodSeconds?: (object: T, view: StoreView) => number;
  /** What an object shows at a moment, for what time alone changes: it is stored as it last was written. Pure; readers of the store see it, its own writer too. */
  readonly live?: (object: T, view: StoreView, nowMs: number) => T;
  readonly columns: readonly TableColumn[];
  /** Cells in the order of `columns`. */
  readonly row: (object: T, context: RowContext) => readonly string[];
  /** For the box on the canvas and the outline. */
  readonly describe: (object: T) => { readonly title: string; readonly subtitle?: string; readonly badges?: readonly string[] };
}

export interface RowContext {
  readonly nowNs: number;
  readonly view: StoreView;
  /** `-o wide`: some cells are cut short without it. */
  readonly wide?: boolean;
  /** Age of a timestamp as kubectl prints it: `20s`, `2m43s`, `5h12m`, `3d`. */
  age(timestamp: string | undefined): string;
}

/** Kubernetes: apimachinery/pkg/util/validation/field. `message` is the whole text after the path: `Invalid value: 0: must be between 1 and 65535, inclusive`. */
export interface FieldError {
  /** `spec.ports[0].port` */
  readonly path: string;
  readonly type:
    | 'Required value'
    | 'Invalid value'
    | 'Unsupported value'
    | 'Forbidden'
    | 'Duplicate value'
    | 'Not found'
    | 'Too long'
    | 'Too many'
    | 'Internal error'
    /** Decoding: the field is not in the schema, or its JSON type is another. `message` is the whole sentence. */
    | 'Unknown field'
    | 'Wrong type';
  readonly message: string;
}

/** Reads only; lists come in order of name within namespace. */
export interface StoreView {
  readonly nowNs: number;
  find<T extends KubeObject = KubeObject>(key: ObjectKey): T | undefined;
  list<T extends KubeObject = KubeObject>(kind: string, namespace?: string): readonly T[];
  /** Objects of a kind in a namespace whose labels contain all of these. */
  select<T extends KubeObject = KubeObject>(kind: string, namespace: string, labels: Readonly<Record<string, string>>): readonly T[];
  /** Objects of a kind controlled by the object with this uid. */
  owned<T extends KubeObject = KubeObject>(kind: string, ownerUid: string): readonly T[];
  /** Keys of the objects that an index files under this value. */
  indexed(index: Index, value: string): ReadonlySet<ObjectKey>;
}

/** What objects of a kind are found by, each time the same for the same object. Kept up to date from the first question on. Kubernetes: client-go/tools/cache, Indexers. */
export interface Index {
  readonly kind: string;
  values(object: KubeObject): readonly string[];
}

/** Looks at writes of any kind and at other objects meanwhile. Kubernetes: apiserver/pkg/admission. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Fills in what is missing in a new object, before it is checked. The same reference when there is nothing to fill. */
  mutate?(object: KubeObject, view: StoreView): KubeObject;
  /** Once the object is right: why it is refused (`exceeded quota: …`), or what is written with it. */
  validate?(object: KubeObject, old: KubeObject | undefined, view: StoreView, kind: Kind): Verdict;
}

export interface Verdict {
  readonly refusal?: string;
  /** Objects whose status changes with the write. */
  readonly writes?: readonly KubeObject[];
}

/** What a controller may do. All writes go through the API server, so they are defaulted, validated and versioned. */
export interface ControllerContext {
  readonly view: StoreView;
  readonly nowNs: number;
  /** Now as the API server writes times: RFC 3339 with seconds, `2026-04-04T10:00:00Z`. */
  readonly timestamp: string;
  create(object: KubeObject): KubeObject | undefined;
  /** Writes spec and metadata; no-op when equal. */
  update(object: KubeObject): KubeObject | undefined;
  updateStatus(object: KubeObject): KubeObject | undefined;
  /** `gracePeriodSeconds` 0: at once; absent: as its kind says. */
  remove(key: ObjectKey, gracePeriodSeconds?: number): void;
  /** Similar events are told together, see `event-correlator.ts`. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, component: string, place?: EventPlace): void;
  /** Reconcile this key again at `nowNs + delayNs`. */
  requeueAfter(key: ObjectKey, delayNs: number): void;
  /** This look has failed: the next after 5 ms, twice as long with each failure in a row, at most 1,000 s. Kubernetes: client-go/util/workqueue, DefaultControllerRateLimiter. */
  retry(key: ObjectKey, firstNs?: number, lastNs?: number): void;
  /** How much of what is asked of it an object has taken on so far; 0 where nobody counts. */
  measure(key: ObjectKey): number;
  /** Why the last write of this component was refused: the server's sentence. */
  readonly refusal: string;
  /** A stable suffix of `length` characters from Kubernetes' alphabet (bcdfghjklmnpqrstvwxz2456789). */
  randomSuffix(purpose: string, length: number): string;
}

/** Level-triggered: looks at the state, not at the event. `keysFor` maps a changed object to the keys this controller must look at. */
export interface Controller {
  readonly name: string;
  readonly watches: readonly string[];
  keysFor(changed: KubeObject, view: StoreView): readonly ObjectKey[];
  reconcile(key: ObjectKey, context: ControllerContext): void;
}

/** Nanoseconds from a change until a component hears of it; infinite while it does not listen. `key` is one of the component's own. */
export type WatchLatency = (component: string, key: string) => number;

/** A pure function from objects to records; the runner diffs against its last rendering. */
export interface Agent<R> {
  readonly name: string;
  readonly watches: readonly string[];
  /** The keys to render again when this object changed (was added, updated or removed). `a|*`: all that begin with `a|` and have been rendered before. */
  keysFor(changed: KubeObject, view: StoreView): readonly string[];
  /** All keys at present, for the first rendering and for tests. */
  keys(view: StoreView): readonly string[];
  /**
   * [] when the key has gone. The runner removes what is no longer rendered. Diagnostics: what the YAML's author should know. `before` is what it rendered
   * last time, for a daemon that leaves things behind when it goes.
   */
  render(key: string, view: StoreView, before?: readonly R[]): Rendering<R>;
  /**
   * How much is written when a key is rendered again: `always` all of its records, also those that are rendered as before, `whole` all of them once one
   * differs. By default only the records that differ from the last rendering: what a person did to the others stays.
   */
  rewrites?(key: string, view: StoreView): 'always' | 'whole' | 'differences';
  /** What it puts right from time to time though no object changed. */
  readonly repairs?: readonly Repair<R>[];
}

/** A loop of a daemon that compares with what is really there. */
export interface Repair<R> {
  /** Virtual time between two looks. */
  readonly seconds: number;
  /** Records of one key as they were rendered; `find` gives what is there now. Returns what is to be put. */
  repair(rendered: readonly R[], find: (id: string) => R | undefined, key: string, view: StoreView): readonly R[];
}

export interface Rendering<R> {
  readonly records: readonly R[];
  readonly diagnostics?: readonly { readonly key: ObjectKey; readonly path?: string; readonly diagnostic: Omit<Diagnostic, 'span'> }[];
  /** When this text is not that of the last rendering of the key, whoever runs the agents hears of it (`onNews`): the agent does something beside records. */
  readonly news?: string;
}

/** The `kind:` of a text. Where two groups have a kind of one name, the second has its group behind its name here: `NetworkPolicy.projectcalico.org`. */
export function writtenKind(kind: string): string {
  const dot = kind.indexOf('.');
  return dot < 0 ? kind : kind.slice(0, dot);
}

export function objectKey(object: { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } }): ObjectKey {
  return object.metadata.namespace === undefined || object.metadata.namespace === ''
    ? `${object.kind}/${object.metadata.name}`
    : `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`;
}
