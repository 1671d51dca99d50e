/** No CNI that we know: pods that already have addresses (a dump of a real cluster) are put on a bridge, and nothing joins the nodes. */
import { underlayOf } from '../node/cluster-network.ts';
import type { BridgeOptions } from './bridge.ts';
import { attachToBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';

const optionsFor = (site: CniSite): BridgeOptions => ({
  nodeName: site.node.name,
  podCidr: site.node.podCidr ?? '',
  mtuBytes: underlayOf(site.view).mtuBytes,
  hairpin: true,
  defaultGateway: true,
  origin: { component: 'cni-bridge', objects: [site.node.key] },
});

export const plainBridge = defineCni({
  name: 'bridge',
  configKeys: [],
  renderNode: () => ({ records: [] }),
  jumps: () => [],
  renderPodNetwork: (site) => renderBridge(optionsFor(site)),
  attach: (site, pod) => attachToBridge(pod, optionsFor(site)),
});
