/** kubectl create token: what a TokenRequest answers, as an unsecured JWT (RFC 7519 section 6): the right claims, signed by nobody. Kubernetes: pkg/serviceaccount/claims.go */
import { formatRfc3339 } from '../../base/time.ts';
import { ISSUER, unsecuredToken } from '../../kube/pod/service-account.ts';
import { stableUid } from '../../objects/identity.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { findKind, getObject, type Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { parseDuration } from './logs.ts';
import { formatObjects, parseOutput } from './output.ts';

const HOUR = 3600;

export function createToken(kubectl: Kubectl, names: readonly string[]): Outcome {
  const { flags, invocation } = kubectl;
  const { host } = invocation;
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new KubectlError(`error: exactly one NAME is required, got ${names.length}\nSee 'kubectl create token -h' for help and examples`);
  const wanted = flags.has('duration') ? parseDuration(flags.get('duration')) : HOUR;
  if (wanted === undefined)
    throw new KubectlError(
      `error: invalid argument "${flags.get('duration')}" for "--duration" flag: time: invalid duration "${flags.get('duration')}"\nSee 'kubectl create token --help' for usage.`,
    );
  const seconds = wanted === 0 ? HOUR : Math.round(wanted);
  const fail = (words: string): never => {
    throw new KubectlError(`error: failed to create token: ${words}`);
  };
  let account: KubeObject;
  try {
    account = getObject(kubectl, findKind(kubectl, 'serviceaccounts'), name);
  } catch {
    return fail(`serviceaccounts "${name}" not found`);
  }
  const invalid = (why: string): never =>
    fail(`TokenRequest.authentication.k8s.io "${name}" is invalid: spec.expirationSeconds: Invalid value: ${seconds}: ${why}`);
  if (seconds < 600) invalid('may not specify a duration less than 10 minutes');
  if (seconds > 2 ** 32) invalid('may not specify a duration larger than 2^32 seconds');
  const now = Math.floor((host.epochMs + host.nowNs / 1e6) / 1000);
  const audiences = flags.has('audience') ? flags.all('audience').flatMap((value) => value.split(',')) : [ISSUER];
  const claims = {
    aud: audiences,
    exp: now + seconds,
    iat: now,
    iss: ISSUER,
    jti: stableUid(host.prng.uint32(), 'token'),
    'kubernetes.io': { namespace: kubectl.namespace, ...bound(kubectl, fail), serviceaccount: { name, uid: account.metadata.uid ?? '' } },
    nbf: now,
    sub: `system:serviceaccount:${kubectl.namespace}:${name}`,
  };
  const token = unsecuredToken(claims);
  const format = parseOutput(flags.get('output'), false);
  if (format.kind === 'table') kubectl.out(`${token}\n`);
  else {
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name, namespace: kubectl.namespace, creationTimestamp: formatRfc3339(now * 1000) },
      spec: { audiences, boundObjectRef: null, expirationSeconds: seconds },
      status: { expirationTimestamp: formatRfc3339((now + seconds) * 1000), token },
    } as unknown as KubeObject;
    kubectl.out(formatObjects(format, [[request, request]], true));
  }
  return 0;
}

/** The object whose end is the token's end. */
function bound(kubectl: Kubectl, fail: (words: string) => never): object {
  const { flags } = kubectl;
  const kind = flags.get('bound-object-kind');
  const name = flags.get('bound-object-name');
  if (kind === '') {
    if (name !== '' || flags.has('bound-object-uid'))
      throw new KubectlError('error: --bound-object-name and --bound-object-uid can only be set if --bound-object-kind is provided');
    return {};
  }
  if (!['Pod', 'Secret', 'Node'].includes(kind)) throw new KubectlError(`error: supported --bound-object-kind values are Node, Pod, Secret`);
  if (name === '') throw new KubectlError('error: --bound-object-name is required if --bound-object-kind is provided');
  const { view } = kubectl.invocation.host.api;
  const found = view.find(kind === 'Node' ? `Node/${name}` : `${kind}/${kubectl.namespace}/${name}`);
  if (found === undefined) return fail(`${kind.toLowerCase()}s "${name}" not found`);
  const uid = found.metadata.uid ?? '';
  if (flags.has('bound-object-uid') && flags.get('bound-object-uid') !== uid)
    return fail(
      `Operation cannot be fulfilled on ${kind.toLowerCase()}s "${name}": the UID in the bound object reference (${flags.get('bound-object-uid')}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return { [kind.toLowerCase()]: { name, uid } };
}
