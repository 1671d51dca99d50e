/** The lines between clusters: a card in each one's router, the addresses of both ends, and routes to what lies behind the other. */
import type { Origin } from '../../base/origin.ts';
import type { NetRecord } from '../../net/records.ts';
import type { Agent, Rendering, StoreView } from '../../objects/types.ts';
import { ethernet, gatewayRoute, kernelRoutes, subnetAddress } from '../node/devices.ts';
import { deviceId, rootNetnsId } from '../node/record-ids.ts';
import type { ClusterPeer } from './kinds.ts';

export const WAN_AGENT = 'wan';
/** Between two sites: a few hundred kilometres. */
const LATENCY_NS = 4e6;
/** Behind the router's cards for hosts. */
const FIRST_INDEX = 240;
const MAX_NAME_BYTES = 15;

/** Both ends are named after the other cluster: `wan-west`. */
const cardOf = (cluster: string): string => `wan-${cluster}`.slice(0, MAX_NAME_BYTES);

function render(name: string, view: StoreView): Rendering<NetRecord> {
  const peer = view.find<ClusterPeer>(`ClusterPeer/${name}`);
  if (peer === undefined) return { records: [] };
  const { own, ownRouter, router, ownAddress, address, ranges } = peer.spec;
  const origin: Origin = { component: 'wan', objects: [`ClusterPeer/${name}`] };
  const netns = rootNetnsId(ownRouter);
  const number = view.list('ClusterPeer').findIndex((one) => one.metadata.name === name);
  const card = ethernet(netns, cardOf(name), origin, {
    index: FIRST_INDEX + number,
    mtuBytes: 1500,
    addresses: [subnetAddress(ownAddress, 30)],
    peer: deviceId(rootNetnsId(router), cardOf(own)),
    link: { latencyNs: LATENCY_NS, jitterNs: 0, lossRatio: 0 },
  });
  return { records: [card, ...kernelRoutes(card), ...ranges.map((range) => gatewayRoute(netns, range, address, card.name, origin, 'static'))] };
}

const names = (view: StoreView): readonly string[] => view.list('ClusterPeer').map((one) => one.metadata.name);

/** Keys are names of other clusters. */
export const wanAgent: Agent<NetRecord> = {
  name: WAN_AGENT,
  watches: ['ClusterPeer'],
  keysFor: (changed, view) => [changed.metadata.name, ...names(view)],
  keys: names,
  render,
};
