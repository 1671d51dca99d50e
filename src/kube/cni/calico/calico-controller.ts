/** What calico-node does to the API when it starts on a node, and what calico-kube-controllers clean up. Calico v3.30: node/pkg/lifecycle/startup, node/pkg/allocateip, kube-controllers/pkg/controllers/node */
import { sha1 } from '../../../base/sha1.ts';
import { defineController } from '../../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { formatCidr } from '../../addresses.ts';
import { clusterSettings } from '../../node/cluster-config.ts';
import { underlayOf } from '../../node/cluster-network.ts';
import { internalIp, type Node } from '../../node/types.ts';
import { containerEnvironment } from '../../pod/environment.ts';
import { sandboxId } from '../../pod/identity.ts';
import { isFinished, namespaceOf, type Pod } from '../../pod/types.ts';
import { daemonNodes, daemonsOf, isDaemon } from '../daemons.ts';
import { affinityName, CalicoAllocator, released } from './ipam.ts';
import { CALICO, CALICO_VERSION, calicoSettings, NODE_ADDRESS, type Pool, TUNNEL_ADDRESS, VXLAN_MAC } from './settings.ts';
import type { BlockAttribute, IpamBlock } from './types.ts';

const V3 = 'projectcalico.org/v3';
const CLUSTER: ObjectKey = 'ClusterInformation/default';

/** What becomes of each address that is given away. */
export const podHandle = (pod: Pod): string => `k8s-pod-network.${sandboxId(pod.metadata.uid ?? '')}`;

export function podAttribute(pod: Pod, timestamp: string): BlockAttribute {
  return {
    handle_id: podHandle(pod),
    secondary: { namespace: namespaceOf(pod), node: pod.spec.nodeName ?? '', pod: pod.metadata.name, timestamp },
  };
}

function tunnelAttribute(node: string, tunnel: 'ipip' | 'vxlan'): BlockAttribute {
  return { handle_id: `${tunnel}-tunnel-addr-${node}`, secondary: { node, type: `${tunnel}TunnelAddress` } };
}

/** The device's MAC is made of the node's name. Calico: felix/dataplane/linux/vxlan_mgr.go, parseMacForIPVersion */
export const vxlanMac = (node: string): string => `66:${(sha1(node).slice(0, 10).match(/../g) ?? []).join(':')}`;

/** Writes blocks, and to whom new ones belong. */
export function writeBlocks(blocks: readonly IpamBlock[], context: ControllerContext): void {
  for (const block of blocks) {
    const live = context.view.find<IpamBlock>(`IPAMBlock/${block.metadata.name}`);
    if (live !== undefined) {
      context.update({ ...live, spec: block.spec } as KubeObject);
      continue;
    }
    const node = (block.spec.affinity ?? '').replace(/^host:/, '');
    context.create({
      apiVersion: 'crd.projectcalico.org/v1',
      kind: 'BlockAffinity',
      metadata: { name: affinityName(node, block.spec.cidr) },
      spec: { cidr: block.spec.cidr, node, state: 'confirmed', deleted: 'false' },
    } as KubeObject);
    context.create(block);
  }
}

/** Calico: node/pkg/lifecycle/startup/startup.go, configureIPPools, ensureDefaultConfig */
function initialise(context: ControllerContext): void {
  const { view } = context;
  const [daemon] = daemonsOf(CALICO, view).values();
  const container = daemon?.pod.spec.containers.find((one) => one.name === 'calico-node');
  const environment: Readonly<Record<string, string>> =
    daemon === undefined || container === undefined ? {} : Object.fromEntries(containerEnvironment(daemon.pod, container, view));
  const create = (kind: string, name: string, spec: unknown): void => {
    if (view.find(`${kind}/${name}`) === undefined) context.create({ apiVersion: V3, kind, metadata: { name }, spec } as KubeObject);
  };
  if (view.list('IPPool').length === 0 && environment.NO_DEFAULT_POOLS !== 'true') {
    const settings = clusterSettings(view);
    const cidr = environment.CALICO_IPV4POOL_CIDR ?? (settings.podCidr === undefined ? '192.168.0.0/16' : formatCidr(settings.podCidr));
    create('IPPool', 'default-ipv4-ippool', {
      cidr,
      blockSize: Number(environment.CALICO_IPV4POOL_BLOCK_SIZE ?? 26),
      ipipMode: environment.CALICO_IPV4POOL_IPIP ?? 'Never',
      vxlanMode: environment.CALICO_IPV4POOL_VXLAN ?? 'Never',
      natOutgoing: (environment.CALICO_IPV4POOL_NAT_OUTGOING ?? 'true') === 'true',
      nodeSelector: environment.CALICO_IPV4POOL_NODE_SELECTOR ?? 'all()',
      allowedUses: ['Workload', 'Tunnel'],
    });
  }
  create('FelixConfiguration', 'default', { reportingInterval: '0s' });
  create('Tier', 'adminnetworkpolicy', { order: 1000, defaultAction: 'Pass' });
  create('Tier', 'kube-admin', { order: 1000, defaultAction: 'Pass' });
  create('Tier', 'default', { order: 1_000_000, defaultAction: 'Deny' });
  create('Tier', 'kube-baseline', { order: 10_000_000, defaultAction: 'Pass' });
  create('Tier', 'baselineadminnetworkpolicy', { order: 10_000_000, defaultAction: 'Pass' });
  create('ClusterInformation', 'default', {
    calicoVersion: CALICO_VERSION,
    clusterType: `k8s,${calicoSettings(view).backend === 'bird' ? 'bgp,' : ''}kdd`,
    datastoreReady: true,
  });
}

/** The node's address and the ends of its tunnels, as annotations of its Node. */
function startOn(node: Node, context: ControllerContext): void {
  const { view } = context;
  const name = node.metadata.name;
  const ip = internalIp(node);
  if (ip === undefined || ip.includes(':')) return;
  const { pools, tunnels } = calicoSettings(view);
  const old = node.metadata.annotations ?? {};
  const annotations: Record<string, string> = { ...old, [NODE_ADDRESS]: `${ip}/${underlayOf(view).prefixLength}` };
  for (const tunnel of ['ipip', 'vxlan'] as const) {
    const wanted = tunnels.includes(tunnel);
    const present = old[TUNNEL_ADDRESS[tunnel]];
    if (wanted && (present === undefined || !isIn(present, pools, tunnel))) {
      const allocator = new CalicoAllocator(
        node,
        pools.filter((pool) => pool.tunnel === tunnel),
        view,
      );
      const address = allocator.assign(tunnelAttribute(name, tunnel), 'Tunnel');
      if (address === undefined) continue;
      writeBlocks(allocator.changed, context);
      annotations[TUNNEL_ADDRESS[tunnel]] = address;
    } else if (!wanted) delete annotations[TUNNEL_ADDRESS[tunnel]];
  }
  if (annotations[TUNNEL_ADDRESS.vxlan] === undefined) delete annotations[VXLAN_MAC];
  else annotations[VXLAN_MAC] = vxlanMac(name);
  context.update({ ...node, metadata: { ...node.metadata, annotations } });
}

function isIn(ip: string, pools: readonly Pool[], tunnel: string): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  return pools.some((pool) => pool.tunnel === tunnel && !pool.disabled && number >= pool.range.base && number < pool.range.base + pool.range.size);
}

/** Addresses go back when their pods have ended, and those of tunnels that are no more. */
function release(block: IpamBlock, context: ControllerContext): void {
  const { view } = context;
  const left = released(block, ({ handle_id, secondary }, ip) => {
    const node = view.find<Node>(`Node/${secondary.node}`);
    if (secondary.pod === undefined) return node === undefined || !Object.values(TUNNEL_ADDRESS).some((name) => node.metadata.annotations?.[name] === ip);
    const pod = view.find<Pod>(`Pod/${secondary.namespace ?? ''}/${secondary.pod}`);
    return pod === undefined || podHandle(pod) !== handle_id || isFinished(pod);
  });
  if (left !== block) context.update(left);
}

const blockKeys = (node: string, view: StoreView): readonly ObjectKey[] =>
  view
    .list<IpamBlock>('IPAMBlock')
    .filter(({ spec }) => spec.affinity === `host:${node}` || spec.attributes.some((one) => one.secondary.node === node))
    .map((block): ObjectKey => `IPAMBlock/${block.metadata.name}`);

export const calicoController = defineController({
  name: 'calico-node',
  watches: ['Pod', 'Node', 'IPPool'],
  keysFor(changed, view) {
    const running = daemonNodes(CALICO, view);
    if (running.length === 0 && !(changed.kind === 'Pod' && isDaemon(changed as Pod, CALICO))) return [];
    const all = (): ObjectKey[] => [CLUSTER, ...running.map((name): ObjectKey => `Node/${name}`)];
    if (changed.kind === 'IPPool') return all();
    if (changed.kind === 'Node') return [`Node/${changed.metadata.name}`, ...blockKeys(changed.metadata.name, view)];
    const pod = changed as Pod;
    return isDaemon(pod, CALICO) ? all() : blockKeys(pod.spec.nodeName ?? '', view);
  },
  reconcile(key, context) {
    const { view } = context;
    if (daemonNodes(CALICO, view).length === 0) return;
    if (key === CLUSTER) {
      initialise(context);
      return;
    }
    if (key.startsWith('IPAMBlock/')) {
      const block = view.find<IpamBlock>(key);
      if (block !== undefined) release(block, context);
      return;
    }
    const node = view.find<Node>(key);
    if (node !== undefined && daemonsOf(CALICO, view).get(node.metadata.name)?.running === true) startOn(node, context);
  },
});
