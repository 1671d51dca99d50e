/** The kind HostLocalStore: what CNI plugins remember on a node's disk, which Kubernetes itself has no object for. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject } from '../../objects/types.ts';
import { kindSchema, struct, text, texts } from '../schema.ts';

/** Named after its node. */
export interface HostLocalStore extends KubeObject {
  readonly spec?: {
    readonly lastReservedIp?: string;
    /** Of the second range, in the file `last_reserved_ip.1`. */
    readonly lastReservedIp2?: string;
    /** Addresses whose files somebody has removed: given out again although a pod has them. */
    readonly forgotten?: readonly string[];
    /** The file /run/flannel/subnet.env. */
    readonly subnetEnv?: string;
  };
}

export const hostLocalStore = defineKind<HostLocalStore>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'HostLocalStore',
  plural: 'hostlocalstores',
  singular: 'hostlocalstore',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('The file /var/lib/cni/networks/cbr0/last_reserved_ip.0 of a node: new pods get the address after this one.', {
    spec: struct('Content.', {
      lastReservedIp: text('The address given last.'),
      lastReservedIp2: text('… of the second range.'),
      forgotten: texts('Addresses whose files have been removed.'),
      subnetEnv: text('The file /run/flannel/subnet.env.'),
    }),
  }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'LAST-RESERVED', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec?.lastReservedIp ?? '<none>', context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.lastReservedIp ?? '' }),
});
