/** What the floors above may ask of the API server; `ApiServer` (api-server.ts) is its one implementation. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { FieldError, JsonValue, Kind, KubeObject, ObjectKey, StoreView } from './types.ts';

/** metav1.Status of a failure. `message` is the server's whole sentence: `services "web" not found`; kubectl adds `Error from server (NotFound): `. */
export interface ApiFailure {
  readonly ok: false;
  readonly reason:
    | 'NotFound'
    | 'AlreadyExists'
    | 'Invalid'
    | 'Conflict'
    | 'Forbidden'
    | 'BadRequest'
    | 'MethodNotAllowed'
    | 'TooManyRequests'
    | 'InternalError';
  readonly message: string;
  readonly causes: readonly FieldError[];
  /** The object it is about; kubectl's `The Service "web" is invalid: …` is made of these. */
  readonly details?: { readonly kind: string; readonly name: string };
}
export interface ApiSuccess<T> {
  readonly ok: true;
  readonly value: T;
  /** `unknown field "spec.foo"` and the like, as the Warning header carries them. */
  readonly warnings: readonly string[];
}
export type ApiResult<T> = ApiSuccess<T> | ApiFailure;

export interface WriteOptions {
  /** What happens to unknown fields: refused, told as warnings, or dropped in silence. Default `Strict`, as kubectl's. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** Do everything but store it (`--dry-run=server`). */
  readonly dryRun?: boolean;
  /** Who writes, for `metadata.managedFields`: `kubectl-edit`. By default what kubectl calls itself for the kind of write. */
  readonly fieldManager?: string;
  /** The subresource written through: `scale`. */
  readonly subresource?: string;
}

export interface ServerSideApplyOptions extends WriteOptions {
  /** Take fields from their owners instead of refusing (`--force-conflicts`). */
  readonly force?: boolean;
  /** After success, the fields of this manager's updates are the applier's too, and no longer the other's: how kubectl leaves client-side apply behind. */
  readonly takeOver?: string;
}

export interface RemoveOptions {
  /** In place of the grace that its kind gives; 0: at once. */
  readonly gracePeriodSeconds?: number;
  /** `Orphan` leaves dependants without their owner reference, `Foreground` keeps the object until those that block its deletion have gone. Default `Background`. */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** A change of an object that a late component has not heard of yet. */
export interface Delivery {
  /** `kube-proxy`, `endpointslice-controller` */
  readonly component: string;
  /** Which of its keys it is for. */
  readonly key: string;
  readonly object: ObjectKey;
  readonly sentNs: number;
  /** Infinite while the component does not listen. */
  readonly arrivesNs: number;
  /** Of the version that travels; absent where the object has gone or the newest is read on arrival. */
  readonly revision?: number;
}

/** What an agent says about an object; whoever has the text adds the span. */
export interface Finding {
  readonly key: ObjectKey;
  readonly path?: string;
  readonly diagnostic: Omit<Diagnostic, 'span'>;
}

export interface ApplyOutcome {
  readonly object: KubeObject;
  readonly outcome: 'created' | 'configured' | 'unchanged' | 'serverside-applied';
}

export interface Api {
  readonly view: StoreView;
  readonly kinds: readonly Kind[];
  /** By kind, plural, singular, short name, or `plural.group`, any case; undefined when unknown. */
  findKind(word: string): Kind | undefined;
  create(object: KubeObject, options?: WriteOptions): ApiResult<KubeObject>;
  /** Replaces spec and metadata (`kubectl replace`, edit, scale). */
  update(object: KubeObject, options?: WriteOptions): ApiResult<KubeObject>;
  /** Writes the status and nothing else: what a kubelet or controller reports. */
  updateStatus(object: KubeObject): ApiResult<KubeObject>;
  /** Client-side apply with the last-applied annotation (three-way strategic merge). */
  apply(object: KubeObject, options?: WriteOptions): ApiResult<ApplyOutcome>;
  /** Server-side apply: merges by schema, owns what it sets, refuses what others own with another value (`Conflict`). `fieldManager` is `kubectl` by default. */
  serverSideApply(object: KubeObject, options?: ServerSideApplyOptions): ApiResult<ApplyOutcome>;
  /** `metadata.managedFields` of an object; kept beside it, see `managed/managers.ts`. */
  managedFields(key: ObjectKey): readonly JsonValue[];
  /** type as kubectl patch's: strategic | merge | json. */
  patch(key: ObjectKey, patch: unknown, type: 'strategic' | 'merge' | 'json', options?: WriteOptions): ApiResult<KubeObject>;
  remove(key: ObjectKey, options?: RemoveOptions): ApiResult<KubeObject>;
  /** Runs controllers and agents until nothing changes at this instant. Returns rounds; hitting the bound adds a diagnostic. */
  settle(): { readonly rounds: number; readonly diagnostics: readonly Diagnostic[] };
}
