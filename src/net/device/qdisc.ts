/** Queueing disciplines at a device's way out: netem delays, loses, doubles, damages and reorders; tbf lets through what its bucket allows. Linux: net/sched/sch_netem.c, sch_tbf.c */
import type { Prng } from '../../base/prng.ts';
import type { QdiscView } from '../engine.ts';
import type { NetemQdisc, Qdisc, TbfQdisc } from '../records.ts';
import type { Core } from '../stack/core.ts';
import { EVENT_DEPARTURE } from '../stack/event-queue.ts';
import { cloneSkb, type Skb } from '../stack/skb.ts';
import { emitDropped, emitDuplicated } from '../trace/emit.ts';
import { frameBytes, linkBytes } from '../wire/lengths.ts';
import type { DeviceState } from './device-state.ts';

const NS = 1e9;

/** What a qdisc counts and remembers; plain numbers, part of snapshots. */
export class QdiscState {
  handle = 0;
  sentPackets = 0;
  sentBytes = 0;
  dropped = 0;
  overlimits = 0;
  queuedPackets = 0;
  queuedBytes = 0;
  /** When the packet that was queued last leaves. */
  lastLeavesNs = 0;
  /** netem: packets since the last reordered one, and the last decisions of each kind, for their correlation. */
  sinceReorder = 0;
  lastDelay = 0;
  lastLoss = 0;
  lastDuplicate = 0;
  lastReorder = 0;
  lastCorrupt = 0;
  /** tbf: bytes in the bucket at a moment; -1 before the first packet, when it is full. */
  tokenBytes = -1;
  tokensAtNs = 0;
}

export function qdiscView(state: QdiscState): QdiscView {
  const { sentPackets, sentBytes, dropped, overlimits, queuedPackets, queuedBytes } = state;
  return { sentPackets, sentBytes, dropped, overlimits, queuedPackets, queuedBytes };
}

/** Puts a packet into the device's queue: it leaves at once (`send`), later, or never. */
export function enqueue(core: Core, device: DeviceState, qdisc: Qdisc, state: QdiscState, packet: Skb, send: Send): void {
  if (qdisc.kind === 'netem') enqueueNetem(core, device, qdisc, state, packet, true, send);
  else enqueueTbf(core, device, qdisc, state, packet, send);
}

function refuse(core: Core, device: DeviceState, state: QdiscState, packet: Skb, why: string): void {
  state.dropped += 1;
  device.txDropped += 1;
  emitDropped(core, device.place, packet, 'QDISC_DROP', why);
}

type Send = (core: Core, device: DeviceState, packet: Skb) => void;

/** Keeps a packet until its time; what may leave now never waits. */
function hold(core: Core, device: DeviceState, state: QdiscState, packet: Skb, leavesNs: number, send: Send): void {
  if (leavesNs <= core.nowNs) {
    state.sentPackets += 1;
    state.sentBytes += frameBytes(packet);
    send(core, device, packet);
    return;
  }
  state.queuedPackets += 1;
  state.queuedBytes += frameBytes(packet);
  core.queue.push(leavesNs, EVENT_DEPARTURE, packet, device, false);
}

/** The packet's time has come. False when the qdisc that held it is gone, and the packet with it. */
export function depart(core: Core, device: DeviceState, packet: Skb): boolean {
  const state = device.qdisc;
  if (state === undefined || state.queuedPackets === 0) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'QDISC_DROP', 'the queueing discipline that held it was removed');
    return false;
  }
  const bytes = frameBytes(packet);
  state.queuedPackets -= 1;
  state.queuedBytes -= Math.min(state.queuedBytes, bytes);
  state.sentPackets += 1;
  state.sentBytes += bytes;
  return true;
}

/** get_crandom(): a number in [0, 1) that is `correlation` parts the last one. */
function correlated(prng: Prng, last: number, correlation: number): number {
  const fresh = prng.float();
  return correlation === 0 ? fresh : fresh * (1 - correlation) + last * correlation;
}

function enqueueNetem(core: Core, device: DeviceState, qdisc: NetemQdisc, state: QdiscState, packet: Skb, mayDuplicate: boolean, send: Send): void {
  const prng = core.prng(`${device.id} netem`);
  let copies = 1;
  if (mayDuplicate && qdisc.duplicateRatio > 0) {
    state.lastDuplicate = correlated(prng, state.lastDuplicate, qdisc.duplicateCorrelation);
    if (state.lastDuplicate < qdisc.duplicateRatio) copies += 1;
  }
  if (qdisc.lossRatio > 0) {
    state.lastLoss = correlated(prng, state.lastLoss, qdisc.lossCorrelation);
    if (state.lastLoss < qdisc.lossRatio) copies -= 1;
  }
  if (copies === 0) {
    refuse(core, device, state, packet, `netem on ${device.name} loses ${percent(qdisc.lossRatio)} of what it sends`);
    return;
  }
  if (copies === 2) {
    const copy = cloneSkb(packet);
    emitDuplicated(core, device, packet);
    // As the kernel does it, the copy goes through the qdisc from its beginning, but is not doubled again.
    enqueueNetem(core, device, qdisc, state, copy, false, send);
  }
  if (qdisc.corruptRatio > 0) {
    state.lastCorrupt = correlated(prng, state.lastCorrupt, qdisc.corruptCorrelation);
    if (state.lastCorrupt < qdisc.corruptRatio) damage(prng, packet);
  }
  if (state.queuedPackets >= qdisc.limitPackets) {
    refuse(core, device, state, packet, `netem on ${device.name} holds ${qdisc.limitPackets} packets already`);
    return;
  }
  const late = qdisc.reorderGap === 0 || state.sinceReorder < qdisc.reorderGap - 1 || !overtakes(prng, qdisc, state);
  if (!late) {
    state.sinceReorder = 0;
    hold(core, device, state, packet, core.nowNs, send);
    return;
  }
  let delayNs = netemDelay(prng, qdisc, state);
  let fromNs = core.nowNs;
  if (qdisc.rateBitsPerSecond > 0) {
    if (state.queuedPackets > 0) {
      // The wire is busy until the last one has left; its wait counts as part of the delay.
      delayNs = Math.max(0, delayNs - (state.lastLeavesNs - core.nowNs));
      fromNs = Math.max(fromNs, state.lastLeavesNs);
    }
    delayNs += Math.ceil((frameBytes(packet) * 8 * NS) / qdisc.rateBitsPerSecond);
  }
  state.sinceReorder += 1;
  const leavesNs = fromNs + delayNs;
  state.lastLeavesNs = Math.max(state.queuedPackets > 0 ? state.lastLeavesNs : 0, leavesNs);
  hold(core, device, state, packet, leavesNs, send);
}

function overtakes(prng: Prng, qdisc: NetemQdisc, state: QdiscState): boolean {
  state.lastReorder = correlated(prng, state.lastReorder, qdisc.reorderCorrelation);
  return state.lastReorder < qdisc.reorderRatio;
}

/** tabledist() without a table: evenly within the jitter. */
function netemDelay(prng: Prng, qdisc: NetemQdisc, state: QdiscState): number {
  if (qdisc.jitterNs === 0) return qdisc.delayNs;
  state.lastDelay = correlated(prng, state.lastDelay, qdisc.delayCorrelation);
  return Math.max(0, Math.round(qdisc.delayNs + (2 * state.lastDelay - 1) * qdisc.jitterNs));
}

/** One bit of the frame turns over. In the Ethernet header that makes the destination somebody else's. */
function damage(prng: Prng, packet: Skb): void {
  const at = prng.below(frameBytes(packet));
  const link = linkBytes(packet);
  if (at < link) {
    packet.ethDst = packet.ethDst % 2 === 0 ? packet.ethDst + 1 : packet.ethDst - 1;
    packet.headerRow = -1;
  } else packet.corruptByte = at - link;
}

/** A FIFO whose departure times follow from the bucket alone: they are known when a packet comes in. */
function enqueueTbf(core: Core, device: DeviceState, qdisc: TbfQdisc, state: QdiscState, packet: Skb, send: Send): void {
  const bytes = frameBytes(packet);
  if (bytes > qdisc.burstBytes) {
    refuse(core, device, state, packet, `${bytes} bytes are more than the bucket of tbf on ${device.name} ever holds (${qdisc.burstBytes})`);
    return;
  }
  if (state.queuedBytes + bytes > qdisc.limitBytes) {
    refuse(core, device, state, packet, `tbf on ${device.name} holds ${state.queuedBytes} bytes already, its limit is ${qdisc.limitBytes}`);
    return;
  }
  const bytesPerNs = qdisc.rateBitsPerSecond / 8 / NS;
  if (state.tokenBytes < 0) {
    state.tokenBytes = qdisc.burstBytes;
    state.tokensAtNs = core.nowNs;
  }
  const startNs = Math.max(core.nowNs, state.queuedPackets > 0 ? state.lastLeavesNs : 0);
  const tokens = Math.min(qdisc.burstBytes, state.tokenBytes + Math.max(0, startNs - state.tokensAtNs) * bytesPerNs);
  const waitNs = tokens >= bytes ? 0 : Math.ceil((bytes - tokens) / bytesPerNs);
  if (waitNs > 0 || startNs > core.nowNs) state.overlimits += 1;
  state.tokenBytes = Math.max(0, tokens + waitNs * bytesPerNs - bytes);
  state.tokensAtNs = startNs + waitNs;
  state.lastLeavesNs = startNs + waitNs;
  hold(core, device, state, packet, state.lastLeavesNs, send);
}

const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(6))} %`;
