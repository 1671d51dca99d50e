/** Nodes, Namespaces and the documents that describe the cluster itself. */
import type { KubeObject } from '../../objects/types.ts';
import { type Condition, findCondition } from '../pod/types.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}
export interface NodeAddress {
  readonly type: string;
  readonly address: string;
}
export interface NodeSystemInfo {
  readonly kubeletVersion?: string;
  readonly kubeProxyVersion?: string;
  readonly osImage?: string;
  readonly kernelVersion?: string;
  readonly containerRuntimeVersion?: string;
  readonly operatingSystem?: string;
  readonly architecture?: string;
  readonly [name: string]: unknown;
}
export interface Node extends KubeObject {
  readonly spec?: {
    readonly podCIDR?: string;
    readonly podCIDRs?: readonly string[];
    readonly taints?: readonly Taint[];
    readonly unschedulable?: boolean;
    readonly providerID?: string;
  };
  readonly status?: {
    readonly addresses?: readonly NodeAddress[];
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
    readonly nodeInfo?: NodeSystemInfo;
  };
}
export interface Namespace extends KubeObject {
  readonly status?: { readonly phase?: string };
}

export const internalIp = (node: Node): string | undefined => node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address;
export const podCidrOf = (node: Node): string | undefined => node.spec?.podCIDR ?? node.spec?.podCIDRs?.[0];
export const isNodeReady = (node: Node): boolean => findCondition(node.status?.conditions, 'Ready')?.status === 'True';
export const isControlPlane = (node: Node): boolean => {
  const labels = node.metadata.labels ?? {};
  return Object.hasOwn(labels, 'node-role.kubernetes.io/control-plane') || Object.hasOwn(labels, 'node-role.kubernetes.io/master');
};
