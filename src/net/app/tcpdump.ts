/** tcpdump 4.99: taps a device, prints or writes what passes the filter, sums up at the end. */

import type { TapFrame } from '../engine.ts';
import { bytesToText } from '../wire/binary-text.ts';
import { encodeTapped } from '../wire/encode.ts';
import type { Filter } from '../wire/filter-tree.ts';
import { cookFrame, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW, linkTypeText } from '../wire/link-type.ts';
import { pcapHeader, pcapRecord } from '../wire/pcap.ts';
import { copyTcpdumpState, newTcpdumpState, tcpdumpLines } from '../wire/tcpdump/lines.ts';
import type { TcpdumpState } from '../wire/tcpdump/view.ts';
import { parseFilter } from '../wire/tcpdump-filter.ts';
import { matchesFilter } from '../wire/tcpdump-match.ts';
import { type AppContext, defineApp, defineProgram } from './definition.ts';
import { hostsName } from './resolv-conf.ts';
import { parseTcpdumpArgs, type TcpdumpConfig } from './tcpdump-args.ts';

/** Changed in place. */
interface State {
  captured: number;
  done: boolean;
  readonly linkType: number;
  readonly filter: Filter | undefined;
  readonly flows: TcpdumpState;
}

export const tcpdump = defineApp<State, TcpdumpConfig>({
  name: 'tcpdump',
  start: (context, config) => {
    const device = config.device ?? 'eth0';
    const linkType = device === 'any' ? LINKTYPE_LINUX_SLL2 : context.deviceIsRaw(device) ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
    const filter = parseFilter(config.filterText, { linkType, live: true });
    const state: State = { captured: 0, done: false, linkType, filter: filter.ok ? filter.filter : undefined, flows: newTcpdumpState() };
    if (device !== 'any' && context.deviceIndex(device) === undefined) {
      context.err(`tcpdump: ${device}: No such device exists\n(No such device exists)\n`);
      context.exit(1);
      return { ...state, done: true };
    }
    if (!filter.ok) {
      context.err(`tcpdump: ${filter.message}\n`);
      context.exit(1);
      return { ...state, done: true };
    }
    const listening = `listening on ${device}, link-type ${linkTypeText(linkType)}, snapshot length ${config.snapBytes} bytes\n`;
    if (device === 'any') context.err('tcpdump: data link type LINUX_SLL2\n');
    const quiet = config.print.verbosity === 0 && config.writeTo === undefined;
    context.err(quiet ? `tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n${listening}` : `tcpdump: ${listening}`);
    if (config.writeTo !== undefined) context.out(bytesToText(pcapHeader(linkType, config.snapBytes)));
    context.tap(device, true, config.promiscuous);
    return state;
  },
  handle: (context, state, event, config) => {
    if (state.done) return state;
    if (event.kind === 'signal') {
      if (config.countOnly) context.out(`${plural(state.captured)}\n`);
      context.err(`\n${summaryText(state.captured)}`);
      context.exit(0);
      state.done = true;
    } else if (event.kind === 'frame') capture(context, config, state, event.frame);
    return state;
  },
  copy: (state) => ({ ...state, flows: copyTcpdumpState(state.flows) }),
});

function capture(context: AppContext, config: TcpdumpConfig, state: State, frame: TapFrame): void {
  const outgoing = frame.direction === 'out';
  if (config.direction !== 'inout' && outgoing !== (config.direction === 'out')) return;
  const whole = linkBytesOf(context, state.linkType, frame);
  if (whole === undefined) return;
  const { linkType } = state;
  if (!matchesFilter(state.filter, { bytes: whole, wireBytes: whole.length, linkType, outgoing })) return;
  state.captured += 1;
  const bytes = whole.subarray(0, config.snapBytes);
  const { timeNs } = frame;
  if (config.writeTo !== undefined) context.out(bytesToText(pcapRecord(bytes, whole.length, timeNs, config.print.epochMs)));
  else if (!config.countOnly) {
    // Of the look-ups that tcpdump makes without -n only the hosts file is simulated.
    const options = { ...config.print, nameOf: (ip: number | bigint) => hostsName(context, ip)?.canonical };
    context.out(tcpdumpLines({ timeNs, bytes, wireBytes: whole.length, linkType, device: frame.device }, options, state.flows));
  }
  if (config.count > 0 && state.captured >= config.count) {
    if (config.countOnly) context.out(`${plural(state.captured)}\n`);
    context.err(summaryText(state.captured));
    context.exit(0);
    state.done = true;
  }
}

/** The frame as this capture holds it; undefined where a device changed its kind under it. */
function linkBytesOf(context: AppContext, linkType: number, frame: TapFrame): Uint8Array | undefined {
  const bytes = encodeTapped(frame.packet);
  const raw = frame.packet.raw === true;
  if (linkType !== LINKTYPE_LINUX_SLL2) return raw === (linkType === LINKTYPE_RAW) ? bytes : undefined;
  const index = context.deviceIndex(frame.device) ?? 0;
  return cookFrame(bytes, raw, frame.direction, index, frame.device === 'lo');
}

const plural = (count: number): string => `${count} packet${count === 1 ? '' : 's'}`;

function summaryText(captured: number): string {
  return `${plural(captured)} captured\n${plural(captured)} received by filter\n${plural(0)} dropped by kernel\n`;
}

export const tcpdumpProgram = defineProgram({ app: 'tcpdump', parse: parseTcpdumpArgs, endless: (config: TcpdumpConfig) => config.count === 0 });
