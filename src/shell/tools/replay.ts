/** replay: the flows of a capture file, and their packets sent again from the hosts and pods that have the old source addresses. */
import { parseIp } from '../../net/addr/ip.ts';
import { bytesToText, textToBytes } from '../../net/wire/binary-text.ts';
import { readCaptureFile } from '../../net/wire/capture-file.ts';
import { type Flow, flowsOf, formatEnd } from '../../net/wire/capture-flows.ts';
import type { Ip } from '../../net/wire/packet.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { formatTable } from '../table.ts';

const USAGE = `usage: replay FILE                  lists the flows of a capture
       replay FILE N... [--both]    sends the packets of those flows again, from whoever has their source address
--both: those of the answering side too; otherwise the side that began is replayed and the other answers by itself.
A replayed TCP client has no socket, so its kernel answers the server's SYN-ACK with a RST, as after tcpreplay.
`;
/** Packets of one replay. */
const MAX_PACKETS = 2_000;

export const replay = defineCommand({
  name: 'replay',
  summary: 'flows of a capture file, and their packets once more: replay FILE [N...]',
  group: 'network',
  run: (invocation) => {
    const { argv, place, out, err } = invocation;
    const words = argv.filter((word) => !word.startsWith('-'));
    const wrong = argv.find((word) => word.startsWith('-') && word !== '--both');
    const [name, ...numbers] = words;
    if (name === undefined || wrong !== undefined) {
      (argv.includes('--help') ? out : err)(wrong === undefined || wrong === '--help' ? USAGE : `replay: unknown option: ${wrong}\n${USAGE}`);
      return argv.includes('--help') ? 0 : 2;
    }
    const text = invocation.shell.readFile(place, resolvePath(invocation.cwd, name));
    const bytes = text === undefined ? undefined : textToBytes(text);
    if (bytes === undefined) {
      err(`replay: ${name}: ${text === undefined ? 'No such file or directory' : 'not a capture file'}\n`);
      return 1;
    }
    const result = readCaptureFile(bytes);
    if (!result.ok) {
      err(`replay: ${name}: ${result.message} (at byte ${result.offset})\n`);
      return 1;
    }
    const { flows, skipped } = flowsOf(result.file);
    if (numbers.length === 0) {
      out(listText(invocation, flows, skipped));
      return 0;
    }
    const chosen: Flow[] = [];
    for (const number of numbers) {
      const flow = /^\d+$/.test(number) ? flows[Number(number) - 1] : undefined;
      if (flow === undefined) {
        err(`replay: there is no flow ${number}; ${name} has ${flows.length}\n`);
        return 1;
      }
      chosen.push(flow);
    }
    return send(invocation, chosen, argv.includes('--both'));
  },
});

function listText(invocation: Invocation, flows: readonly Flow[], skipped: number): string {
  const owners = ownersOf(invocation);
  const who = (ip: Ip): string => owners.get(ip)?.title ?? '-';
  const rows = flows.map((flow, i) => [
    String(i + 1),
    flow.protocol,
    formatEnd(flow, flow.from),
    who(flow.from.ip),
    formatEnd(flow, flow.to),
    who(flow.to.ip),
    `${flow.forwardPackets}/${flow.forwardBytes}`,
    `${flow.backPackets}/${flow.backBytes}`,
    (flow.startNs / 1e9).toFixed(6),
    (flow.durationNs / 1e9).toFixed(4),
    flow.interface === '' ? '-' : flow.interface,
  ]);
  const head = ['FLOW', 'PROTO', 'FROM', 'IS', 'TO', 'IS', 'SENT (PKTS/BYTES)', 'BACK', 'START', 'DURATION', 'INTERFACE'];
  const rest = skipped === 0 ? '' : `${skipped} frame${skipped === 1 ? '' : 's'} of no IP flow (ARP, fragments, cut short)\n`;
  return `${formatTable([head, ...rows])}${rest}`;
}

interface Owner {
  readonly netns: string;
  readonly title: string;
}

/** Which netns has each address of the world. Pods' names as people know them. */
function ownersOf({ host }: Invocation): ReadonlyMap<Ip, Owner> {
  const owners = new Map<Ip, Owner>();
  for (const record of host.engine.records.values()) {
    if (record.kind !== 'device' || record.type === 'loopback') continue;
    const netns = host.engine.records.find(record.netns);
    const title = netns?.kind === 'netns' ? netns.hostname : record.netns;
    for (const address of record.addresses) {
      const ip = parseIp(address.ip);
      if (ip !== undefined && !owners.has(ip)) owners.set(ip, { netns: record.netns, title });
    }
  }
  return owners;
}

function send(
  invocation: Invocation,
  flows: readonly Flow[],
  both: boolean,
): number | { kind: 'program'; app: string; name: string; config: unknown; endless: boolean } {
  const { host, out, err } = invocation;
  const owners = ownersOf(invocation);
  const perNetns = new Map<string, { atNs: number; octets: string }[]>();
  let count = 0;
  let lastNs = 0;
  const firstNs = Math.min(...flows.map((flow) => flow.startNs));
  for (const flow of flows) {
    for (const [end, forward] of both
      ? ([
          [flow.from, true],
          [flow.to, false],
        ] as const)
      : ([[flow.from, true]] as const)) {
      const owner = owners.get(end.ip);
      const packets = flow.packets.filter((packet) => packet.forward === forward);
      if (packets.length === 0) continue;
      if (owner === undefined) {
        err(`replay: nobody here has ${formatEnd(flow, end)}: ${packets.length} packet${packets.length === 1 ? '' : 's'} of it not sent\n`);
        continue;
      }
      const list = perNetns.get(owner.netns) ?? [];
      perNetns.set(owner.netns, list);
      for (const packet of packets) {
        count += 1;
        if (count > MAX_PACKETS) {
          err(`replay: more than ${MAX_PACKETS} packets at once\n`);
          return 1;
        }
        const atNs = flow.startNs - firstNs + packet.atNs;
        lastNs = Math.max(lastNs, atNs);
        list.push({ atNs, octets: bytesToText(packet.bytes) });
      }
      out(`${packets.length} packet${packets.length === 1 ? '' : 's'} from ${formatEnd(flow, end)} (${owner.title})\n`);
    }
  }
  if (perNetns.size === 0) return 1;
  for (const [netns, packets] of perNetns) {
    packets.sort((a, b) => a.atNs - b.atNs);
    host.engine.spawn({ netns, app: 'packet-replay', name: 'replay', config: { packets }, origin: { component: 'user', objects: [] } });
  }
  return { kind: 'program', app: 'sleep', name: 'replay', config: { seconds: lastNs / 1e9 + 0.001 }, endless: false };
}
