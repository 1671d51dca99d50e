/** The layer that a hop is about: what filters the canvas and the list of hops by layer. */
import type { Layer } from '../../net/wire/packet.ts';
import type { HopView } from '../../world/views.ts';
import type { PacketLayer } from '../state/session.ts';
import { innerLayers } from './capsule.ts';

/** By TCP port: API server, kubelet, etcd, BGP, controllers. Kubernetes: reference/networking/ports-and-protocols */
const CONTROL_PORTS: ReadonlySet<number> = new Set([6443, 10250, 2379, 2380, 179, 10257, 10259]);

const known = new WeakMap<HopView, PacketLayer>();

function layerOfFrame(layers: readonly Layer[]): PacketLayer {
  let found: PacketLayer = 'l2';
  for (const layer of innerLayers(layers)) {
    if (layer.protocol === 'tcp' && (CONTROL_PORTS.has(layer.sport) || CONTROL_PORTS.has(layer.dport))) return 'control';
    if (layer.protocol === 'tcp' || layer.protocol === 'udp' || layer.protocol === 'sctp') found = 'l4';
    else if (layer.protocol === 'dns' || layer.protocol === 'http' || layer.protocol === 'tls') found = 'l7';
    else if (layer.protocol === 'ipv4' || layer.protocol === 'ipv6') found = 'l3';
  }
  return found;
}

/** The highest layer of the packet that was sent, whatever carries it; changes that agents make of tables belong to the control plane. */
export function layerOf(hop: HopView): PacketLayer {
  const before = known.get(hop);
  if (before !== undefined) return before;
  const layer = hop.event.step.kind === 'changed' ? 'control' : hop.family === 'l7' ? 'l7' : layerOfFrame(hop.event.layers);
  known.set(hop, layer);
  return layer;
}
