/** `tcpdump -r`: a capture file's packets as lines, or as a file again with -w. */

import { bytesToText } from '../wire/binary-text.ts';
import { type CaptureFile, readCaptureFile } from '../wire/capture-file.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW, linkTypeText } from '../wire/link-type.ts';
import type { Ip } from '../wire/packet.ts';
import { pcapHeader, pcapRecord } from '../wire/pcap.ts';
import { newTcpdumpState, tcpdumpLines } from '../wire/tcpdump/lines.ts';
import { parseFilter } from '../wire/tcpdump-filter.ts';
import { matchesFilter } from '../wire/tcpdump-match.ts';
import type { TcpdumpConfig } from './tcpdump-args.ts';

export interface ReadOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const READABLE: readonly number[] = [LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2];

/** `deviceName`: interface indexes as the host that reads the file knows them. */
export function readWithTcpdump(
  bytes: Uint8Array,
  fileName: string,
  config: TcpdumpConfig,
  lookUp: { readonly deviceName: (index: number) => string | undefined; readonly nameOf: (ip: Ip) => string | undefined },
): ReadOutcome {
  const result = readCaptureFile(bytes);
  const file: CaptureFile = result.ok ? result.file : result.read;
  const first = file.interfaces[0];
  if (first === undefined) {
    const message = result.ok
      ? 'no interface is described in it'
      : bytes.length < 4
        ? `truncated dump file; tried to read 4 file header bytes, only got ${bytes.length}`
        : result.message;
    return {
      stdout: '',
      stderr: `tcpdump: ${result.ok || bytes.length >= 4 ? `${message}${result.ok ? '' : ` (at byte ${result.offset})`}` : message}\n`,
      exitCode: 1,
    };
  }
  const linkType = first.linkType;
  if (!READABLE.includes(linkType)) return { stdout: '', stderr: `tcpdump: packet printing is not supported for link type ${linkType}: use -w\n`, exitCode: 1 };
  const shown = fileName === '-' ? '-' : fileName;
  let stderr = `reading from file ${shown}, link-type ${linkTypeText(linkType)}, snapshot length ${first.snapBytes}\n`;
  const filter = parseFilter(config.filterText, { linkType, live: false });
  if (!filter.ok) return { stdout: '', stderr: `${stderr}tcpdump: ${filter.message}\n`, exitCode: 1 };
  const state = newTcpdumpState();
  let stdout = config.writeTo === undefined ? '' : bytesToText(pcapHeader(linkType, first.snapBytes));
  let count = 0;
  for (const packet of file.packets) {
    if (config.count > 0 && count >= config.count) break;
    const frame = { bytes: packet.bytes, wireBytes: packet.wireBytes, linkType };
    if (file.interfaces[packet.interface]?.linkType !== linkType || !matchesFilter(filter.filter, frame)) continue;
    count += 1;
    // Milliseconds and the rest apart, since nanoseconds since 1970 are no safe integers.
    const epochMs = Number(packet.unixNs / 1_000_000_000n) * 1000;
    const timeNs = Number(packet.unixNs % 1_000_000_000n);
    const { snapBytes } = config;
    if (config.writeTo !== undefined) stdout += bytesToText(pcapRecord(packet.bytes.subarray(0, snapBytes), packet.wireBytes, timeNs, epochMs));
    else if (!config.countOnly) {
      const sinceEpochNs = epochMs * 1e6 + timeNs - config.print.epochMs * 1e6;
      const print = config.print.time === 'delta' || config.print.time === 'since-first' ? config.print : { ...config.print, epochMs };
      const device = linkType === LINKTYPE_LINUX_SLL2 ? lookUp.deviceName(indexOf(packet.bytes)) : undefined;
      stdout += tcpdumpLines(
        { ...frame, timeNs: print === config.print ? Math.max(0, sinceEpochNs) : timeNs, ...(device === undefined ? {} : { device }) },
        { ...print, nameOf: lookUp.nameOf },
        state,
      );
    }
  }
  if (config.countOnly) stdout += `${count} packet${count === 1 ? '' : 's'}\n`;
  if (!result.ok && (config.count === 0 || count < config.count)) {
    stderr += `tcpdump: pcap_loop: ${result.message} (at byte ${result.offset})\n`;
    return { stdout, stderr, exitCode: 1 };
  }
  return { stdout, stderr, exitCode: 0 };
}

const indexOf = (cooked: Uint8Array): number => (((cooked[4] ?? 0) << 24) | ((cooked[5] ?? 0) << 16) | ((cooked[6] ?? 0) << 8) | (cooked[7] ?? 0)) >>> 0;
