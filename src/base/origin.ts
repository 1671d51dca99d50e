/** Where a thing in the network comes from: the component that wrote it and the objects it was written for. */

/** `Kind/namespace/name`, or `Kind/name` for cluster-scoped kinds, e.g. `Service/default/web-service`, `Node/node01`. */
export type ObjectKey = string;

export interface Origin {
  /** The program that would have written this on a real machine: `kube-proxy`, `flannel`, `kubelet`, `kernel`, `user` … */
  readonly component: string;
  /** The objects whose text caused it, the most specific first; empty where no YAML is behind it. */
  readonly objects: readonly ObjectKey[];
}
