/** kubectl get --raw PATH: what the API server answers to a GET, as it comes. Kubernetes: kubectl/pkg/rawhttp */
import { objectKey } from '../../objects/types.ts';
import { type Kubectl, keyOf, notFoundText } from './client.ts';
import { KubectlError } from './flags.ts';
import { KUBERNETES_VERSION } from './versions.ts';

const NO_RESOURCE = 'Error from server (NotFound): the server could not find the requested resource';

export function getRaw(kubectl: Kubectl, uri: string): number {
  const { api } = kubectl.invocation.host;
  const path = (uri.split('?')[0] ?? '').replace(/\/+$/, '');
  const print = (value: unknown): number => {
    kubectl.out(`${JSON.stringify(value)}\n`);
    return 0;
  };
  if (/^\/(?:healthz|livez|readyz)$/.test(path)) {
    kubectl.out('ok');
    return 0;
  }
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
  if (path === '/version') return print({ major, minor, gitVersion: KUBERNETES_VERSION, platform: 'kubehop/simulated' });
  if (path === '/api') return print({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
  const versions = [...new Set(api.kinds.map((kind) => kind.apiVersion))].filter((version) => version.includes('/'));
  const group = (name: string) => {
    const served = versions
      .filter((version) => version.startsWith(`${name}/`))
      .map((groupVersion) => ({ groupVersion, version: groupVersion.slice(name.length + 1) }));
    return { name, versions: served, preferredVersion: served[0] };
  };
  if (path === '/apis')
    return print({ kind: 'APIGroupList', apiVersion: 'v1', groups: [...new Set(versions.map((version) => version.split('/')[0] ?? ''))].map(group) });
  const match = /^\/(?:api\/(v1)|apis\/([^/]+)(?:\/([^/]+))?)(?:\/(.*))?$/.exec(path);
  if (match === null) throw new KubectlError(NO_RESOURCE);
  const [, core, groupName = '', version, rest = ''] = match;
  if (core === undefined && version === undefined) {
    const found = group(groupName);
    if (found.versions.length === 0) throw new KubectlError(NO_RESOURCE);
    return print({ kind: 'APIGroup', apiVersion: 'v1', ...found });
  }
  const groupVersion = core ?? `${groupName}/${version}`;
  const inNamespace = /^namespaces\/([^/]+)\/(.+)$/.exec(rest);
  const [plural = '', name, more] = (inNamespace?.[2] ?? rest).split('/');
  const kind = api.kinds.find((one) => one.plural === plural && one.apiVersion === groupVersion);
  if (kind === undefined || more !== undefined) throw new KubectlError(NO_RESOURCE);
  const whole = (object: ReturnType<typeof api.view.list>[number]): unknown => ({
    ...object,
    metadata: { ...object.metadata, managedFields: api.managedFields(objectKey(object)) },
  });
  if (name === undefined)
    return print({ kind: `${kind.kind}List`, apiVersion: groupVersion, metadata: {}, items: api.view.list(kind.kind, inNamespace?.[1]).map(whole) });
  const found = api.view.find(keyOf(kind, inNamespace?.[1] ?? '', name));
  if (found === undefined) throw new KubectlError(notFoundText(kind, name));
  return print(whole(found));
}
