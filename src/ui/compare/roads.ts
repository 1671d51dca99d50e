/** The roads between nodes that can be laid beside each other: the article's cluster with another network each, or worlds of their own. */
import type { Action } from '../../world/actions/action-views.ts';
import type { WorldDocument } from '../../world/document.ts';
import { findExample } from '../state/examples.ts';
import { loadExample, scenarioWorlds } from '../state/scenario-worlds.ts';

export interface Road {
  readonly id: string;
  readonly title: string;
  /** What stands above it in a list of roads. */
  readonly group: 'The article’s cluster' | 'Worlds of their own' | 'This world';
  /** Undefined when its files cannot be fetched. */
  load(): Promise<WorldDocument | undefined>;
}

/** The article's cluster with another text of flannel's file. */
function article(change: (flannel: string) => string): WorldDocument | undefined {
  const world = findExample('article');
  return world === undefined
    ? undefined
    : { ...world, files: world.files.map((file) => (file.path === 'flannel.yaml' ? { ...file, text: change(file.text) } : file)) };
}

const backend =
  (type: string, more = '') =>
  (text: string) =>
    text.replace(/"Type": "vxlan"/, `"Type": "${type}"${more}`);

/** No CNI's daemon: a file of /etc/cni/net.d for each node, and an underlay that knows where pods are. */
const PTP = `${[
  ['controlplane', '10.244.0.0/24'],
  ['node01', '10.244.1.0/24'],
]
  .map(
    ([node, subnet]) => `apiVersion: kubehop.dev/v1alpha1
kind: CniConfig
metadata: {name: ptp-${node}}
spec:
  nodes: [${node}]
  files:
    10-ptp.conflist: |
      {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
          {
            "type": "ptp",
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "${subnet}"}]], "routes": [{"dst": "0.0.0.0/0"}]}
          },
          {"type": "portmap", "capabilities": {"portMappings": true}}
        ]
      }
---
`,
  )
  .join('')}apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec:
  cidr: 172.30.0.0/16
  routes:
    - {destination: 10.244.0.0/24, gateway: 172.30.1.2}
    - {destination: 10.244.1.0/24, gateway: 172.30.2.2}
`;

const flannel = (id: string, title: string, change: (text: string) => string): Road => ({
  id,
  title,
  group: 'The article’s cluster',
  load: async () => article(change),
});

/** `own`: the world on the page. Built-in worlds of other CNIs come behind, where there are some. */
export function roadsBeside(own: WorldDocument | undefined): readonly Road[] {
  return [
    flannel('vxlan', 'flannel, VXLAN', (text) => text),
    flannel('host-gw', 'flannel, host-gw', backend('host-gw')),
    flannel('wireguard', 'flannel, WireGuard', backend('wireguard')),
    flannel('ipip', 'flannel, IPIP', backend('ipip')),
    flannel('direct', 'flannel, VXLAN with DirectRouting', backend('vxlan', ', "DirectRouting": true')),
    flannel('ptp', 'ptp and the router’s routes', () => PTP),
    ...(['cilium', 'calico'] as const)
      .filter((name) => scenarioWorlds.includes(name))
      .map((name): Road => ({ id: name, title: name === 'cilium' ? 'Cilium' : 'Calico', group: 'Worlds of their own', load: () => loadExample(name) })),
    ...(own === undefined ? [] : [{ id: 'own', title: 'this world', group: 'This world' as const, load: async () => own }]),
  ];
}

/** The world on the page with another pod network, for each way that its texts can have. */
export function waysOf(own: WorldDocument, actions: readonly Action[]): readonly Road[] {
  return actions.flatMap(({ title, edit }): Road[] => {
    if (edit === undefined) return [];
    const others = own.files.filter((file) => file.path !== edit.file);
    // What was typed was typed into the other network.
    const document: WorldDocument = { ...own, files: [...others, { path: edit.file, text: edit.after }], inputs: [] };
    return [{ id: `own ${title}`, title: `this world with ${title}`, group: 'This world', load: async () => document }];
  });
}
