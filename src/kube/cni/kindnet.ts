/** kindnet, the CNI of kind's clusters: the ptp plugin's /32 wires without a bridge, a route to each other node's range, and a chain that keeps pod traffic from being masqueraded. kind: images/kindnetd; CNI: plugins/main/ptp/ptp.go */
import type { Origin } from '../../base/origin.ts';
import type { Chain, Route } from '../../net/records.ts';
import { objectKey } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { type ClusterNode, listNodes, underlayOf } from '../node/cluster-network.ts';
import { gatewayRoute } from '../node/devices.ts';
import { chainId, rootNetnsId } from '../node/record-ids.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import { type CniSite, defineCni } from './cni.ts';
import { attachPtp } from './ptp.ts';

const NAME = 'kindnet';
const MASQ_CHAIN = 'KIND-MASQ-AGENT';
const local = '-m comment --comment "kind-masq-agent: local traffic is not subject to MASQUERADE"';
const outbound = '-m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)"';
const jump = `-m comment --comment "kind-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom ${MASQ_CHAIN} chain"`;

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;
const originOf = (site: CniSite): Origin => ({ component: NAME, objects: [site.node.key, ...(site.daemon === undefined ? [] : [objectKey(site.daemon)])] });

/** The ranges whose traffic is not masqueraded, kindnetd's POD_SUBNET. */
function podRanges(site: CniSite): { readonly four: string | undefined; readonly six: string | undefined } {
  const { podCidr, podCidr6 } = clusterSettings(site.view);
  return { four: podCidr === undefined ? undefined : formatCidr(podCidr), six: podCidr6 };
}

/** Every other node's range by that node's address: kindnetd asks the API server for Nodes and does not care what runs on them. */
function nodeRoutes(site: CniSite): Route[] {
  const netns = rootNetnsId(site.node.name);
  return listNodes(site.view).flatMap((other: ClusterNode) => {
    if (other.name === site.node.name) return [];
    const origin: Origin = { component: NAME, objects: [other.key, ...originOf(site).objects] };
    return [
      ...(other.podCidr === undefined || other.ip === undefined ? [] : [gatewayRoute(netns, other.podCidr, other.ip, 'eth0', origin)]),
      ...(other.podCidr6 === undefined || other.ip6 === undefined ? [] : [gatewayRoute(netns, other.podCidr6, other.ip6, 'eth0', origin)]),
    ];
  });
}

function masqueradeChain(site: CniSite, range: string, family: Chain['family']): Chain {
  const netns = rootNetnsId(site.node.name);
  return {
    kind: 'chain',
    id: chainId(netns, 'nat', MASQ_CHAIN, family),
    origin: originOf(site),
    netns,
    ...(family === undefined ? {} : { family }),
    table: 'nat',
    name: MASQ_CHAIN,
    rules: [{ text: `-d ${range} ${local} -j RETURN` }, { text: `${outbound} -j MASQUERADE` }],
  };
}

const ranges = ({ node }: CniSite) => [node.podCidr, node.podCidr6].flatMap((subnet) => (subnet === undefined ? [] : [{ subnet }]));

/** What kindnetd writes into /etc/cni/net.d. kind: images/kindnetd/cmd/kindnetd/cni.go */
function netConfText(site: CniSite): string {
  const routes = ranges(site).map(({ subnet }) => `\n\t\t\t\t{ "dst": "${subnet.includes(':') ? '::/0' : '0.0.0.0/0'}" }`);
  const sets = ranges(site).map(({ subnet }) => `\n\t\t\t\t[ { "subnet": "${subnet}" } ]`);
  return `
{
	"cniVersion": "0.3.1",
	"name": "kindnet",
	"plugins": [
	{
		"type": "ptp",
		"ipMasq": false,
		"ipam": {
			"type": "host-local",
			"dataDir": "/run/cni-ipam-state",
			"routes": [${routes.join(',')}
			],
			"ranges": [${sets.join(',')}
			]
		}
		,
		"mtu": ${cardMtu(site)}
	},
	{
		"type": "portmap",
		"capabilities": {
			"portMappings": true
		}
	}
	]
}
`;
}

export const kindnet = defineCni({
  name: NAME,
  role: NAME,
  configKeys: [],
  renderNode(site) {
    const { four, six } = podRanges(site);
    return {
      records: [
        ...nodeRoutes(site),
        ...(four === undefined ? [] : [masqueradeChain(site, four, undefined)]),
        ...(six === undefined ? [] : [masqueradeChain(site, six, 'ipv6')]),
      ],
    };
  },
  jumps(site) {
    const { four, six } = podRanges(site);
    const one: BuiltInJump = { table: 'nat', from: 'POSTROUTING', text: `-m addrtype ! --dst-type LOCAL ${jump} -j ${MASQ_CHAIN}` };
    return [...(four === undefined ? [] : [one]), ...(six === undefined ? [] : [{ ...one, family: 'ipv6' as const }])];
  },
  renderPodNetwork: () => [],
  netConf: (site, { running }) => (running ? { name: '10-kindnet.conflist', text: netConfText(site) } : undefined),
  attach: (site, pod) =>
    attachPtp(pod, {
      root: rootNetnsId(site.node.name),
      ranges: ranges(site),
      mtuBytes: cardMtu(site),
      routes: ['0.0.0.0/0', '::/0'],
      objects: [site.node.key],
    }),
});
