/** The kinds of several clusters: what one exports, what a set of them imports, and what one knows of another. Multi-Cluster Services API v1alpha1 (KEP-1645). */
import { defineKind } from '../../objects/define.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Condition } from '../pod/types.ts';
import { anything, kindSchema, notSimulated, struct, textMap } from '../schema.ts';
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

const name = { name: 'NAME', priority: 0 } as const;
const age = { name: 'AGE', priority: 0 } as const;

const serviceExport = defineKind<ServiceExport>({
  apiVersion: MCS_VERSION,
  kind: 'ServiceExport',
  plural: 'serviceexports',
  singular: 'serviceexport',
  shortNames: ['svcex'],
  namespaced: true,
  schema: kindSchema('The Service of the same name is for all clusters of the set.', {
    spec: struct('What is taken over.', { exportedLabels: notSimulated(textMap('Labels.')), exportedAnnotations: notSimulated(textMap('Annotations.')) }),
    status: anything('What the controller reports.'),
  }),
  columns: [name, age],
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
  schema: kindSchema('A Service of the set of clusters, made from all exports of its name: <name>.<namespace>.svc.clusterset.local.', {
    spec: anything('Type (ClusterSetIP, Headless), ports, ips and session affinity.'),
    status: anything('The clusters that export it.'),
  }),
  columns: [name, { name: 'TYPE', priority: 0 }, { name: 'IP', priority: 0 }, age],
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
  schema: kindSchema('What a cluster knows of another one.', { spec: anything('Line, ranges, exports.') }),
  columns: [name, age],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name }),
});

export const multiclusterKinds: readonly Kind[] = [serviceExport, serviceImport];
/** Of our own, beside those of the machines. */
export const clusterPeerKind: Kind = clusterPeer;
