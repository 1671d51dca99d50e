/** The token of its ServiceAccount that each pod gets mounted. Kubernetes: plugin/pkg/admission/serviceaccount/admission.go, pkg/serviceaccount/claims.go. */
import { parseRfc3339 } from '../../base/time.ts';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';
import { stableSuffix } from '../../objects/identity.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { type Container, namespaceOf, type Pod, type VolumeMount } from './types.ts';

interface ServiceAccount extends KubeObject {
  readonly automountServiceAccountToken?: boolean;
}

const PREFIX = 'kube-api-access-';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** An hour, and seven seconds by which one knows such a token (WarnOnlyBoundTokenExpirationSeconds). */
const EXPIRATION_SECONDS = 3607;
/** Every namespace has it on a real cluster; the API server's certificate is not modelled. */
export const ROOT_CA = 'kube-root-ca.crt';

/** The same in all pods. */
const projected = {
  defaultMode: 420,
  sources: [
    { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: 'token' } },
    { configMap: { name: ROOT_CA, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ],
};

/** As admission leaves a new pod: a projected volume, and a mount in each container that has nothing else in its place. */
export function withServiceAccountToken(pod: Pod, view: StoreView): Pod {
  const { spec } = pod;
  const account = view.find<ServiceAccount>(`ServiceAccount/${namespaceOf(pod)}/${spec.serviceAccountName ?? 'default'}`);
  if (!(spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true)) return pod;
  const volumes = spec.volumes ?? [];
  const before = volumes.find(({ name }) => name.startsWith(PREFIX));
  const name = before?.name ?? `${PREFIX}${stableSuffix(0, `token of ${namespaceOf(pod)}/${pod.metadata.name}`, 5)}`;
  const mount: VolumeMount = { name, mountPath: MOUNT_PATH, readOnly: true };
  let isMounted = false;
  const mounted = (containers: readonly Container[]): readonly Container[] =>
    containers.map((container) => {
      if (container.volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH)) return container;
      isMounted = true;
      return { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] };
    });
  const containers = mounted(spec.containers);
  const initContainers = spec.initContainers === undefined ? undefined : mounted(spec.initContainers);
  if (!isMounted) return pod;
  return {
    ...pod,
    spec: {
      ...spec,
      containers,
      ...(initContainers === undefined ? {} : { initContainers }),
      volumes: before === undefined ? [...volumes, { name, projected }] : volumes,
    },
  };
}

/** An unsecured JWT (RFC 7519 section 6): the right claims, signed by nobody. */
export function unsecuredToken(claims: object): string {
  const part = (value: object): string =>
    bytesToBase64(encodeUtf8(JSON.stringify(value)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

/** What the kubelet writes into a pod's file when it starts. */
export function podToken(pod: Pod): string {
  const namespace = namespaceOf(pod);
  const name = pod.spec.serviceAccountName ?? 'default';
  const iat = Math.floor((parseRfc3339(pod.metadata.creationTimestamp ?? '') ?? 0) / 1000);
  return unsecuredToken({
    aud: [ISSUER],
    exp: iat + EXPIRATION_SECONDS,
    iat,
    iss: ISSUER,
    'kubernetes.io': { namespace, pod: { name: pod.metadata.name, uid: pod.metadata.uid ?? '' }, serviceaccount: { name } },
    nbf: iat,
    sub: `system:serviceaccount:${namespace}:${name}`,
  });
}
