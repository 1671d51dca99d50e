/** Cases of the Gateway API's conformance suite beside HTTPRoutes: TCPRoute, UDPRoute, GRPCRoute, ListenerSet and the conditions of Gateways. Skipped where ../shared/conformance is absent. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const file = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/conformance/gateway-api.json');
const INFRA = 'gateway-conformance-infra';

interface Named {
  readonly name: string;
  readonly namespace: string;
}
interface Said {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly observedGeneration?: number;
}
interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly kind: string }[] | null;
  readonly conditions: readonly Said[];
}
interface ParentRef extends Named {
  readonly kind?: string;
  readonly sectionName?: string;
  readonly port?: number;
}
interface Expected {
  readonly backend?: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly request?: { readonly host?: string; readonly path?: string; readonly method?: string };
  readonly response?: { readonly statusCodes?: readonly number[]; readonly code?: number };
  readonly requestMetadata?: { readonly authority?: string; readonly metadata?: Readonly<Record<string, string>> };
  readonly echoRequest?: object;
  readonly echoTwoRequest?: object;
  readonly echoThreeRequest?: object;
}
interface Step {
  readonly kind: string;
  readonly assert?: string;
  readonly gateway?: Named & { readonly port?: number };
  readonly gatewayClass?: Named;
  readonly listenerSet?: Named;
  readonly policy?: Named;
  readonly route?: Named;
  readonly routes?: readonly Named[] | null;
  readonly routeKind?: string;
  readonly parent?: Named;
  readonly parentKind?: string;
  readonly parents?: readonly { readonly parentRef: ParentRef; readonly conditions: readonly Said[] }[];
  readonly condition?: Said;
  readonly conditions?: readonly Said[];
  readonly count?: number;
  readonly listeners?: readonly (ListenerStatus | string)[] | null;
  readonly object?: KubeObject;
  readonly expected?: Expected;
  readonly expectedWeights?: Readonly<Record<string, number>>;
  readonly probe?: { readonly expected?: Expected; readonly gwAddr: string; readonly kind: string };
}
interface Case {
  readonly id: string;
  readonly features: readonly string[];
  readonly objects: readonly KubeObject[];
  readonly steps: readonly Step[];
}
interface WithStatus {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly Said[];
    readonly attachedListenerSets?: number;
    readonly listeners?: readonly ListenerStatus[];
    readonly ancestors?: readonly { readonly ancestorRef: Named; readonly conditions: readonly Said[] }[];
    readonly parents?: readonly { readonly parentRef: ParentRef; readonly conditions: readonly Said[] }[];
  };
}

const gatewayClass = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'kubehop' },
  spec: { controllerName: 'kubehop.dev/gateway-controller' },
};
const text = (objects: readonly unknown[]): string =>
  objects
    .map((object) => `${JSON.stringify(object)}\n---\n`)
    .join('')
    .replaceAll('{GATEWAY_CLASS_NAME}', 'kubehop')
    .replaceAll('{GATEWAY_CONTROLLER_NAME}', 'kubehop.dev/gateway-controller')
    // One that is free, and one that another Service has.
    .replaceAll('PLACEHOLDER_USABLE_ADDRS', '203.0.113.80')
    .replaceAll('PLACEHOLDER_UNUSABLE_ADDRS', '10.96.0.10');

const isAccepted = (all: readonly Said[] | undefined): boolean => (all ?? []).some(({ type, status }) => type === 'Accepted' && status === 'True');

const differs = (all: readonly Said[] | undefined, wanted: Said | undefined): string | undefined => {
  const found = all?.find(({ type }) => type === wanted?.type);
  const fits = found?.status === wanted?.status && (wanted?.reason === undefined || wanted.reason === '' || found?.reason === wanted.reason);
  return fits ? undefined : `${wanted?.type} is ${found?.status} ${found?.reason} instead of ${wanted?.status} ${wanted?.reason}`;
};

describe.skipIf(!existsSync(file))('Gateway API conformance of all kinds (skipped where ../shared/conformance is absent)', () => {
  const suite: { readonly baseManifests: readonly KubeObject[]; readonly cases: readonly Case[] } = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { baseManifests: [], cases: [] };
  const cases = suite.cases.filter(
    ({ id, steps }) =>
      id === 'BackendTLSPolicyGRPCRoute' ||
      (/^(GRPC|TCPRoute|UDPRoute|ListenerSet|Gateway)/.test(id) && !/TLS|Certificate|HTTPListenerIsolation/.test(id) && steps.length > 0),
  );
  const base = suite.baseManifests.filter(
    ({ kind, metadata }) => kind === 'Namespace' || kind === 'Gateway' || /^(infra-backend|web-backend|grpc|tcp-backend|coredns)/.test(metadata.name),
  );
  const world = openArticle({
    files: [...articleFiles(), { path: 'base.yaml', text: text([gatewayClass, ...base]) }, { path: 'case.yaml', text: '' }],
    trace: false,
  });
  const run = (line: string) => runLine(world, line);
  const find = (kind: string, { name, namespace }: Named): WithStatus | undefined =>
    world.api.view.find<KubeObject>(namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`) as unknown as WithStatus | undefined;
  const EC = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  for (const ca of ['ca', 'other']) run(`openssl req -x509 -days 30 ${EC} -keyout ${ca}.key -out ${ca}.crt -subj /CN=${ca}`);
  run(`openssl req -new ${EC} -keyout k -out r -subj /CN=abc.example.com && echo subjectAltName=DNS:abc.example.com,DNS:example.org > ext`);
  run('openssl x509 -req -in r -CA ca.crt -CAkey ca.key -out c -days 30 -extfile ext');
  for (const [name, namespace] of [
    ['tls-validity-checks-certificate', INFRA],
    ['certificate', 'gateway-conformance-web-backend'],
    ['tls-checks-certificate', INFRA],
  ])
    run(`kubectl create secret tls ${name} -n ${namespace} --cert c --key k`);
  run(`kubectl create configmap tls-checks-ca-certificate -n ${INFRA} --from-file=ca.crt=ca.crt`);
  run(`kubectl create configmap mismatch-ca-certificate -n ${INFRA} --from-file=ca.crt=other.crt`);
  run('sleep 10');

  const addressOf = (gateway: Named): string => find('Gateway', gateway)?.status?.addresses?.[0]?.value ?? 'nowhere.invalid';
  const fromPod = (pod: string, { backend, namespace, service }: Expected, said: string): string | undefined => {
    const seen: { readonly pod?: string; readonly namespace?: string; readonly service?: string } = pod.startsWith('{') ? JSON.parse(pod) : {};
    if (backend !== undefined && backend !== '' && seen.pod?.startsWith(`${backend}-`) !== true) return `pod ${seen.pod} instead of ${backend}: ${said}`;
    if (service !== undefined && seen.service !== service) return `service ${seen.service}: ${said}`;
    return namespace !== undefined && seen.namespace !== namespace ? `namespace ${seen.namespace}: ${said}` : undefined;
  };

  const tcp = (gateway: Named & { readonly port?: number }): string =>
    run(`kubectl exec -i client -- sh -c 'echo TEST | nc -w 1 ${addressOf(gateway)} ${gateway.port}'`).stdout;

  const grpc = (gateway: Named & { readonly port?: number }, { requestMetadata = {}, echoTwoRequest, echoThreeRequest }: Expected) => {
    const method = echoTwoRequest !== undefined ? 'EchoTwo' : echoThreeRequest !== undefined ? 'EchoThree' : 'Echo';
    const headers = Object.entries(requestMetadata.metadata ?? {}).map(([name, value]) => `-H '${name}: ${value}'`);
    const authority = requestMetadata.authority === undefined || requestMetadata.authority === '' ? '' : `-authority ${requestMetadata.authority}`;
    return run(
      `kubectl exec client -- grpcurl -plaintext ${authority} ${headers.join(' ')} ${addressOf(gateway)}:${gateway.port} gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/${method}`,
    );
  };

  function ask({ kind, gateway, expected = {} }: Step): string | undefined {
    if (gateway === undefined) return 'no gateway';
    if (kind === 'udpEcho') {
      const said = run(`kubectl exec -i client -- sh -c 'echo hello | nc -u -w 1 ${addressOf(gateway)} ${gateway.port}'`).stdout;
      return fromPod(said, expected, said);
    }
    if (kind === 'http') {
      const { host, path = '/', method = 'GET' } = expected.request ?? {};
      const said = run(`kubectl exec client -- curl -s -i -m 5 -X ${method} -H 'Host: ${host}' 'http://${addressOf(gateway)}:${gateway.port}${path}'`).stdout;
      const codes = expected.response?.statusCodes ?? [200];
      const code = Number(said.split(' ')[1]);
      if (!codes.includes(code)) return `status ${code} instead of ${codes}`;
      return code === 200 ? fromPod(said.slice(said.indexOf('{')), expected, said) : undefined;
    }
    if (kind === 'grpcMustFail') return grpc(gateway, expected).exitCode === 0 ? 'it was answered' : undefined;
    if (kind === 'grpc') {
      const { stdout, stderr, exitCode } = grpc(gateway, expected);
      const code = expected.response?.code ?? 0;
      if (exitCode !== (code === 0 ? 0 : 64 + code)) return `exit code ${exitCode}: ${stderr}`;
      const seen: { readonly assertions?: { readonly context?: object } } = code === 0 ? JSON.parse(stdout) : {};
      return code === 0 ? fromPod(JSON.stringify(seen.assertions?.context ?? {}), expected, stdout) : undefined;
    }
    const [welcome = '', answer = ''] = tcp(gateway).split('\n');
    return welcome === 'Gateway API Test TCP Server' ? fromPod(answer, expected, answer) : `no welcome: ${welcome}`;
  }

  function weights({ expectedWeights = {}, probe }: Step): string | undefined {
    const [, namespace = '', name = '', port = ''] = /^(.*)\.([^.]+)\.gw:(\d+)/.exec(probe?.gwAddr ?? '') ?? [];
    const counts = new Map<string, number>();
    // 60 instead of 500: three standard deviations are 0.18.
    const total = 60;
    for (let i = 0; i < total; i += 1) {
      const at = { namespace, name, port: Number(port) };
      const said = probe?.kind === 'grpcManual' ? grpc(at, probe.expected ?? {}).stdout : tcp(at);
      const pod = /"pod":\s*"(.*?)-[^-]+-[^-]+"/.exec(said)?.[1] ?? '';
      counts.set(pod, (counts.get(pod) ?? 0) + 1);
    }
    const wrong = Object.entries(expectedWeights).find(([backend, share]) => Math.abs((counts.get(backend) ?? 0) / total - share) > (share === 0 ? 0 : 0.18));
    return wrong === undefined ? undefined : `${wrong[0]} got ${counts.get(wrong[0])} of ${total}`;
  }

  const listenersDiffer = (status: WithStatus['status'], wanted: readonly ListenerStatus[]): string | undefined => {
    for (const one of wanted) {
      const found = status?.listeners?.find(({ name }) => name === one.name);
      if (found === undefined) return `no listener ${one.name}`;
      const problem = one.conditions.map((said) => differs(found.conditions, said)).find((said) => said !== undefined);
      if (problem !== undefined) return `${one.name}: ${problem}`;
      if (found.attachedRoutes !== one.attachedRoutes) return `${found.attachedRoutes} routes at ${one.name} instead of ${one.attachedRoutes}`;
      const kinds = one.supportedKinds ?? [];
      if (kinds.length === 0 && one.supportedKinds !== null && found.supportedKinds?.length !== 0) return `kinds at ${one.name}`;
      const missing = kinds.find(({ kind }) => found.supportedKinds?.some((other) => other.kind === kind) !== true);
      if (missing !== undefined) return `no ${missing.kind} at ${one.name}`;
    }
    return undefined;
  };
  const namedDiffer = (status: WithStatus['status'], names: readonly string[], conditions: readonly Said[]): string | undefined =>
    names
      .flatMap((name) => conditions.map((one) => differs(status?.listeners?.find((other) => other.name === name)?.conditions, one)))
      .find((one) => one !== undefined);
  const latest = (object: WithStatus | undefined): string | undefined =>
    object !== undefined && (object.status?.conditions ?? []).every(({ observedGeneration }) => observedGeneration === object.metadata.generation)
      ? undefined
      : 'an old generation';

  function judge(step: Step): string | undefined {
    const {
      assert,
      gateway,
      listenerSet,
      route,
      routes,
      routeKind = 'HTTPRoute',
      parent,
      parentKind = 'Gateway',
      condition,
      conditions = [],
      listeners,
    } = step;
    const status = gateway === undefined ? undefined : find('Gateway', gateway)?.status;
    const set = listenerSet === undefined ? undefined : find('ListenerSet', listenerSet)?.status;
    const parents = (one: Named) => find(routeKind, one)?.status?.parents ?? [];
    switch (assert) {
      case 'RouteMustHaveCondition': {
        const found = parents(route as Named).filter(({ parentRef }) => parentRef.name === parent?.name);
        return differs(
          found.flatMap((one) => one.conditions),
          condition,
        );
      }
      case 'BackendTLSPolicyMustHaveCondition': {
        const found = find('BackendTLSPolicy', step.policy as Named)?.status?.ancestors?.filter(({ ancestorRef }) => ancestorRef.name === gateway?.name);
        return differs(
          found?.flatMap((one) => one.conditions),
          condition,
        );
      }
      case 'RouteMustHaveNoAcceptedParents':
        return parents(route as Named).some((one) => isAccepted(one.conditions)) ? 'a parent accepted it' : undefined;
      case 'RouteMustHaveParents': {
        const own = parents(route as Named);
        if (own.length !== step.parents?.length) return `${own.length} parents instead of ${step.parents?.length}`;
        for (const { parentRef, conditions: wanted } of step.parents ?? []) {
          const found = own.find(
            (one) => one.parentRef.name === parentRef.name && (parentRef.sectionName === undefined || one.parentRef.sectionName === parentRef.sectionName),
          );
          const problem = wanted.map((one) => differs(found?.conditions, one)).find((one) => one !== undefined);
          if (problem !== undefined) return `${parentRef.name}: ${problem}`;
        }
        return undefined;
      }
      case 'RoutesAndParentMustBeAccepted':
      case 'GatewayAndRoutesMustBeAccepted': {
        const to = find(parentKind, parent ?? (gateway as Named))?.status;
        const bad = (routes ?? []).find((one) => !parents(one).some((other) => isAccepted(other.conditions)));
        return !isAccepted(to?.conditions) ? 'the parent is not accepted' : bad === undefined ? undefined : `${bad.name} is not accepted`;
      }
      case 'GatewayMustHaveZeroRoutes':
        return (status?.listeners ?? []).every(({ attachedRoutes }) => attachedRoutes === 0) ? undefined : 'routes are attached';
      case 'GatewayMustHaveCondition':
        return differs(status?.conditions, condition);
      case 'ListenerSetMustHaveCondition':
        return differs(set?.conditions, condition);
      case 'GatewayMustHaveAttachedListeners':
        return (status?.attachedListenerSets ?? 0) === step.count ? undefined : `${status?.attachedListenerSets} sets instead of ${step.count}`;
      case 'GatewayMustHaveLatestConditions':
        return latest(find('Gateway', gateway as Named));
      case 'GatewayClassMustHaveLatestConditions':
        return latest(find('GatewayClass', step.gatewayClass as Named));
      case 'GatewayStatusMustHaveListeners':
        return listenersDiffer(status, (listeners ?? []) as readonly ListenerStatus[]);
      case 'ListenerSetStatusMustHaveListeners':
        return listenersDiffer(set, (listeners ?? []) as readonly ListenerStatus[]);
      case 'GatewayListenersMustHaveConditions':
        return namedDiffer(status, (listeners ?? []) as readonly string[], conditions);
      case 'ListenerSetListenersMustHaveConditions':
        return namedDiffer(set, (listeners ?? []) as readonly string[], conditions);
      default:
        return `nobody judges ${assert}`;
    }
  }

  function change(object: KubeObject, objects: KubeObject[]): void {
    const at = objects.findIndex((one) => one.kind === object.kind && one.metadata.name === object.metadata.name);
    // The recording kept the type of the first address, which the step before took out.
    const { status: _status, ...wanted } = object as KubeObject & { status?: unknown };
    objects[at] = JSON.parse(
      JSON.stringify(wanted).replace('"type":"test/fake-invalid-type","value":"fake address teehee!"', '"type":"IPAddress"'),
    ) as KubeObject;
    world.edit('case.yaml', text(objects));
    run('sleep 1');
  }

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_id, one) => {
    const objects = [...one.objects];
    world.edit('case.yaml', text(objects));
    run('sleep 3');
    const failed: string[] = [];
    for (const [index, step] of one.steps.entries()) {
      let problem: string | undefined;
      if (step.kind === 'status') problem = judge(step);
      else if (step.kind === 'weights') problem = weights(step);
      else if (step.kind === 'patchObject' && step.object !== undefined) change(step.object, objects);
      else if (step.kind === 'deleteObject' && step.object !== undefined)
        run(`kubectl delete ${step.object.kind.toLowerCase()} -n ${step.object.metadata.namespace} ${step.object.metadata.name}`);
      else problem = ask(step);
      if (problem !== undefined) failed.push(`step ${index} (${step.assert ?? step.kind}): ${problem}`);
    }
    expect(failed).toEqual([]);
  });
});
