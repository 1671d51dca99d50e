/** The kinds of several clusters: what one exports, what a set of them imports, and what one knows of another. Multi-Cluster Services API v1alpha1 (KEP-1645). */
import { defineKind } from '../../objects/define.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Condition } from '../pod/types.ts';
import { anything, choice, kindSchema, list, struct, text, textMap, texts } from '../schema.ts';
import type { EndpointSlice, ServicePort, ServiceSpec } from '../service/types.ts';

export const MCS_VERSION = 'multicluster.x-k8s.io/v1alpha1';

export interface ServiceExport extends KubeObject {
  readonly spec?: { readonly exportedLabels?: Readonly<Record<string, string>>; readonly exportedAnnotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface ServiceImport extends KubeObject {
  readonly spec?: {
    readonly type?: 'ClusterSetIP' | 'Headless';
    readonly ports?: readonly ServicePort[];
    readonly ips?: readonly string[];
    readonly sessionAffinity?: string;
    readonly sessionAffinityConfig?: ServiceSpec['sessionAffinityConfig'];
  };
  readonly status?: { readonly clusters?: readonly { readonly cluster: string }[] };
}

/** A Service as its cluster gives it to the others. */
export interface ExportedService {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339: of two that do not agree the older one counts. */
  readonly created: string;
  readonly type: 'ClusterSetIP' | 'Headless';
  readonly ports: readonly ServicePort[];
  readonly sessionAffinity: string;
  readonly sessionAffinityConfig?: ServiceSpec['sessionAffinityConfig'];
  readonly slices: readonly Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>[];
}

/** What a cluster knows of another one: its line there, and what it exports. */
export interface ClusterPeer extends KubeObject {
  readonly spec: {
    /** The name of the cluster that knows, and its router's host. */
    readonly own: string;
    readonly ownRouter: string;
    /** The other's router's host, and the addresses of both ends of the line. */
    readonly router: string;
    readonly ownAddress: string;
    readonly address: string;
    /** Ranges that are reached over the line, as `172.31.0.0/16`. */
    readonly ranges: readonly string[];
    readonly exports: readonly ExportedService[];
  };
}

const port = struct('A port.', {
  name: text('Its name.'),
  protocol: choice('Protocol; TCP when absent.', ['SCTP', 'TCP', 'UDP']),
  port: { type: 'integer', description: 'Number.' },
  appProtocol: text('What is spoken on top.'),
});

const serviceExport = defineKind<ServiceExport>({
  apiVersion: MCS_VERSION,
  kind: 'ServiceExport',
  plural: 'serviceexports',
  singular: 'serviceexport',
  shortNames: ['svcex'],
  namespaced: true,
  schema: kindSchema('The Service of the same name and namespace is for all clusters of the set.', {
    spec: struct('What of it is taken over.', {
      exportedLabels: { ...textMap('Labels of the import.'), notSimulated: true },
      exportedAnnotations: { ...textMap('Annotations of the import.'), notSimulated: true },
    }),
    status: anything('What the controller reports.'),
  }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: 'exported to the set of clusters' }),
});

const serviceImport = defineKind<ServiceImport>({
  apiVersion: MCS_VERSION,
  kind: 'ServiceImport',
  plural: 'serviceimports',
  singular: 'serviceimport',
  shortNames: ['svcim'],
  namespaced: true,
  schema: kindSchema('A Service of the set of clusters: <name>.<namespace>.svc.clusterset.local. Written by the controller from all exports of that name.', {
    spec: struct('What it is.', {
      type: choice('ClusterSetIP has an address, Headless only its endpoints.', ['ClusterSetIP', 'Headless']),
      ports: list('Ports of all exports.', port),
      ips: texts('Its addresses in this cluster.'),
      ipFamilies: texts('Families of its addresses.'),
      sessionAffinity: text('ClientIP: a client stays with its endpoint.'),
      sessionAffinityConfig: anything('How long.'),
      internalTrafficPolicy: text('As of a Service.'),
      trafficDistribution: text('As of a Service.'),
    }),
    status: anything('The clusters that export it.'),
  }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'TYPE', priority: 0 },
    { name: 'IP', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.spec?.type ?? '',
    object.spec?.ips === undefined || object.spec.ips.length === 0 ? '' : JSON.stringify(object.spec.ips),
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.type ?? '' }),
});

const clusterPeer = defineKind<ClusterPeer>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'ClusterPeer',
  plural: 'clusterpeers',
  singular: 'clusterpeer',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('What a cluster knows of another one: written by the set of clusters.', { spec: anything('Its line there, its ranges and its exports.') }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'RANGES', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec.ranges.join(','), context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec.ranges.join(', ') }),
});

export const multiclusterKinds: readonly Kind[] = [serviceExport, serviceImport];
/** Of our own, beside those of the machines. */
export const clusterPeerKind: Kind = clusterPeer;
