/** Packets in and out of the page: the run that is looked at as pcapng, and a capture file brought along for `replay` and `tcpdump -r`. */
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { downloadBytes } from '../shell/download.ts';
import type { Playground } from '../state/playground.ts';

/** The world takes no larger ones; documents and links hold them whole. */
const MAX_BYTES = 256 * 1024;

/** Puts the file where the open terminal stands and lists its flows there. */
export async function openCapture(playground: Playground, file: File): Promise<void> {
  if (file.size > MAX_BYTES) {
    playground.notify(
      `${file.name} is larger than ${MAX_BYTES / 1024} KB. Cut it first, for example with a capture filter: tcpdump -r big.pcap -w small.pcap 'host 10.0.0.1'`,
      'problem',
    );
    return;
  }
  const name = file.name.replace(/[^A-Za-z0-9._-]/g, '_').slice(-64) || 'capture.pcap';
  const session = playground.session.getState().terminalSession;
  const problem = await playground.client.call('bring', session, name, bytesToBase64(new Uint8Array(await file.arrayBuffer())));
  if (problem !== null) {
    playground.notify(problem, 'problem');
    return;
  }
  playground.notify(`${name} lies in the terminal's folder now: "replay ${name} 1" sends its first flow again, "tcpdump -r ${name}" prints it.`);
  await playground.run(session, `replay ${name}`);
}

/** What tcpdump on every device saw during the run, for Wireshark. */
export async function saveCapture(playground: Playground): Promise<void> {
  const { run } = playground.session.getState();
  if (run === undefined) return;
  const result = await playground.client.call('capture', run.fromSeq, run.toSeq, '');
  if (!result.ok) {
    playground.notify(result.message, 'problem');
    return;
  }
  downloadBytes('kubehop.pcapng', result.bytes, 'application/x-pcapng');
  playground.notify(`${result.packets} frames of all devices, each with its reason as a comment. In Wireshark decode UDP port 8472 as VXLAN.`);
}
