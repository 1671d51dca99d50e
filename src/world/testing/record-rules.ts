/** The kernel's own account of the rules that packets met (as `xtables-monitor --trace` tells it), packet by packet. */
import type { RuleVisit } from '../recorded/compare-rules.ts';

interface NodeTrace {
  readonly ns: string;
  readonly lines: readonly string[];
  /** `table chain 0xHANDLE` → number in the chain. */
  readonly numbers: Readonly<Record<string, number>>;
}

interface Met {
  readonly label: string;
  /** What stays the same of a packet from hook to hook. */
  readonly key: string;
  /** Innermost packets alone have a label; the tunnel's own go with the packet they carry. */
  readonly tunnel: boolean;
  readonly incoming: boolean;
  /** Length of the IP packet. */
  readonly bytes: number;
  readonly visits: RuleVisit[];
}

const ICMP_LABELS: Readonly<Record<string, string>> = {
  '0/0': 'echo-reply',
  '8/0': 'echo-request',
  '3/0': 'net-unreachable',
  '3/1': 'host-unreachable',
  '3/3': 'port-unreachable',
  '3/4': 'frag-needed',
  '5/0': 'redirect',
  '5/1': 'redirect',
  '11/0': 'ttl-exceeded',
};

/** What a PACKET line is about; undefined where it says no protocol that recordings label. */
function labelOf(line: string, bytesOfHeaders: number): string | undefined {
  if (/ SPORT=\d+ DPORT=\d+ .*\b(SYN|ACK|FIN|RST)\b/.test(line)) {
    const has = (flag: string): boolean => new RegExp(` ${flag}\\b`).test(line);
    if (has('SYN')) return has('ACK') ? 'TCP SYN-ACK' : 'TCP SYN';
    if (has('RST')) return has('ACK') ? 'TCP RST-ACK' : 'TCP RST';
    if (has('FIN')) return 'TCP FIN';
    const length = Number(/ LEN=(\d+)/.exec(line)?.[1] ?? 0);
    return length > bytesOfHeaders ? 'TCP DATA' : 'TCP ACK';
  }
  const icmp = / TYPE=(\d+) CODE=(\d+)/.exec(line);
  if (icmp !== null) return `ICMP ${ICMP_LABELS[`${icmp[1]}/${icmp[2]}`] ?? icmp[1]}`;
  return / SPORT=\d+ DPORT=\d+/.test(line) ? 'UDP' : undefined;
}

const verdictOf = (text: string): string => text.replace(/^(JUMP|GOTO):/, 'jump ');

/** IPv4 and TCP with timestamps. */
const ACK_BYTES = 52;

function readNode(trace: NodeTrace, tunnelPort: number): Met[] {
  const mets: Met[] = [];
  let current: Met | undefined;
  /** Where packets of a key began, with their TTLs: once more with the same TTL is another packet, with a lower one it goes round. */
  const begun = new Map<string, Set<string>>();
  const copies = new Map<string, number>();
  const byId = new Map<string, Met>();
  let ttl = '';
  for (const line of trace.lines) {
    const packet = /^PACKET: \d+ ([0-9a-f]+) (.*)$/.exec(line);
    if (packet !== null) {
      const text = ` ${packet[2]}`;
      const tunnel = text.includes(` DPORT=${tunnelPort}`) && !/\b(SYN|ACK|FIN|RST)\b/.test(text);
      const label = tunnel ? 'tunnel' : (labelOf(text, ACK_BYTES) ?? '');
      ttl = / TTL=(\d+)/.exec(text)?.[1] ?? '';
      const plain = `${label} ${/ ID=(\d+)/.exec(text)?.[1]} ${/ LEN=(\d+)/.exec(text)?.[1]}`;
      const key = `${plain} ${copies.get(plain) ?? 0}`;
      // A packet is told of again at each hook, and between them it may have become another buffer.
      if (current?.key !== key) {
        current = { label, key, tunnel, incoming: text.startsWith(' IN='), bytes: Number(/ LEN=(\d+)/.exec(text)?.[1] ?? 0), visits: [] };
        mets.push(current);
      }
      byId.set(packet[1] as string, current);
      continue;
    }
    const rule = /^ TRACE: \d+ ([0-9a-f]+) (\w+):([\w-]+):(rule:0x([0-9a-f]+)|policy|return)(?::(\S+))?/.exec(line);
    if (rule === null) continue;
    // A rule that answers (REJECT) is told of after the answer's own way through the hooks.
    current = byId.get(rule[1] as string) ?? current;
    if (current === undefined) continue;
    const [, , table = '', chain = '', what = '', handle, verdict = ''] = rule;
    if (table === 'raw') {
      // Its first rule is the recorder's own.
      const plain = current.key.slice(0, current.key.lastIndexOf(' '));
      const places = begun.get(plain) ?? new Set<string>();
      begun.set(plain, places);
      const place = `${chain} ${ttl}`;
      if (what.startsWith('rule') && places.has(place)) {
        const copy = (copies.get(plain) ?? 0) + 1;
        copies.set(plain, copy);
        places.clear();
        current = { ...current, key: `${plain} ${copy}`, visits: [] };
        mets.push(current);
        byId.set(rule[1] as string, current);
      }
      places.add(place);
      continue;
    }
    if (what === 'return') continue;
    const number = what === 'policy' ? 0 : trace.numbers[`${table} ${chain} 0x${handle}`];
    if (number === undefined) continue;
    current.visits.push({ ns: trace.ns, table, chain, rule: number, verdict: verdictOf(verdict) });
  }
  return mets;
}

/** IPv4, UDP, VXLAN and Ethernet around a packet; and the IPv4 header that every further fragment has of its own. */
const TUNNEL_BYTES = 50;
const FRAGMENT_BYTES = 20;

/** The oldest tunnel packet, or as many as the parts of a packet came in: conntrack has put it together when it is told of. */
function takeTunnels(tunnels: Map<string, { readonly bytes: number; readonly visits: RuleVisit[] }>, bytes: number): readonly RuleVisit[] {
  const visits: RuleVisit[] = [];
  let covered = 0;
  for (const [key, tunnel] of tunnels) {
    if (covered >= bytes) break;
    covered += tunnel.bytes - TUNNEL_BYTES - (covered === 0 ? 0 : FRAGMENT_BYTES);
    visits.push(...tunnel.visits);
    tunnels.delete(key);
  }
  return visits;
}

/** Rules that the first packet of every label met, node by node; a tunnel's outer packet counts as part of what it carries. */
export function packetVisits(nodes: readonly NodeTrace[], tunnelPort: number): ReadonlyMap<string, readonly RuleVisit[]> {
  const found = new Map<string, RuleVisit[]>();
  for (const node of nodes) {
    const mets = readNode(node, tunnelPort);
    const firsts = new Map<string, string>();
    const tunnels = new Map<string, { readonly bytes: number; readonly visits: RuleVisit[] }>();
    const unpacked = new Set<string>();
    let last: Met | undefined;
    const isFirst = (met: Met): boolean => met.label !== '' && firsts.get(met.label) === met.key;
    const add = (label: string, visits: readonly RuleVisit[]): void => {
      const list = found.get(label) ?? [];
      list.push(...visits);
      found.set(label, list);
    };
    for (const met of mets) {
      if (met.tunnel) {
        // Coming in it is unpacked later, in its turn; going out it was packed just now.
        if (met.incoming) tunnels.set(met.key, { bytes: met.bytes, visits: [...(tunnels.get(met.key)?.visits ?? []), ...met.visits] });
        else if (last !== undefined && isFirst(last)) add(last.label, met.visits);
        continue;
      }
      if (!firsts.has(met.label)) firsts.set(met.label, met.key);
      const outer = unpacked.has(met.key) ? [] : takeTunnels(tunnels, met.bytes);
      unpacked.add(met.key);
      if (isFirst(met)) add(met.label, [...outer, ...met.visits]);
      last = met;
    }
  }
  return found;
}
