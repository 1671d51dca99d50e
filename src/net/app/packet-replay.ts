/** Sends IP packets of a capture again, at their old distances, as through a raw socket with IP_HDRINCL: routed, filtered and tracked like any local packet. */
import { textToBytes } from '../wire/binary-text.ts';
import { decodeRaw } from '../wire/decode.ts';
import { defineApp } from './definition.ts';

export interface PacketReplayConfig {
  /** `octets`: the IP packet, a character a byte. In order of time. */
  readonly packets: readonly { readonly atNs: number; readonly octets: string }[];
}

interface State {
  readonly next: number;
  readonly failed: number;
}

export const packetReplay = defineApp<State, PacketReplayConfig>({
  name: 'packet-replay',
  start: (context, config) => {
    context.setTimer(config.packets[0]?.atNs ?? 0, 'send');
    return { next: 0, failed: 0 };
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'signal') {
      context.exit(130);
      return state;
    }
    if (event.kind !== 'timer') return state;
    const due = config.packets[state.next];
    if (due === undefined) {
      context.exit(state.failed > 0 ? 1 : 0);
      return state;
    }
    const bytes = textToBytes(due.octets);
    const packet = bytes === undefined ? undefined : decodeRaw(bytes);
    const sent = packet === undefined ? 'EINVAL' : context.rawSend(packet);
    if (sent !== 'ok') context.err(`replay: packet ${state.next + 1}: ${sent}\n`);
    const following = config.packets[state.next + 1];
    context.setTimer(following === undefined ? 0 : Math.max(0, following.atNs - due.atNs), 'send');
    return { next: state.next + 1, failed: state.failed + (sent === 'ok' ? 0 : 1) };
  },
});
