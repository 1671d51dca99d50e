/** Which kinds there are, in the three forms in which clients ask: lists of groups and resources, aggregated discovery, OpenAPI v3. Kubernetes: apiserver/pkg/endpoints/discovery */
import { type Kind, writtenKind } from '../types.ts';
import { type ApiRequest, type ApiResponse, json, noSuchPath } from './exchange.ts';
import { openapiOf } from './openapi.ts';

/** Configuration files of kubeadm and friends are read as objects here, but no API server serves them. */
export const isServed = (kind: Kind): boolean =>
  !/^(?:kubeadm\.k8s\.io|kind\.x-k8s\.io|kubelet\.config\.k8s\.io|kubeproxy\.config\.k8s\.io)\//.test(kind.apiVersion);

export const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] as string) : '');
const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf('/') + 1);

export const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** Kinds that `kubectl get all` shows (category `all`). Kubernetes: pkg/registry/…/storage.go, Categories */
export const inAll = new Set([
  'Pod',
  'Service',
  'ReplicationController',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
]);
export const scalable = new Set(['Deployment', 'ReplicaSet', 'StatefulSet']);

interface Resource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly group?: string;
  readonly version?: string;
}

function subresources(kind: Kind): Resource[] {
  const base = { singularName: '', namespaced: kind.namespaced, kind: writtenKind(kind.kind) };
  const found: Resource[] = [{ ...base, name: `${kind.plural}/status`, verbs: ['get', 'patch', 'update'] }];
  if (scalable.has(kind.kind))
    found.push({ ...base, name: `${kind.plural}/scale`, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] });
  if (kind.kind === 'Pod')
    found.push(
      { ...base, name: 'pods/binding', kind: 'Binding', verbs: ['create'] },
      { ...base, name: 'pods/ephemeralcontainers', verbs: ['get', 'patch'] },
      { ...base, name: 'pods/eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
      { ...base, name: 'pods/log', verbs: ['get'] },
    );
  return found;
}

function resourcesOf(kinds: readonly Kind[]): Resource[] {
  return kinds.flatMap((kind) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: writtenKind(kind.kind),
      verbs: VERBS,
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(inAll.has(kind.kind) ? { categories: ['all'] } : {}),
    },
    ...subresources(kind),
  ]);
}

/** Versions of each group, in the order in which kinds are declared. */
function groupsOf(kinds: readonly Kind[]): Map<string, Map<string, Kind[]>> {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of kinds) {
    const group = groupOf(kind.apiVersion);
    const versions = groups.get(group) ?? new Map<string, Kind[]>();
    groups.set(group, versions);
    const version = versionOf(kind.apiVersion);
    versions.set(version, [...(versions.get(version) ?? []), kind]);
  }
  return groups;
}

const gv = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

/** apidiscovery.k8s.io/v2: everything in two answers. */
function aggregated(groups: ReadonlyMap<string, ReadonlyMap<string, readonly Kind[]>>): unknown {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [...groups].map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: [...versions].map(([version, kinds]) => ({
        version,
        freshness: 'Current',
        resources: kinds.map((kind) => ({
          resource: kind.plural,
          responseKind: { group, version, kind: writtenKind(kind.kind) },
          scope: kind.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: kind.singular,
          verbs: VERBS,
          ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
          ...(inAll.has(kind.kind) ? { categories: ['all'] } : {}),
          subresources: subresources(kind).map((one) => ({
            subresource: one.name.slice(one.name.indexOf('/') + 1),
            responseKind: { group: one.group ?? group, version: one.version ?? version, kind: one.kind },
            verbs: one.verbs,
          })),
        })),
      })),
    })),
  };
}

const groupEntry = (name: string, versions: ReadonlyMap<string, unknown>): Record<string, unknown> => {
  const list = [...versions.keys()].map((version) => ({ groupVersion: gv(name, version), version }));
  return { name, versions: list, preferredVersion: list[0] };
};

/** Answers discovery paths; undefined when the path is none. */
export function discover(request: ApiRequest, all: readonly Kind[], version: string): ApiResponse | undefined {
  const kinds = all.filter(isServed);
  const groups = groupsOf(kinds);
  const core = new Map([...groups].filter(([group]) => group === ''));
  const named = new Map([...groups].filter(([group]) => group !== ''));
  const wantsAggregated = request.accept.includes('as=APIGroupDiscoveryList');
  const { path } = request;
  if (path === '/version') {
    const [, major = '1', minor = '0'] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
    return json(200, {
      major,
      minor,
      gitVersion: version,
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '2026-04-04T09:00:00Z',
      goVersion: '',
      compiler: '',
      platform: 'kubehop/simulated',
    });
  }
  if (path === '/healthz' || path === '/livez' || path === '/readyz') return { kind: 'whole', code: 200, contentType: 'text/plain', text: 'ok', warnings: [] };
  if (path === '/api' || path === '/apis') {
    if (wantsAggregated) {
      const answer = json(200, aggregated(path === '/api' ? core : named));
      return answer.kind === 'whole' ? { ...answer, contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' } : answer;
    }
    if (path === '/api') return json(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    return json(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: [...named].map(([name, versions]) => groupEntry(name, versions)) });
  }
  const openapi = openapiOf(path, groups);
  if (openapi !== undefined) return openapi;
  const single = /^\/(?:api|apis\/([^/]+))(?:\/([^/]+))?$/.exec(path);
  if (single === null) return undefined;
  const [, group = '', wanted] = single;
  const versions = groups.get(group);
  if (versions === undefined) return noSuchPath();
  if (wanted === undefined) return json(200, { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) });
  const found = versions.get(wanted);
  if (found === undefined) return noSuchPath();
  return json(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: gv(group, wanted), resources: resourcesOf(found) });
}
