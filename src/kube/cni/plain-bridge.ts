/** No CNI that we know: pods that already have addresses (a dump of a real cluster) are put on a bridge, and nothing joins the nodes. */
import { underlayOf } from '../node/cluster-network.ts';
import type { Bridge } from './bridge.ts';
import { attachToBridge, makeBridge, renderBridge } from './bridge.ts';
import type { CniSite } from './cni.ts';
import { defineCni } from './cni.ts';

function bridgeOf(site: CniSite): Bridge | undefined {
  return makeBridge({
    nodeName: site.node.name,
    podCidr: site.node.podCidr ?? '',
    podCidr6: site.node.podCidr6,
    mtuBytes: underlayOf(site.view).mtuBytes,
    hairpin: true,
    defaultGateway: true,
    origin: { component: 'cni-bridge', objects: [site.node.key] },
  });
}

export const plainBridge = defineCni({
  name: 'bridge',
  configKeys: [],
  renderNode: () => ({ records: [] }),
  jumps: () => [],
  renderPodNetwork(site) {
    const bridge = bridgeOf(site);
    return bridge === undefined ? [] : renderBridge(bridge);
  },
  attach(site, pod) {
    const bridge = bridgeOf(site);
    return bridge === undefined ? [] : attachToBridge(pod, bridge);
  },
});
