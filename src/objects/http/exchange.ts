/** A request to the API server as HTTP carries it, its answer, and failures as `Status`. Kubernetes: apimachinery/pkg/apis/meta/v1, Status. */
import type { ApiFailure } from '../api.ts';
import type { KubeObject } from '../types.ts';

export interface ApiRequest {
  /** Upper case. */
  readonly method: string;
  /** Decoded, without the query: `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly accept: string;
  readonly contentType: string;
  readonly body: string;
}

/** `watch` answers stay open; everything else has its whole text. */
export type ApiResponse =
  | { readonly kind: 'whole'; readonly code: number; readonly contentType: string; readonly text: string; readonly warnings: readonly string[] }
  | { readonly kind: 'watch'; readonly watch: WatchRequest };

/** Which objects somebody watches and how they want to see them. */
export interface WatchRequest {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly accepts: (object: KubeObject) => boolean;
  /** One object as the answer carries it (a Table with one row, or itself). */
  readonly shape: (object: KubeObject, first: boolean) => unknown;
  /** Objects of this version and older are known to the asker. Absent: all that exist come first as ADDED. */
  readonly since: number | undefined;
  readonly seconds: number;
  /** sendInitialEvents: after what exists comes a bookmark that says so. */
  readonly bookmark: (() => unknown) | undefined;
}

export const JSON_TYPE = 'application/json';

export function json(code: number, value: unknown, warnings: readonly string[] = []): ApiResponse {
  return { kind: 'whole', code, contentType: JSON_TYPE, text: `${JSON.stringify(value)}\n`, warnings };
}

const codes: Readonly<Record<ApiFailure['reason'], number>> = {
  NotFound: 404,
  TooManyRequests: 429,
  InternalError: 500,
  AlreadyExists: 409,
  Invalid: 422,
  Conflict: 409,
  Forbidden: 403,
  BadRequest: 400,
  MethodNotAllowed: 405,
};

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly { readonly reason?: string; readonly message: string; readonly field?: string }[];
}

export function status(code: number, reason: string, message: string, details?: StatusDetails): ApiResponse {
  return json(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  });
}

const causeReasons: Readonly<Record<string, string>> = {
  'Required value': 'FieldValueRequired',
  'Invalid value': 'FieldValueInvalid',
  'Unsupported value': 'FieldValueNotSupported',
  Forbidden: 'FieldValueForbidden',
  'Duplicate value': 'FieldValueDuplicate',
  'Not found': 'FieldValueNotFound',
  'Too long': 'FieldValueTooLong',
  'Too many': 'FieldValueTooMany',
  'Internal error': 'InternalError',
};

/** A failure of our API server as a Status; `resource` and `group` are of the kind it is about. */
export function failure(one: ApiFailure, resource: string, group: string): ApiResponse {
  const about = one.details;
  return status(codes[one.reason], one.reason, one.message, {
    ...(about === undefined ? {} : { name: about.name, kind: one.reason === 'Invalid' ? about.kind : resource, ...(group === '' ? {} : { group }) }),
    ...(one.causes.length === 0
      ? {}
      : { causes: one.causes.map((cause) => ({ reason: causeReasons[cause.type] ?? 'FieldValueInvalid', message: cause.message, field: cause.path })) }),
  });
}

export const noSuchPath = (): ApiResponse => status(404, 'NotFound', 'the server could not find the requested resource', {});
