/** HTTPRoute cases of the Gateway API's conformance suite, by requests through the proxy of a Gateway and by what its controller writes. Skipped where ../shared/conformance is absent. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const file = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/conformance/gateway-api.json');

interface Named {
  readonly name: string;
  readonly namespace: string;
}
interface Request {
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Expected {
  readonly request: Request;
  readonly expectedRequest?: { readonly request?: Request; readonly absentHeaders?: readonly string[] };
  /** What the backend is told to answer with. */
  readonly backendSetResponseHeaders?: Readonly<Record<string, string>>;
  readonly backend?: string;
  readonly namespace?: string;
  readonly response?: {
    readonly statusCodes?: readonly number[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly absentHeaders?: readonly string[];
  };
  readonly redirectRequest?: { readonly scheme?: string; readonly host?: string; readonly port?: string; readonly path?: string };
}
interface Step {
  readonly kind: string;
  readonly assert?: string;
  readonly gateway?: Named & { readonly port?: number };
  readonly route?: Named;
  readonly routes?: readonly Named[] | null;
  readonly routeKind?: string;
  readonly parent?: Named;
  readonly condition?: { readonly type: string; readonly status: string; readonly reason: string };
  readonly expected?: Expected;
  readonly object?: KubeObject;
  readonly expectedWeights?: Readonly<Record<string, number>>;
  readonly requests?: number;
  readonly tolerance?: number;
  readonly probe?: { readonly expected: Expected; readonly gwAddr: string };
}
interface Case {
  readonly id: string;
  readonly features: readonly string[];
  readonly objects: readonly KubeObject[];
  readonly steps: readonly Step[];
}
interface Suite {
  readonly baseManifests: readonly KubeObject[];
  readonly cases: readonly Case[];
}

/** Extended features that are claimed, beside the core of Gateway, HTTPRoute and ReferenceGrant. */
const claimed = new Set([
  'Gateway',
  'HTTPRoute',
  'TLSRoute',
  'ReferenceGrant',
  'GatewayHTTPListenerIsolation',
  'GatewayPort8080',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendRequestRedirect',
  'HTTPRouteBackendTimeout',
  'HTTPRouteBackendURLRewrite',
  'HTTPRouteCORS',
  'HTTPRouteDestinationPortMatching',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror',
  'HTTPRouteRequestMultipleMirrors',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteRetry',
  'HTTPRouteRetryBackendTimeout',
  'HTTPRouteRetryConnectionError',
  'HTTPRouteSchemeRedirect',
]);

const gatewayClass = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'kubehop' },
  spec: { controllerName: 'kubehop.dev/gateway-controller' },
};
const filled = (text: string): string =>
  text.replaceAll('{GATEWAY_CLASS_NAME}', 'kubehop').replaceAll('{GATEWAY_CONTROLLER_NAME}', 'kubehop.dev/gateway-controller');
const text = (objects: readonly unknown[]): string => objects.map((object) => `${filled(JSON.stringify(object))}\n---\n`).join('');

interface Answer {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly seen:
    | {
        readonly path: string;
        readonly host: string;
        readonly method: string;
        readonly headers: Readonly<Record<string, readonly string[]>>;
        readonly pod: string;
        readonly namespace: string;
      }
    | undefined;
}

function find<T>(world: World, key: string): T | undefined {
  return world.api.view.find<KubeObject>(key) as unknown as T | undefined;
}

interface WithStatus {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly observedGeneration?: number }[];
    readonly listeners?: readonly { readonly name: string; readonly attachedRoutes: number }[];
    readonly parents?: readonly {
      readonly parentRef: { readonly name: string; readonly namespace?: string };
      readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
    }[];
  };
}

function send(
  world: World,
  { name, namespace, port = 80 }: Named & { readonly port?: number },
  { host, path = '/', method = 'GET', headers = {} }: Request,
): Answer {
  const address = find<WithStatus>(world, `Gateway/${namespace}/${name}`)?.status?.addresses?.[0]?.value ?? 'nowhere.invalid';
  const options = Object.entries(headers).map(([key, value]) => `-H '${key}: ${value}'`);
  if (host !== undefined && host !== '') options.push(`-H 'Host: ${host}'`);
  const { stdout } = runLine(world, `kubectl exec client -- curl -s -i -m 20 -X ${method} ${options.join(' ')} 'http://${address}:${port}${path}'`);
  const end = stdout.indexOf('\r\n\r\n');
  const [first = '', ...lines] = stdout.slice(0, Math.max(0, end)).split('\r\n');
  const body = stdout.slice(end + 4);
  return {
    code: Number(first.split(' ')[1] ?? 0),
    headers: new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])),
    seen: body.startsWith('{') ? JSON.parse(body) : undefined,
  };
}

function withEcho({ request, backendSetResponseHeaders = {} }: Expected): Request {
  const told = Object.entries(backendSetResponseHeaders).map(([name, value]) => `${name}:${value}`);
  return told.length === 0 ? request : { ...request, headers: { ...request.headers, 'X-Echo-Set-Header': told.join(',') } };
}

function judge(answer: Answer, expected: Expected): string | undefined {
  const codes = expected.response?.statusCodes ?? [200];
  if (!codes.includes(answer.code)) return `status ${answer.code} instead of ${codes.join('|')}`;
  const { request, expectedRequest, redirectRequest } = expected;
  if (redirectRequest !== undefined) {
    const location = new URL(answer.headers.get('location') ?? 'none:');
    const { scheme, host, port, path } = redirectRequest;
    if (scheme !== undefined && `${scheme}:` !== location.protocol) return `scheme ${location.protocol}`;
    if (host !== undefined && host !== location.hostname) return `host ${location.hostname}`;
    if (port !== undefined && port !== '' && port !== location.port && !(location.port === '' && port === (location.protocol === 'https:' ? '443' : '80')))
      return `port ${location.port} of ${location}`;
    if (path !== undefined && path !== location.pathname) return `path ${location.pathname}`;
  }
  if (answer.code === 200 && answer.seen !== undefined) {
    if (expected.backend !== undefined && expected.backend !== '' && !answer.seen.pod.startsWith(expected.backend))
      return `backend ${answer.seen.pod} instead of ${expected.backend}`;
    if (expected.namespace !== undefined && expected.namespace !== '' && expected.backend !== undefined && answer.seen.namespace !== expected.namespace)
      return `namespace ${answer.seen.namespace}`;
    const wanted = { ...request, ...expectedRequest?.request };
    if (wanted.path !== undefined && answer.seen.path !== wanted.path) return `path ${answer.seen.path} instead of ${wanted.path}`;
    if (wanted.host !== undefined && wanted.host !== '' && answer.seen.host !== wanted.host) return `host ${answer.seen.host} instead of ${wanted.host}`;
    const got = new Map(Object.entries(answer.seen.headers).map(([name, values]) => [name.toLowerCase(), values.join(',')]));
    for (const [name, value] of Object.entries(expectedRequest?.request?.headers ?? {}))
      if (got.get(name.toLowerCase()) !== value) return `header ${name}: ${got.get(name.toLowerCase())} instead of ${value}`;
    for (const name of expectedRequest?.absentHeaders ?? []) if (got.has(name.toLowerCase())) return `header ${name} is there`;
  }
  for (const [name, value] of Object.entries(expected.response?.headers ?? {})) {
    const got = answer.headers.get(name.toLowerCase());
    if (got?.replaceAll(' ', '') !== value.replaceAll(' ', '')) return `answer's ${name}: ${got} instead of ${value}`;
  }
  for (const name of expected.response?.absentHeaders ?? []) if (answer.headers.has(name.toLowerCase())) return `answer's ${name} is there`;
  return undefined;
}

/** The assertions that concern HTTPRoutes and whole Gateways; others are not judged. */
function judgeStatus(world: World, step: Step): string | undefined {
  const { assert, gateway, route, routeKind = 'HTTPRoute', parent, condition } = step;
  const parentsOf = ({ name, namespace }: Named) => find<WithStatus>(world, `${routeKind}/${namespace}/${name}`)?.status?.parents ?? [];
  switch (assert) {
    case 'RouteMustHaveCondition': {
      const found = parentsOf(route as Named)
        .filter(({ parentRef }) => parentRef.name === parent?.name)
        .flatMap(({ conditions }) => conditions)
        .find(({ type }) => type === condition?.type);
      return found?.status === condition?.status && (condition?.reason === '' || found?.reason === condition?.reason)
        ? undefined
        : `${condition?.type} is ${found?.status} ${found?.reason} instead of ${condition?.status} ${condition?.reason}`;
    }
    case 'RouteMustHaveNoAcceptedParents':
      return parentsOf(route as Named).some(({ conditions }) => conditions.some(({ type, status }) => type === 'Accepted' && status === 'True'))
        ? 'a parent accepted it'
        : undefined;
    case 'GatewayAndRoutesMustBeAccepted': {
      const status = find<WithStatus>(world, `Gateway/${gateway?.namespace}/${gateway?.name}`)?.status;
      if (!(status?.conditions ?? []).some(({ type, status: one }) => type === 'Accepted' && one === 'True')) return 'the Gateway is not accepted';
      const bad = (step.routes ?? []).find(
        (one) => !parentsOf(one).some(({ conditions }) => conditions.some(({ type, status: said }) => type === 'Accepted' && said === 'True')),
      );
      return bad === undefined ? undefined : `${bad.name} is not accepted`;
    }
    case 'GatewayMustHaveZeroRoutes':
      return (find<WithStatus>(world, `Gateway/${gateway?.namespace}/${gateway?.name}`)?.status?.listeners ?? []).every(
        ({ attachedRoutes }) => attachedRoutes === 0,
      )
        ? undefined
        : 'routes are attached';
    default:
      return undefined;
  }
}

describe.skipIf(!existsSync(file))('Gateway API conformance (skipped where ../shared/conformance is absent)', () => {
  const suite: Suite = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { baseManifests: [], cases: [] };
  // What carries no HTTP/1.1 is left out of the world.
  const base = suite.baseManifests.filter(({ kind, metadata }) => kind === 'Namespace' || kind === 'Gateway' || /^(infra|app|web)-backend/.test(metadata.name));
  const world = openArticle({
    files: [...articleFiles(), { path: 'base.yaml', text: text([gatewayClass, ...base]) }, { path: 'case.yaml', text: '' }],
    trace: false,
  });
  const cases = suite.cases
    .filter(
      ({ id, features, steps }) =>
        id.startsWith('HTTPRoute') &&
        features.every((feature) => claimed.has(feature)) &&
        !steps.some(({ kind }) => kind === 'https' || kind === 'httpsMustFail'),
    )
    .concat(suite.cases.filter(({ id }) => id === 'GatewayHTTPListenerIsolation'));

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_id, one) => {
    world.edit('case.yaml', text(one.objects));
    runLine(world, 'sleep 2');
    const failed: string[] = [];
    for (const [index, step] of one.steps.entries()) {
      const note = (problem: string | undefined): void => {
        if (problem !== undefined)
          failed.push(`step ${index} (${step.assert ?? `${step.expected?.request.method} ${step.expected?.request.path}`}): ${problem}`);
      };
      // Which is which, the backend counts by: each request has a name of its own.
      const own = (path: string | undefined): string | undefined => path?.replace('REQ-ID', `${one.id}-${index}`);
      if (step.kind === 'httpManual' && step.expected !== undefined && step.gateway !== undefined) {
        const request = { ...step.expected.request, ...(step.expected.request.path === undefined ? {} : { path: own(step.expected.request.path) ?? '/' }) };
        note(judge(send(world, step.gateway, request), { ...step.expected, request }));
      } else if (step.kind === 'http' && step.expected !== undefined && step.gateway !== undefined)
        note(judge(send(world, step.gateway, withEcho(step.expected)), step.expected));
      else if (step.kind === 'status') note(judgeStatus(world, step));
      else if (step.kind === 'deleteObject' && step.object !== undefined) {
        runLine(world, `kubectl delete ${step.object.kind.toLowerCase()} -n ${step.object.metadata.namespace} ${step.object.metadata.name}`);
      } else if (step.kind === 'weights' && step.probe !== undefined) {
        const [, namespace = '', name = ''] = /^(.*)\.([^.]+)\.gw:/.exec(step.probe.gwAddr) ?? [];
        const counts = new Map<string, number>();
        const total = 200;
        for (let i = 0; i < total; i += 1) {
          const pod = send(world, { name, namespace }, step.probe.expected.request).seen?.pod.replace(/-[^-]+-[^-]+$/, '') ?? '';
          counts.set(pod, (counts.get(pod) ?? 0) + 1);
        }
        // 200 requests instead of 500: three standard deviations are 0.1.
        for (const [backend, share] of Object.entries(step.expectedWeights ?? {}))
          if (Math.abs((counts.get(backend) ?? 0) / total - share) > (share === 0 ? 0 : 0.1)) note(`${backend} got ${counts.get(backend)} of ${total}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it('has a good part of the suite to judge', () => {
    expect(cases.length).toBeGreaterThan(40);
  });
});
