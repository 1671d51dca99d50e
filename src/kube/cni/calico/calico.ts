/** Calico as a CNI: no bridge; each pod's wire ends on its node in a device that answers ARP for everything, behind a route to this pod alone. Calico v3.30: cni-plugin/pkg/dataplane/linux, felix/dataplane/linux/endpoint_mgr.go */
import type { Origin } from '../../../base/origin.ts';
import { ip4 } from '../../../net/addr/ip4.ts';
import type { NetRecord, Route, VethDevice } from '../../../net/records.ts';
import type { StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { parseCidr } from '../../addresses.ts';
import { gatewayRoute } from '../../node/devices.ts';
import { macFromName } from '../../node/mac.ts';
import { podsOn } from '../../node/pods-by-node.ts';
import { deviceId, rootNetnsId } from '../../node/record-ids.ts';
import { hasSandbox } from '../../pod/running.ts';
import { type CniSite, defineCni, type PodSite } from '../cni.ts';
import { hostDeviceOf } from './device-name.ts';
import { jumpsOfFelix } from './felix-jumps.ts';
import { blocksByName } from './ipam.ts';
import { CALICO, CALICO_KEYS, NODE_ADDRESS, nodeAnnotation, podMtu } from './settings.ts';

/** Nobody has this address: the node's end of the wire answers for it, as for any other. */
export const GATEWAY = '169.254.1.1';
/** The same on every node, so that nobody need learn it. */
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
/** Behind the card and the tunnels. */
const FIRST_INDEX = 6;

/** The place of an address among those of its node's blocks: no two pods of a node have one. */
function deviceIndex(ip: string, node: string, view: StoreView): number {
  const number = ip4(ip) >>> 0;
  let before = 0;
  for (const { spec } of blocksByName(view).values()) {
    if (spec.affinity !== `host:${node}`) continue;
    const range = parseCidr(spec.cidr);
    if (range !== undefined && number >= range.base && number < range.base + range.size) return FIRST_INDEX + before + number - range.base;
    before += range?.size ?? 0;
  }
  // Borrowed.
  return FIRST_INDEX + 0x10000 + (number & 0xffffff);
}

function linkRoute(netns: string, destination: string, device: string, origin: Origin): Route {
  const { gateway: _, ...route } = gatewayRoute(netns, destination, '', device, origin);
  return { ...route, scope: 'link' };
}

function attach(site: CniSite, pod: PodSite): NetRecord[] {
  // Endpoints have IPv4 addresses only.
  if (pod.ip === '') return [];
  const key = objectKey(pod.pod);
  const root = rootNetnsId(site.node.name);
  const name = hostDeviceOf(pod.pod);
  const [hostId, podId] = [deviceId(root, name), deviceId(pod.netns, 'eth0')];
  const plugin: Origin = { component: 'cni-calico', objects: [key, site.node.key] };
  const felix: Origin = { component: 'felix', objects: [key, site.node.key] };
  const veth = (id: string, netns: string, device: string, peer: string, index: number, mac: string, ip?: string): VethDevice => ({
    kind: 'device',
    id,
    origin: plugin,
    netns,
    name: device,
    index,
    mac,
    mtuBytes: podMtu(site.node, site.view),
    up: true,
    addresses: ip === undefined ? [] : [{ ip, prefixLength: 32, scope: 'global' }],
    type: 'veth',
    peer,
  });
  return [
    veth(podId, pod.netns, 'eth0', hostId, 2, macFromName(podId), pod.ip),
    veth(hostId, root, name, podId, deviceIndex(pod.ip, site.node.name, site.view), HOST_MAC),
    linkRoute(pod.netns, `${GATEWAY}/32`, 'eth0', plugin),
    gatewayRoute(pod.netns, '0.0.0.0/0', GATEWAY, 'eth0', plugin),
    linkRoute(root, `${pod.ip}/32`, name, felix),
  ];
}

/** What the init container install-cni writes into /etc/cni/net.d. Calico: manifests/calico.yaml, cni_network_config */
const netConfText = (node: string): string => `{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "log_file_path": "/var/log/calico/cni/cni.log",
      "datastore_type": "kubernetes",
      "nodename": "${node}",
      "mtu": 0,
      "ipam": {
          "type": "calico-ipam"
      },
      "policy": {
          "type": "k8s"
      },
      "kubernetes": {
          "kubeconfig": "/etc/cni/net.d/calico-kubeconfig"
      }
    },
    {
      "type": "portmap",
      "snat": true,
      "capabilities": {"portMappings": true}
    },
    {
      "type": "bandwidth",
      "capabilities": {"bandwidth": true}
    }
  ]
}
`;

export const calico = defineCni({
  name: CALICO,
  role: CALICO,
  configKeys: CALICO_KEYS,
  remains: (node, view) => nodeAnnotation(node, NODE_ADDRESS, view) !== undefined,
  // calico-node has told its name: the plugin finds /var/lib/calico/nodename.
  isReady: (node, view) => nodeAnnotation(node, NODE_ADDRESS, view) !== undefined,
  netConf: (site, { running }) => (running ? { name: '10-calico.conflist', text: netConfText(site.node.name) } : undefined),
  /** Calico: felix/dataplane/linux/endpoint_mgr.go, configureInterface */
  podSysctls(node, view) {
    const settings: Record<string, number> = {};
    for (const pod of podsOn(view, node)) {
      if (pod.spec.hostNetwork === true || !hasSandbox(pod)) continue;
      const device = hostDeviceOf(pod);
      settings[`net.ipv4.conf.${device}.route_localnet`] = 1;
      settings[`net.ipv4.neigh.${device}.proxy_delay`] = 0;
      settings[`net.ipv4.conf.${device}.proxy_arp`] = 1;
      settings[`net.ipv4.conf.${device}.forwarding`] = 1;
    }
    return settings;
  },
  portmap: () => ({ network: 'k8s-pod-network', snat: true, masqAll: false, markBit: 13 }),
  // All that is not a pod's is written by its agent.
  renderNode: () => ({ records: [] }),
  jumps: (site) => jumpsOfFelix(site.view),
  renderPodNetwork: () => [],
  attach,
});
