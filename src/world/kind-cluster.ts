/** What `kind create cluster` installs besides the nodes: its CNI, and the DNS that kubeadm brings. kind: pkg/cluster/internal/create/actions/installcni, images/kindnetd */
import type { KubeObject } from '../objects/types.ts';
import type { AdmittedObject } from './admit.ts';

interface KindClusterLike extends KubeObject {
  readonly networking?: { readonly disableDefaultCNI?: boolean };
}

const isKindCluster = ({ object }: AdmittedObject): boolean => object.kind === 'Cluster' && object.apiVersion.startsWith('kind.x-k8s.io/');
/** A CNI of the reader's own: two would fight for `/etc/cni/net.d`. */
const isCni = ({ object }: AdmittedObject): boolean => object.kind === 'DaemonSet' && /flannel|cilium|calico|kindnet/.test(object.metadata.name);

const kindnetDaemonSet = (): KubeObject => {
  const labels = { tier: 'node', app: 'kindnet', 'k8s-app': 'kindnet' };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kindnet', namespace: 'kube-system', labels },
    spec: {
      selector: { matchLabels: { app: 'kindnet' } },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [{ operator: 'Exists' }],
          serviceAccountName: 'kindnet',
          containers: [
            {
              name: 'kindnet-cni',
              image: 'docker.io/kindest/kindnetd:v20250512-df8de77b',
              env: ['HOST_IP:status.hostIP', 'POD_IP:status.podIP'].map((one) => ({
                name: one.slice(0, one.indexOf(':')),
                valueFrom: { fieldRef: { fieldPath: one.slice(one.indexOf(':') + 1) } },
              })),
            },
          ],
        },
      },
    },
  } as KubeObject;
};

/** Objects that kind adds to the files' own, with the cluster's description as their source; `base` brings CoreDNS. Empty where the files describe no kind cluster. */
export function kindAddOns(objects: readonly AdmittedObject[], base: () => readonly AdmittedObject[]): readonly AdmittedObject[] {
  const cluster = objects.find(isKindCluster);
  if (cluster === undefined) return [];
  const own = new Set(objects.map((one) => one.key));
  const added: AdmittedObject[] = base().filter((one) => /(?:coredns|kube-dns)/.test(one.object.metadata.name) && !own.has(one.key));
  const wantsCni = (cluster.object as KindClusterLike).networking?.disableDefaultCNI !== true && !objects.some(isCni);
  if (wantsCni) {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'kindnet', namespace: 'kube-system' } };
    added.push({ key: 'ServiceAccount/kube-system/kindnet', object: account, source: cluster.source });
    added.push({ key: 'DaemonSet/kube-system/kindnet', object: kindnetDaemonSet(), source: cluster.source });
  }
  return added;
}
