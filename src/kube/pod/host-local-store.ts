/** The kind HostLocalStore: what CNI plugins remember on a node's disk, which Kubernetes itself has no object for. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { kindSchema, struct, text, textMap, texts } from '../schema.ts';

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
    /** The CNI whose daemon came up on the node last. */
    readonly network?: string;
    /** Files that daemons have installed in /etc/cni/net.d, by name. */
    readonly netConfs?: Readonly<Record<string, string>>;
    /** IPv4 addresses of bridges that a plugin has made, `10.244.1.1/24` by the bridge's name: the kernel keeps them until somebody deletes the bridge. */
    readonly bridges?: Readonly<Record<string, string>>;
  };
}

/** The CNI whose daemon has been on this node, if it left anything. */
export const lastNetwork = (node: string, view: StoreView): string | undefined => view.find<HostLocalStore>(`HostLocalStore/${node}`)?.spec?.network;

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
      network: text('The CNI that came up here last.'),
      netConfs: textMap('Files that daemons have installed in /etc/cni/net.d, by name.'),
      bridges: textMap('Addresses of bridges that a plugin has made, by name.'),
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
