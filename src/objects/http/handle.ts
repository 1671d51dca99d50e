/** The API server behind HTTP: a path names a resource, a method says what to do with it. Kubernetes: apiserver/pkg/endpoints/installer.go */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { Api, ApiResult, WriteOptions } from '../api.ts';
import { findForbiddenKey, isFields as isObject } from '../patch/values.ts';
import { type Kind, type KubeObject, objectKey, type RowContext } from '../types.ts';
import { discover, groupOf, isServed, scalable } from './discovery.ts';
import { type ApiRequest, type ApiResponse, failure, json, noSuchPath, status } from './exchange.ts';
import { decodeProtobuf } from './protobuf.ts';
import { fieldSelector, labelSelector } from './selectors.ts';
import { tableOf } from './table.ts';

/** What the API server needs from whoever runs it. */
export interface Backend {
  readonly version: string;
  readonly rowContext: RowContext;
  /** A write, after which the cluster settles. */
  write<T>(change: (api: Api) => T): T;
  readonly api: Api;
  /** `pods/log`: lines, or why not. */
  logs(
    namespace: string,
    pod: string,
    query: ReadonlyMap<string, string>,
  ): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };
}

interface Place {
  readonly kind: Kind;
  readonly group: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** `/api/v1/namespaces/default/pods/web/log` and its relatives. */
function placeOf(path: string, kinds: readonly Kind[]): Place | undefined {
  const words = path.split('/').slice(1);
  const group = words[0] === 'apis' ? (words[1] ?? '') : '';
  const rest = words[0] === 'api' ? words.slice(1) : words[0] === 'apis' ? words.slice(2) : [];
  const [version, ...tail] = rest;
  if (version === undefined || tail.length === 0) return undefined;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const find = (plural: string | undefined) => kinds.find((kind) => kind.apiVersion === apiVersion && kind.plural === plural && isServed(kind));
  if (tail[0] === 'namespaces' && tail.length >= 3 && !(tail.length === 3 && tail[2] === 'status')) {
    const [, namespace, plural, name, subresource] = tail;
    const kind = find(plural);
    return kind?.namespaced === true && tail.length <= 5 ? { kind, group, namespace, name, subresource } : undefined;
  }
  const [plural, name, subresource] = tail;
  const kind = find(plural);
  if (kind === undefined || tail.length > 3 || (kind.namespaced && name !== undefined)) return undefined;
  return { kind, group, namespace: undefined, name, subresource };
}

const keyOf = (place: Place, name: string): string =>
  place.kind.namespaced ? `${place.kind.kind}/${place.namespace ?? ''}/${name}` : `${place.kind.kind}/${name}`;

const latestVersion = (objects: readonly KubeObject[]): string =>
  String(objects.reduce((latest, one) => Math.max(latest, Number(one.metadata.resourceVersion ?? 0)), 1));

function writeOptions(query: ReadonlyMap<string, string>): WriteOptions {
  const validation = query.get('fieldValidation');
  return {
    ...(validation === 'Warn' || validation === 'Ignore' || validation === 'Strict' ? { fieldValidation: validation } : {}),
    ...(query.get('dryRun') === 'All' ? { dryRun: true } : {}),
    ...((query.get('fieldManager') ?? '') === '' ? {} : { fieldManager: query.get('fieldManager') ?? '' }),
  };
}

/** An object as HTTP shows it: with the owners of its fields. */
function owned(api: Api, object: KubeObject): KubeObject {
  const managedFields = api.managedFields(objectKey(object));
  return managedFields.length === 0 ? object : { ...object, metadata: { ...object.metadata, managedFields } };
}
/** managedFields that come back from a client say nothing new. */
const withoutOwners = (metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { managedFields: _, ...rest } = metadata;
  return rest;
};

/** The body as an object of fields, or why not. Untrusted: keys that could reach a prototype are refused by the server itself. */
function bodyOf(request: ApiRequest): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly answer: ApiResponse } {
  const isProtobuf = request.contentType.includes('protobuf');
  const decoded = isProtobuf ? decodeProtobuf(request.body) : undefined;
  if (isProtobuf && decoded === undefined)
    return { ok: false, answer: status(415, 'UnsupportedMediaType', 'this kind is taken as JSON here, and not as protobuf') };
  if (decoded?.ok === false) return { ok: false, answer: status(400, 'BadRequest', decoded.message) };
  try {
    const value = decoded === undefined ? (JSON.parse(request.body) as unknown) : decoded.value;
    const key = findForbiddenKey(value);
    return key === undefined ? { ok: true, value } : { ok: false, answer: status(400, 'BadRequest', `key ${JSON.stringify(key)} is not allowed`) };
  } catch {
    return { ok: false, answer: status(400, 'BadRequest', 'the object provided is unrecognized (must be of type JSON)') };
  }
}

const wantsTable = (request: ApiRequest): boolean => request.accept.includes('as=Table');

function shown(backend: Backend, request: ApiRequest, kind: Kind, object: KubeObject, code = 200, warnings: readonly string[] = []): ApiResponse {
  if (!wantsTable(request)) return json(code, owned(backend.api, object), warnings);
  return json(
    code,
    tableOf(kind, [object], backend.rowContext, object.metadata.resourceVersion ?? '1', request.query.get('includeObject') ?? 'Metadata'),
    warnings,
  );
}

function answered(backend: Backend, request: ApiRequest, place: Place, result: ApiResult<KubeObject>, code: number): ApiResponse {
  return result.ok ? shown(backend, request, place.kind, result.value, code, result.warnings) : failure(result, place.kind.plural, place.group);
}

/** Ends the list that a watch with `sendInitialEvents` begins with (KEP-3157). */
const bookmarkOf = (kind: Kind, objects: readonly KubeObject[]): unknown => ({
  kind: kind.kind,
  apiVersion: kind.apiVersion,
  metadata: { resourceVersion: latestVersion(objects), creationTimestamp: null, annotations: { 'k8s.io/initial-events-end': 'true' } },
});

const LONGEST_WATCH_SECONDS = 3600;

function list(backend: Backend, request: ApiRequest, place: Place): ApiResponse {
  const { query } = request;
  const labels = labelSelector(query.get('labelSelector') ?? '');
  if (!labels.ok) return status(400, 'BadRequest', labels.message);
  const fields = fieldSelector(query.get('fieldSelector') ?? '');
  if (!fields.ok) return status(400, 'BadRequest', fields.message);
  const accepts = (object: KubeObject): boolean => labels.accepts(object) && fields.accepts(object);
  const includeObject = query.get('includeObject') ?? 'Metadata';
  if (query.get('watch') === 'true' || query.get('watch') === '1') {
    const version = query.get('resourceVersion');
    const initial = query.get('sendInitialEvents') === 'true';
    const shape = (object: KubeObject, first: boolean): unknown =>
      wantsTable(request)
        ? tableOf(place.kind, [object], backend.rowContext, object.metadata.resourceVersion ?? '1', includeObject, first)
        : owned(backend.api, object);
    return {
      kind: 'watch',
      watch: {
        kind: place.kind.kind,
        namespace: place.namespace,
        accepts,
        shape,
        bookmark: initial ? () => bookmarkOf(place.kind, backend.api.view.list(place.kind.kind)) : undefined,
        since: initial || version === undefined || version === '' || version === '0' ? undefined : Number(version),
        seconds: Math.min(Number(query.get('timeoutSeconds') ?? LONGEST_WATCH_SECONDS) || LONGEST_WATCH_SECONDS, LONGEST_WATCH_SECONDS),
      },
    };
  }
  const all = backend.api.view.list(place.kind.kind, place.namespace);
  const objects = all.filter(accepts);
  const version = latestVersion(all);
  if (wantsTable(request)) return json(200, tableOf(place.kind, objects, backend.rowContext, version, includeObject));
  return json(200, {
    kind: `${place.kind.kind}List`,
    apiVersion: place.kind.apiVersion,
    metadata: { resourceVersion: version },
    items: objects.map((object) => owned(backend.api, object)),
  });
}

const replicasOf = (part: unknown): number => (isObject(part) && typeof part.replicas === 'number' ? part.replicas : 0);

function scaleOf(object: KubeObject): unknown {
  const selector = isObject(object.spec) && isObject(object.spec.selector) ? object.spec.selector.matchLabels : undefined;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: replicasOf(object.spec) },
    status: {
      replicas: replicasOf(object.status),
      selector: isObject(selector)
        ? Object.entries(selector)
            .map(([key, value]) => `${key}=${String(value)}`)
            .join(',')
        : '',
    },
  };
}

function scale(backend: Backend, request: ApiRequest, place: Place, object: KubeObject): ApiResponse {
  if (request.method === 'GET') return json(200, scaleOf(object));
  const body = bodyOf(request);
  if (!body.ok) return body.answer;
  const replicas = isObject(body.value) && isObject(body.value.spec) ? body.value.spec.replicas : undefined;
  const result = backend.write((api) =>
    api.patch(objectKey(object), { spec: { replicas: replicas ?? 0 } }, 'merge', {
      ...writeOptions(request.query),
      subresource: 'scale',
    }),
  );
  return result.ok ? json(200, scaleOf(result.value), result.warnings) : failure(result, place.kind.plural, place.group);
}

/** The one door through which containers come into a pod that runs. */
function ephemeralContainers(backend: Backend, request: ApiRequest, place: Place, object: KubeObject): ApiResponse | undefined {
  if (request.method === 'GET') return json(200, object);
  const type = request.method === 'PATCH' ? patchTypes[request.contentType.split(';')[0] ?? ''] : undefined;
  if (type === undefined) return undefined;
  const body = bodyOf(request);
  if (!body.ok) return body.answer;
  const options = { ...writeOptions(request.query), subresource: 'ephemeralcontainers' };
  const result = backend.write((api) => api.patch(objectKey(object), body.value, type, options));
  return result.ok ? json(200, result.value, result.warnings) : failure(result, place.kind.plural, place.group);
}

const patchTypes: Readonly<Record<string, 'strategic' | 'merge' | 'json'>> = {
  'application/strategic-merge-patch+json': 'strategic',
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
};

const APPLY_TYPE = 'application/apply-patch+yaml';

/** Server-side apply. Kubernetes: apiserver/pkg/endpoints/handlers/patch.go */
function applyPatch(backend: Backend, request: ApiRequest, place: Place, name: string): ApiResponse {
  const options = writeOptions(request.query);
  if (options.fieldManager === undefined)
    return status(422, 'Invalid', 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
  const { documents, diagnostics } = parseYaml('patch', request.body);
  const value = documents[0]?.value;
  if (!isObject(value)) return status(400, 'BadRequest', `error decoding YAML: ${diagnostics[0]?.message ?? 'the patch is no object'}`);
  const key = findForbiddenKey(value);
  if (key !== undefined) return status(400, 'BadRequest', `key ${JSON.stringify(key)} is not allowed`);
  const metadata = isObject(value.metadata) ? value.metadata : {};
  const named = { ...metadata, name, ...(place.kind.namespaced ? { namespace: place.namespace } : {}) };
  const object = { ...value, metadata: named } as unknown as KubeObject;
  const existed = backend.api.view.find(keyOf(place, name)) !== undefined;
  const result = backend.write((api) => api.serverSideApply(object, { ...options, force: request.query.get('force') === 'true' }));
  if (!result.ok) return failure(result, place.kind.plural, place.group);
  return shown(backend, request, place.kind, result.value.object, existed ? 200 : 201, result.warnings);
}

function patch(backend: Backend, request: ApiRequest, place: Place, name: string): ApiResponse {
  if (request.contentType.split(';')[0] === APPLY_TYPE) return applyPatch(backend, request, place, name);
  const type = patchTypes[request.contentType.split(';')[0] as string];
  if (type === undefined)
    return status(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${[...Object.keys(patchTypes), APPLY_TYPE].join(', ')}`,
    );
  const body = bodyOf(request);
  if (!body.ok) return body.answer;
  return answered(
    backend,
    request,
    place,
    backend.write((api) => api.patch(keyOf(place, name), body.value, type, writeOptions(request.query))),
    200,
  );
}

function remove(backend: Backend, request: ApiRequest, place: Place, name: string): ApiResponse {
  const body = request.body === '' ? undefined : bodyOf(request);
  if (body !== undefined && !body.ok) return body.answer;
  const options = body !== undefined && isObject(body.value) ? body.value : {};
  const policy = request.query.get('propagationPolicy') ?? options.propagationPolicy;
  const dryRun = request.query.get('dryRun') === 'All' || Array.isArray(options.dryRun);
  const key = keyOf(place, name);
  const found = backend.api.view.find(key);
  if (dryRun && found !== undefined) return json(200, found);
  const result = backend.write((api) =>
    api.remove(key, policy === 'Orphan' || policy === 'Foreground' || policy === 'Background' ? { propagationPolicy: policy } : {}),
  );
  if (!result.ok) return failure(result, place.kind.plural, place.group);
  const left = backend.api.view.find(key);
  if (left !== undefined) return json(200, left);
  return json(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(place.group === '' ? {} : { group: place.group }), kind: place.kind.plural, uid: result.value.metadata.uid },
  });
}

function create(backend: Backend, request: ApiRequest, place: Place): ApiResponse {
  const body = bodyOf(request);
  if (!body.ok) return body.answer;
  if (!isObject(body.value)) return status(400, 'BadRequest', 'the object provided is unrecognized (must be of type JSON)');
  const metadata = isObject(body.value.metadata) ? body.value.metadata : {};
  const named = metadata.namespace;
  if (place.kind.namespaced && typeof named === 'string' && named !== '' && named !== place.namespace)
    return status(400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request');
  const object = {
    ...body.value,
    apiVersion: place.kind.apiVersion,
    kind: place.kind.kind,
    metadata: place.kind.namespaced ? { ...withoutOwners(metadata), namespace: place.namespace } : withoutOwners(metadata),
  };
  return answered(
    backend,
    request,
    place,
    backend.write((api) => api.create(object as unknown as KubeObject, writeOptions(request.query))),
    201,
  );
}

function replace(backend: Backend, request: ApiRequest, place: Place): ApiResponse {
  const body = bodyOf(request);
  if (!body.ok) return body.answer;
  if (!isObject(body.value)) return status(400, 'BadRequest', 'the object provided is unrecognized (must be of type JSON)');
  const metadata = isObject(body.value.metadata) ? withoutOwners(body.value.metadata) : {};
  const object = { ...body.value, apiVersion: place.kind.apiVersion, kind: place.kind.kind, metadata } as unknown as KubeObject;
  return answered(
    backend,
    request,
    place,
    backend.write((api) => (place.subresource === 'status' ? api.updateStatus(object) : api.update(object, writeOptions(request.query)))),
    200,
  );
}

function subresource(backend: Backend, request: ApiRequest, place: Place, object: KubeObject, name: string): ApiResponse | undefined {
  switch (place.subresource) {
    case 'status':
      if (request.method === 'GET') return json(200, object);
      return request.method === 'PUT' ? replace(backend, request, place) : undefined;
    case 'scale':
      return scalable.has(place.kind.kind) ? scale(backend, request, place, object) : undefined;
    case 'log': {
      if (place.kind.kind !== 'Pod' || request.method !== 'GET') return undefined;
      const lines = backend.logs(place.namespace ?? '', name, request.query);
      return lines.ok ? { kind: 'whole', code: 200, contentType: 'text/plain', text: lines.text, warnings: [] } : status(400, 'BadRequest', lines.message);
    }
    case 'ephemeralcontainers':
      return place.kind.kind === 'Pod' ? ephemeralContainers(backend, request, place, object) : undefined;
    case 'eviction':
      return place.kind.kind === 'Pod' && request.method === 'POST' ? remove(backend, { ...request, body: '' }, place, name) : undefined;
    default:
      return undefined;
  }
}

/** Answers one request. Never throws for what a client sent. */
export function handle(backend: Backend, request: ApiRequest): ApiResponse {
  const { kinds } = backend.api;
  const discovered = discover(request, kinds, backend.version);
  if (discovered !== undefined)
    return request.method === 'GET' ? discovered : status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const place = placeOf(request.path, kinds);
  if (place === undefined) return noSuchPath();
  const { name } = place;
  if (name === undefined) {
    if (request.method === 'GET') return list(backend, request, place);
    if (request.method === 'POST' && (place.namespace !== undefined || !place.kind.namespaced)) return create(backend, request, place);
    return status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
  const object = backend.api.view.find(keyOf(place, name));
  const creates = request.method === 'PATCH' && place.subresource === undefined && request.contentType.split(';')[0] === APPLY_TYPE;
  if (object === undefined && creates) return applyPatch(backend, request, place, name);
  if (object === undefined)
    return status(404, 'NotFound', `${place.kind.plural}${place.group === '' ? '' : `.${groupOf(place.kind.apiVersion)}`} ${JSON.stringify(name)} not found`, {
      name,
      kind: place.kind.plural,
      ...(place.group === '' ? {} : { group: place.group }),
    });
  if (place.subresource !== undefined) return subresource(backend, request, place, object, name) ?? noSuchPath();
  switch (request.method) {
    case 'GET':
      return shown(backend, request, place.kind, object);
    case 'PUT':
      return replace(backend, request, place);
    case 'PATCH':
      return patch(backend, request, place, name);
    case 'DELETE':
      return remove(backend, request, place, name);
    default:
      return status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
}
