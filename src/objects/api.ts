/** What the floors above may ask of the API server; `ApiServer` (api-server.ts) is its one implementation. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { FieldError, Kind, KubeObject, ObjectKey, StoreView } from './types.ts';

/** metav1.Status of a failure. `message` is the server's whole sentence: `services "web" not found`; kubectl adds `Error from server (NotFound): `. */
export interface ApiFailure {
  readonly ok: false;
  readonly reason: 'NotFound' | 'AlreadyExists' | 'Invalid' | 'Conflict' | 'Forbidden' | 'BadRequest' | 'MethodNotAllowed';
  readonly message: string;
  readonly causes: readonly FieldError[];
}
export interface ApiSuccess<T> {
  readonly ok: true;
  readonly value: T;
  /** `unknown field "spec.foo"` and the like, as the Warning header carries them. */
  readonly warnings: readonly string[];
}
export type ApiResult<T> = ApiSuccess<T> | ApiFailure;

export interface ApplyOutcome {
  readonly object: KubeObject;
  readonly outcome: 'created' | 'configured' | 'unchanged' | 'serverside-applied';
}

export interface Api {
  readonly view: StoreView;
  readonly kinds: readonly Kind[];
  /** By kind, plural, singular, short name, or `plural.group`, any case; undefined when unknown. */
  findKind(word: string): Kind | undefined;
  create(object: KubeObject): ApiResult<KubeObject>;
  /** Replaces spec and metadata (`kubectl replace`, edit, scale). */
  update(object: KubeObject): ApiResult<KubeObject>;
  /** Client-side apply with the last-applied annotation (three-way strategic merge). */
  apply(object: KubeObject): ApiResult<ApplyOutcome>;
  /** type as kubectl patch's: strategic | merge | json. */
  patch(key: ObjectKey, patch: unknown, type: 'strategic' | 'merge' | 'json'): ApiResult<KubeObject>;
  remove(key: ObjectKey): ApiResult<KubeObject>;
  /** Runs controllers and agents until nothing changes at this instant. Returns rounds; hitting the bound adds a diagnostic. */
  settle(): { readonly rounds: number; readonly diagnostics: readonly Diagnostic[] };
}
