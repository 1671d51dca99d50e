/** The kind ControlPlane: how fast the parts of the control plane hear of changes, and what those that have no setting for it do with open connections. Ours, not Kubernetes'. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject } from '../../objects/types.ts';
import { invalid } from '../field-errors.ts';
import { choice, kindSchema, mapOf, struct, text } from '../schema.ts';

export interface ControlPlane extends KubeObject {
  readonly spec?: {
    readonly watchLatency?: Readonly<Record<string, string>>;
    readonly openConnections?: 'Keep' | 'Cut';
  };
}

const durationPattern = /^\d{1,9}(\.\d{1,9})?(ns|us|ms|s)$/;

export const controlPlane = defineKind<ControlPlane>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'ControlPlane',
  plural: 'controlplanes',
  singular: 'controlplane',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('How fast the parts of the control plane hear of changes.', {
    spec: struct('Its properties.', {
      watchLatency: mapOf(
        'Time from a change to the component that watches it, such as kube-proxy: 3s. Names: kube-proxy, kubelet, kube-scheduler, coredns, deployment-controller, replicaset-controller, endpointslice-controller and the other controllers. Without an entry it hears at once.',
        text('A time such as 500ms or 3s.'),
      ),
      openConnections: choice(
        'What kindnet and Calico do with open connections that a changed policy no longer allows. Keep, as they really do (and when absent). Cut: they leave the connection table, as by conntrack -D.',
        ['Keep', 'Cut'],
      ),
    }),
  }),
  validate: (object) =>
    Object.entries(object.spec?.watchLatency ?? {}).flatMap(([name, time]) =>
      durationPattern.test(time) ? [] : [invalid(`spec.watchLatency[${name}]`, time, 'must be a time such as 200us, 1ms or 2s')],
    ),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'LATENCIES', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    Object.entries(object.spec?.watchLatency ?? {})
      .map(([name, time]) => `${name}=${time}`)
      .join(',') || '<none>',
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name }),
});
