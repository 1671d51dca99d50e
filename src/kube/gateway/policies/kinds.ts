/** Envoy Gateway's policies and filters as kinds. Their parts are read by the controller, which says what is wrong in the status. envoyproxy/gateway: api/v1alpha1. */
import { defineKind } from '../../../objects/define.ts';
import type { FieldError, Kind, KubeObject, Schema } from '../../../objects/types.ts';
import { columnsOf } from '../../columns.ts';
import { invalid, required } from '../../field-errors.ts';
import { anything, anythings, flag, kindSchema, list, notSimulated, struct, text } from '../../schema.ts';
import type { Policy } from './types.ts';

type Parts = Readonly<Record<string, Schema>>;

const target = struct(
  'A target, in the namespace of the policy.',
  { group: text('API group.'), kind: text('Gateway, HTTPRoute or GRPCRoute.'), name: text('Name.'), sectionName: text('A listener, or a rule by its name.') },
  ['kind', 'name'],
);
const targets: Parts = {
  targetRef: target,
  targetRefs: list('What it holds for.', target),
  targetSelectors: anythings('What it holds for, by labels.'),
};

function targetErrors({ spec }: Policy): FieldError[] {
  const { targetRef, targetRefs = [], targetSelectors = [] } = spec ?? {};
  const all = [...(targetRef === undefined ? [] : [targetRef]), ...targetRefs];
  if (all.length + targetSelectors.length === 0) return [required('spec.targetRefs', 'either targetRef or targetRefs must be used')];
  return all.flatMap(({ group = 'gateway.networking.k8s.io', kind = '' }, i) => {
    if (group !== 'gateway.networking.k8s.io')
      return [invalid(`spec.targetRefs[${i}].group`, group, 'this policy can only have a targetRefs[*].group of gateway.networking.k8s.io')];
    return kind === 'Gateway' || kind.endsWith('Route')
      ? []
      : [
          invalid(
            `spec.targetRefs[${i}].kind`,
            kind,
            'this policy can only have a targetRefs[*].kind of Gateway/HTTPRoute/GRPCRoute/TCPRoute/UDPRoute/TLSRoute',
          ),
        ];
  });
}

function envoyKind(kind: string, shortName: string, description: string, parts: Parts, isPolicy = true): Kind {
  const plural = `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');
  return defineKind<KubeObject>({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [shortName],
    namespaced: true,
    schema: kindSchema(
      description,
      { spec: struct('What is wanted.', { ...(isPolicy ? targets : {}), ...parts }), status: anything('What the controller reports.') },
      ['spec'],
    ),
    ...(isPolicy ? { validate: (object: KubeObject) => targetErrors(object as Policy) } : {}),
    columns: columnsOf('NAME, AGE'),
    row: (object, { age }) => [object.metadata.name, age(object.metadata.creationTimestamp)],
    describe: (object) => ({ title: object.metadata.name }),
  });
}

export const envoyKinds: readonly Kind[] = [
  envoyKind('SecurityPolicy', 'sp', 'Who may ask: logins, tokens, keys, addresses.', {
    cors: anything('Answers to browsers of other origins.'),
    apiKeyAuth: anything('Clients with a key: credentialRefs, extractFrom.'),
    basicAuth: struct(
      'Users with a password.',
      { users: anything('A Secret with .htpasswd, hashes by {SHA}.'), forwardUsernameHeader: text('Gets the name.') },
      ['users'],
    ),
    jwt: struct('Tokens that a provider has signed.', {
      optional: flag('None at all is allowed too.'),
      providers: anythings('Issuer, audiences, remoteJWKS or localJWKS, claimToHeaders.'),
    }),
    oidc: anything('Browsers are sent to an identity provider: provider with authorizationEndpoint and tokenEndpoint, clientID, clientSecret.'),
    extAuth: anything('An HTTP server is asked: http.backendRefs, http.path, http.headersToBackend, headersToExtAuth, failOpen.'),
    authorization: anything('Rules by client address, method, header and claim; defaultAction.'),
  }),
  envoyKind('BackendTrafficPolicy', 'btp', 'How backends are asked, and how often.', {
    rateLimit: anything('type Local: local.rules with clientSelectors and limit.'),
    retry: anything('numRetries, retryOn, perRetry.'),
    timeout: anything('tcp.connectTimeout, http.requestTimeout.'),
    circuitBreaker: anything('So much may be under way.'),
    loadBalancer: anything('Who gets a request.'),
    healthCheck: anything('passive: endpoints with errors in a row are left alone for a while.'),
    faultInjection: anything('Failures on purpose.'),
    compression: notSimulated(anythings('Of answers.')),
    connection: notSimulated(anything('Buffers.')),
    tcpKeepalive: notSimulated(anything('Probes.')),
    proxyProtocol: notSimulated(anything('The client’s address before the bytes.')),
    httpUpgrade: notSimulated(anythings('Upgrades; websocket needs no word.')),
    requestBuffer: notSimulated(anything('The whole body first.')),
  }),
  envoyKind(
    'HTTPRouteFilter',
    'hrf',
    'What a rule may do beyond the Gateway API.',
    {
      directResponse: anything('An answer by the proxy itself: statusCode, contentType, body.'),
      urlRewrite: anything('path: type ReplaceRegexMatch, replaceRegexMatch with pattern and substitution.'),
      credentialInjection: notSimulated(anything('A credential for the backend.')),
    },
    false,
  ),
];
