/** ICMP redirects: telling a neighbour of a better next hop, and believing one. Linux: net/ipv4/route.c, ip_rt_send_redirect, __ip_do_redirect */
import { inPrefix } from '../addr/ip.ts';
import { isLimitedBroadcast, isMulticast, isZeroNet } from '../addr/ip4.ts';
import type { DeviceState } from '../device/device-state.ts';
import { ICMP_REDIRECT, type Ip, type Packet } from '../wire/packet.ts';
import type { Core } from './core.ts';
import { RTN_UNICAST } from './fib.ts';
import { peerOf } from './icmp-limit.ts';
import { isValid } from './neighbor.ts';
import type { NetnsState } from './netns-state.ts';
import { routeOutput } from './routing.ts';
import type { Skb } from './skb.ts';

const REDIRECT_HOST = 1;
/** ip_rt_redirect_load, _number and _silence: each in a row waits twice as long, nine are sent, then there is quiet. */
const LOAD_NS = 20e6;
const NUMBER = 9;
const SILENCE_NS = LOAD_NS * 2 ** (NUMBER + 1);
/** ip_rt_gc_timeout: so long is a redirect believed. */
const BELIEVED_NS = 300e9;

/** A router that sends a packet out where it came in tells the sender the next hop. The packet goes on all the same. */
export function sendRedirect(core: Core, netns: NetnsState, packet: Skb, gateway: Ip): void {
  const now = core.nowNs;
  const peer = peerOf(netns, packet.src, now);
  if (now > peer.lastNs + SILENCE_NS) {
    peer.tokensNs = 0;
    peer.redirects = 0;
  }
  if (peer.redirects >= NUMBER) {
    peer.lastNs = now;
    return;
  }
  if (peer.redirects > 0 && now <= peer.lastNs + LOAD_NS * 2 ** peer.redirects) return;
  core.layers.sendError(netns, packet, { type: ICMP_REDIRECT, code: REDIRECT_HOST, gateway });
  peer.lastNs = now;
  peer.redirects += 1;
}

/** Believed only when it comes from the gateway in use, names another one on the device's link, and the device accepts redirects. */
export function takeRedirect(core: Core, netns: NetnsState, device: DeviceState, from: Ip, gateway: Ip, quoted: Packet): boolean {
  const settings = netns.settings(device);
  if (typeof gateway !== 'number' || typeof from !== 'number' || typeof quoted.dst !== 'number') return false;
  if (gateway === from || !settings.acceptsRedirects || isMulticast(gateway) || isLimitedBroadcast(gateway) || isZeroNet(gateway)) return false;
  if (settings.sharedMedia ? netns.fib.typeOf(gateway) !== RTN_UNICAST : !sameLink(device, gateway, from)) return false;
  const used = routeOutput(netns, quoted.dst, quoted);
  if (used.kind !== 'ok' || used.device !== device || used.nextHop !== from) return false;
  if (!settings.sharedMedia && settings.secureRedirects && !netns.fib.isGateway(gateway, device)) return false;
  const entry = device.neighbors.get(gateway);
  if (entry === undefined || !isValid(entry.state)) {
    // The new gateway is asked for its MAC first; the next redirect will find it.
    core.layers.askNeighbor(device, gateway);
    return true;
  }
  const learnt = netns.pathMtus.get(quoted.dst);
  netns.pathMtus.set(quoted.dst, { mtuBytes: learnt?.mtuBytes ?? 0, expiresNs: core.nowNs + BELIEVED_NS, gateway });
  return true;
}

const sameLink = (device: DeviceState, a: Ip, b: Ip): boolean =>
  device.addresses.some((own) => inPrefix(own.ip, own.prefixLength, a) && inPrefix(own.ip, own.prefixLength, b));
