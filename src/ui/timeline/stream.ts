/** What the programs at both ends of a conversation said to each other: payloads in order, without retransmissions. */
import type { HopView } from '../../world/views.ts';
import type { Conversation } from './conversations.ts';

export interface Piece {
  readonly from: 'client' | 'server';
  readonly text: string;
  readonly timeNs: number;
  /** Index of the hop where it was sent. */
  readonly hop: number;
}

const MAX_BYTES = 200_000;

/** Text of what a packet carries; undefined where it carries nothing. */
function payloadText(hop: HopView): string | undefined {
  for (let i = hop.event.layers.length - 1; i >= 0; i -= 1) {
    const layer = hop.event.layers[i];
    if (layer?.protocol === 'http') return layer.text;
    if (layer?.protocol === 'dns') return `${layer.text}\n`;
    if (layer?.protocol === 'tls') return `[TLS ${layer.text}, ${layer.bytes} bytes]\n`;
    if (layer?.protocol === 'data' && layer.bytes > 0) return layer.text ?? `[${layer.bytes} bytes]\n`;
  }
  return undefined;
}

/** Sequence number of the innermost TCP segment: one that was sent before is a retransmission. */
function sequenceNumber(hop: HopView): number | undefined {
  for (let i = hop.event.layers.length - 1; i >= 0; i -= 1) {
    const layer = hop.event.layers[i];
    if (layer?.protocol === 'tcp') return layer.seq;
  }
  return undefined;
}

export function followStream(hops: readonly HopView[], conversation: Conversation): { readonly pieces: readonly Piece[]; readonly cut: boolean } {
  const wanted = new Set(conversation.packets);
  const seen = new Set<number>();
  const sent = new Set<string>();
  const pieces: Piece[] = [];
  let bytes = 0;
  for (const [index, hop] of hops.entries()) {
    const { packetId } = hop.event;
    if (!wanted.has(packetId) || seen.has(packetId)) continue;
    seen.add(packetId);
    const text = payloadText(hop);
    if (text === undefined) continue;
    const from = hop.event.netns === conversation.clientNetns ? 'client' : 'server';
    const number = sequenceNumber(hop);
    if (number !== undefined) {
      const key = `${from} ${number}`;
      if (sent.has(key)) continue;
      sent.add(key);
    }
    if (bytes + text.length > MAX_BYTES) return { pieces, cut: true };
    bytes += text.length;
    pieces.push({ from, text, timeNs: hop.event.timeNs, hop: index });
  }
  return { pieces, cut: false };
}
