/** The kubeconfig of this terminal: clusters, users and contexts, kept in the shell's state. Kubernetes: client-go/tools/clientcmd/api/types.go */

export interface KubeContext {
  readonly cluster: string;
  readonly user: string;
  /** '': default */
  readonly namespace: string;
}

export interface KubeConfig {
  /** Fields as they are written, `server` among them. */
  readonly clusters: Map<string, Readonly<Record<string, string | boolean>>>;
  readonly users: Map<string, Readonly<Record<string, string>>>;
  readonly contexts: Map<string, KubeContext>;
  /** '' when none is chosen. */
  current: string;
}

export const ADMIN_CONTEXT = 'kubernetes-admin@kubernetes';
/** Where kubectl says that it is kept. */
export const KUBECONFIG_PATH = '/root/.kube/config';
/** What each of its tables holds at most. */
export const MAX_ENTRIES = 200;

/** As kubeadm writes it. The cluster's `server` is the control plane's address, which the world knows. */
export const adminConfig = (): KubeConfig => ({
  clusters: new Map([['kubernetes', {}]]),
  users: new Map([['kubernetes-admin', { 'client-certificate-data': 'DATA', 'client-key-data': 'DATA' }]]),
  contexts: new Map([[ADMIN_CONTEXT, { cluster: 'kubernetes', user: 'kubernetes-admin', namespace: '' }]]),
  current: ADMIN_CONTEXT,
});

export const namespaceOfContext = (config: KubeConfig, name = config.current): string => config.contexts.get(name)?.namespace || 'default';
