/** The cases of the Gateway API's conformance suite that are about TLS, by handshakes and requests in packets and by what the controller writes. Skipped where ../shared/conformance is absent. */
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
  readonly supportedKinds: readonly { readonly kind: string }[];
  readonly conditions: readonly Said[];
}
interface Step {
  readonly kind: string;
  readonly assert?: string;
  readonly gateway?: Named & { readonly port?: number };
  readonly policy?: Named;
  readonly route?: Named;
  readonly routes?: readonly Named[] | null;
  readonly routeKind?: string;
  readonly parent?: Named;
  readonly condition?: Said;
  readonly listeners?: readonly ListenerStatus[] | null;
  readonly sni?: string;
  readonly clientCert?: boolean;
  readonly object?: KubeObject;
  readonly expected?: {
    readonly request?: { readonly host?: string; readonly path: string; readonly method: string };
    readonly response?: { readonly statusCodes?: readonly number[] };
    readonly backend?: string;
    readonly backendIsTLS?: boolean;
    /** Of a TCP backend's TLS. */
    readonly hostname?: string;
    readonly redirectRequest?: { readonly scheme?: string; readonly host?: string; readonly port?: string };
  };
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
interface WithStatus {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly Said[];
    readonly listeners?: readonly ListenerStatus[];
    readonly parents?: readonly { readonly parentRef: { readonly name: string }; readonly conditions: readonly Said[] }[];
    readonly ancestors?: readonly { readonly ancestorRef: { readonly name: string }; readonly conditions: readonly Said[] }[];
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
    .replaceAll('{GATEWAY_CONTROLLER_NAME}', 'kubehop.dev/gateway-controller');

/** gRPC, and what gateway-kinds-conformance.test.ts judges. */
const LEFT_OUT = new Set(['BackendTLSPolicyGRPCRoute', 'ListenerSetReferenceGrant', 'GatewayModifyListeners']);

describe.skipIf(!existsSync(file))('Gateway API conformance with TLS (skipped where ../shared/conformance is absent)', () => {
  const suite: Suite = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { baseManifests: [], cases: [] };
  const cases = suite.cases.filter(
    (one) =>
      !LEFT_OUT.has(one.id) &&
      one.steps.length > 0 &&
      (/TLS|Certificate|SecretReferenceGrant/.test(one.id) || one.steps.some(({ kind }) => kind.startsWith('https') || kind.startsWith('tls'))),
  );
  const base = suite.baseManifests.filter(({ kind, metadata }) => kind === 'Namespace' || kind === 'Gateway' || /^(infra|tls|tcp)-backend/.test(metadata.name));
  const world = openArticle({
    files: [...articleFiles(), { path: 'base.yaml', text: text([gatewayClass, ...base]) }, { path: 'case.yaml', text: '' }],
    trace: false,
  });
  const run = (line: string) => runLine(world, line);
  const find = (kind: string, { name, namespace }: Named): WithStatus | undefined =>
    world.api.view.find<KubeObject>(`${kind}/${namespace}/${name}`) as unknown as WithStatus | undefined;
  const EC = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

  // The suite's own certificates: two authorities, and what they and nobody signed.
  for (const ca of ['checks', 'port', 'other']) run(`openssl req -x509 -days 3650 ${EC} -keyout ${ca}.key -out ${ca}.crt -subj /CN=${ca}`);
  const sign = (name: string, ca: string, names: readonly string[]): void => {
    run(`openssl req -new ${EC} -keyout ${name}.key -out r -subj /CN=${names[0]} && echo subjectAltName=${names.map((one) => `DNS:${one}`).join()} > ext`);
    run(`openssl x509 -req -in r -CA ${ca}.crt -CAkey ${ca}.key -out ${name}.crt -days 30 -extfile ext`);
  };
  sign('validity', 'checks', ['example.org', 'second-example.org', 'unknown-example.org', 'fourth-example.wildcard.org']);
  sign('backend', 'checks', ['abc.example.com', 'other.example.com']);
  sign('client443', 'checks', ['client']);
  sign('client8443', 'port', ['client']);
  const secret = (name: string, from: string, namespace = INFRA) =>
    run(`kubectl create secret tls ${name} -n ${namespace} --cert ${from}.crt --key ${from}.key`);
  secret('tls-validity-checks-certificate', 'validity');
  secret('certificate', 'validity', 'gateway-conformance-web-backend');
  for (const name of ['tls-checks-certificate', 'tls-passthrough-checks-certificate', 'tls-terminate-checks-certificate']) secret(name, 'backend');
  secret('tls-passthrough-checks-certificate', 'backend', 'gateway-conformance-app-backend');
  for (const [name, ca] of [
    ['tls-validity-checks-ca-certificate', 'checks'],
    ['tls-validity-checks-per-port-ca-certificate', 'port'],
    ['tls-checks-ca-certificate', 'checks'],
    ['mismatch-ca-certificate', 'other'],
  ])
    run(`kubectl create configmap ${name} -n ${INFRA} --from-file=ca.crt=${ca}.crt`);
  run('sleep 10');

  const addressOf = (gateway: Named): string => find('Gateway', gateway)?.status?.addresses?.[0]?.value ?? 'nowhere.invalid';

  /** A request; `client`: whose certificate is shown. */
  function ask(step: Step, client: string | undefined): string | undefined {
    const { gateway, sni, expected } = step;
    const { request = { path: '/', method: 'GET' }, response, backend, redirectRequest } = expected ?? {};
    const port = gateway?.port ?? 80;
    const address = addressOf(gateway as Named);
    const host = sni ?? request.host ?? address;
    const shown = client === undefined ? '' : `--cert ${client}.crt --key ${client}.key`;
    const how =
      sni === undefined ? `-H 'Host: ${host}' http://${address}:${port}` : `--cacert checks.crt --resolve ${host}:${port}:${address} https://${host}:${port}`;
    const { stdout, stderr, exitCode } = run(`curl -sS -i -m 20 ${shown} -X ${request.method} ${how}${request.path}`);
    if (exitCode !== 0) return `curl ends with ${exitCode}: ${stderr.trim()}`;
    const code = Number(stdout.split(' ')[1]);
    const codes = response?.statusCodes ?? [200];
    if (!codes.includes(code)) return `status ${code} instead of ${codes.join('|')}`;
    if (code === 200 && backend !== undefined && !stdout.includes(`"pod": "${backend}-`) && !stdout.includes(`"pod":"${backend}-`))
      return `not ${backend}: ${stdout}`;
    if (redirectRequest === undefined) return undefined;
    const location = new URL(/^location: (.*?)\r$/im.exec(stdout)?.[1] ?? 'none:');
    const wanted = { scheme: location.protocol.slice(0, -1), host: location.hostname, port: location.port, ...redirectRequest };
    // Where the host is the Gateway's address, the suite leaves it open.
    const hostFits = sni === undefined ? true : wanted.host === location.hostname;
    return `${wanted.scheme}:` === location.protocol && hostFits && wanted.port === location.port ? undefined : `Location: ${location}`;
  }

  function handshake({ gateway, sni, clientCert, kind }: Step): string | undefined {
    const port = gateway?.port ?? 443;
    // The certificate of whom the port does not know.
    const shown = clientCert === true ? `--cert client${port === 443 ? 8443 : 443}.crt --key client${port === 443 ? 8443 : 443}.key` : '';
    const { exitCode } = run(`curl -sS -m 20 --cacert checks.crt ${shown} --resolve ${sni}:${port}:${addressOf(gateway as Named)} https://${sni}:${port}/`);
    return exitCode === 35 || exitCode === 56 ? undefined : `${kind}: curl ends with ${exitCode}`;
  }

  /** The TCP backend greets, and says of itself what it sees. */
  function talk({ gateway, sni, expected }: Step): string | undefined {
    const target = `-connect ${addressOf(gateway as Named)}:${gateway?.port} -servername ${sni}`;
    const { stdout } = run(`echo TEST | timeout 2 openssl s_client -quiet ${target}`);
    const [welcome = '', answer = '{}'] = stdout.split('\n');
    const seen = welcome === 'Gateway API Test TCP Server' ? JSON.parse(answer) : {};
    const fits = seen.pod?.startsWith(`${expected?.backend}-`) && seen.isTLS === expected?.backendIsTLS && seen.tls?.serverName === expected?.hostname;
    return fits === true ? undefined : `it says ${stdout}`;
  }

  const differs = (all: readonly Said[] | undefined, wanted: Said | undefined): string | undefined => {
    const found = all?.find(({ type }) => type === wanted?.type);
    const fits = found?.status === wanted?.status && (wanted?.reason === undefined || wanted.reason === '' || found?.reason === wanted.reason);
    return fits ? undefined : `${wanted?.type} is ${found?.status} ${found?.reason} instead of ${wanted?.status} ${wanted?.reason}`;
  };

  function judge(step: Step): string | undefined {
    const { assert, gateway, route, routes, routeKind = 'HTTPRoute', parent, policy, condition, listeners } = step;
    const status = gateway === undefined ? undefined : find('Gateway', gateway)?.status;
    const parents = (one: Named) => find(routeKind, one)?.status?.parents ?? [];
    const isAccepted = (all: readonly Said[]): boolean => all.some(({ type, status: said }) => type === 'Accepted' && said === 'True');
    switch (assert) {
      case 'RouteMustHaveCondition':
        return differs(
          parents(route as Named)
            .filter(({ parentRef }) => parentRef.name === parent?.name)
            .flatMap(({ conditions }) => conditions),
          condition,
        );
      case 'RouteMustHaveNoAcceptedParents':
        return parents(route as Named).some(({ conditions }) => isAccepted(conditions)) ? 'a parent accepted it' : undefined;
      case 'GatewayAndRoutesMustBeAccepted':
        return isAccepted(status?.conditions ?? []) && (routes ?? []).every((one) => parents(one).some(({ conditions }) => isAccepted(conditions)))
          ? undefined
          : 'not accepted';
      case 'GatewayMustHaveZeroRoutes':
        return (status?.listeners ?? []).every(({ attachedRoutes }) => attachedRoutes === 0) ? undefined : 'routes are attached';
      case 'GatewayMustHaveCondition':
        return differs(status?.conditions, condition);
      case 'GatewayMustHaveLatestConditions': {
        const generation = find('Gateway', gateway as Named)?.metadata.generation;
        return (status?.conditions ?? []).every(({ observedGeneration }) => observedGeneration === generation) ? undefined : 'an old generation';
      }
      case 'BackendTLSPolicyMustHaveCondition':
        return differs(
          find('BackendTLSPolicy', policy as Named)
            ?.status?.ancestors?.filter(({ ancestorRef }) => ancestorRef.name === gateway?.name)
            .flatMap(({ conditions }) => conditions),
          condition,
        );
      case 'GatewayStatusMustHaveListeners': {
        for (const wanted of listeners ?? []) {
          const found = status?.listeners?.find(({ name }) => name === wanted.name);
          if (found === undefined) return `no listener ${wanted.name}`;
          const problem = wanted.conditions.map((one) => differs(found.conditions, one)).find((one) => one !== undefined);
          if (problem !== undefined) return problem;
          if (found.attachedRoutes !== wanted.attachedRoutes) return `${found.attachedRoutes} routes at ${wanted.name}`;
          const missing = wanted.supportedKinds.find(({ kind }) => !found.supportedKinds.some((one) => one.kind === kind));
          if (missing !== undefined) return `no ${missing.kind} at ${wanted.name}`;
        }
        return undefined;
      }
      default:
        return `nobody judges ${assert}`;
    }
  }

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_id, one) => {
    world.edit('case.yaml', text(one.objects));
    run('sleep 2');
    const failed: string[] = [];
    for (const [index, step] of one.steps.entries()) {
      const client = step.clientCert === true ? `client${step.gateway?.port}` : undefined;
      const problem =
        step.kind === 'http' || step.kind === 'https'
          ? ask(step, client)
          : step.kind === 'httpsMustFail' || step.kind === 'tlsConnectionRejected'
            ? handshake(step)
            : step.kind === 'tcp'
              ? talk(step)
              : step.kind === 'status'
                ? judge(step)
                : `nobody judges ${step.kind}`;
      if (problem !== undefined) failed.push(`step ${index} (${step.assert ?? `${step.kind} ${step.sni}${step.expected?.request?.path ?? ''}`}): ${problem}`);
    }
    expect(failed).toEqual([]);
  });
});
