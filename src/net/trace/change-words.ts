/** What a change of a record was, in the words of the tool that shows such records: only what differs. */

import { bpfLines } from '../bpf/bpf-words.ts';
import { qdiscText } from '../device/qdisc-text.ts';
import type { IpvsService } from '../ipvs/ipvs-records.ts';
import { ipvsDestinationWords, ipvsName, ipvsServiceWords } from '../ipvs/ipvs-words.ts';
import { formatHeader } from '../netfilter/ipset/text.ts';
import type { NftChain } from '../nft/nft-records.ts';
import type { Chain, Device, Netns, NetRecord } from '../records.ts';
import { formatRoute } from '../stack/format-route.ts';
import type { Step } from '../trace-event.ts';

/** Lines of a chain or settings of a netns that one change shows. */
const MAX_LINES = 8;
const MAX_COMMAND = 400;

/** The step that a row of the log decodes to. */
export function changeStep(command: string | undefined, before: NetRecord | undefined, after: NetRecord | undefined): Step {
  const record = (after ?? before) as NetRecord;
  const [old, now] = differences(before, after);
  const replaced = before?.origin.component;
  return {
    kind: 'changed',
    by: command === undefined ? record.origin.component : 'user',
    record: record.kind,
    recordId: record.id,
    ...(command === undefined ? {} : { command: command.length > MAX_COMMAND ? `${command.slice(0, MAX_COMMAND)}…` : command }),
    ...(old === '' ? {} : { before: old }),
    ...(now === '' ? {} : { after: now }),
    ...(replaced === undefined ? {} : { replaced }),
  };
}

/** Lines that only one of the two has; order and repeats count, as in a chain. */
function differences(before: NetRecord | undefined, after: NetRecord | undefined): readonly [string, string] {
  const old = before === undefined ? [] : linesOf(before);
  const now = after === undefined ? [] : linesOf(after);
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  return [joined(old.slice(start, old.length - end)), joined(now.slice(start, now.length - end))];
}

function joined(lines: readonly string[]): string {
  if (lines.length <= MAX_LINES) return lines.join('\n');
  return `${lines.slice(0, MAX_LINES).join('\n')}\n… and ${lines.length - MAX_LINES} more`;
}

/** A record as lines: one a route, a neighbour; as many as there are rules, addresses, settings. */
export function linesOf(record: NetRecord): readonly string[] {
  switch (record.kind) {
    case 'route':
      return [formatRoute(record)];
    case 'neighbor':
      return [`${record.ip} dev ${record.device} lladdr ${record.mac} ${record.state}`];
    case 'fdb':
      return [`${record.mac} dev ${record.device}${record.dst === undefined ? '' : ` dst ${record.dst}`} ${record.state}`];
    case 'chain':
      return chainLines(record);
    case 'ipset':
      return [`create ${record.name} ${record.type} ${formatHeader(record)}`.trimEnd(), ...record.entries.map((e) => `add ${record.name} ${e.element}`)];
    case 'nft-table':
      return [`table ${record.family} ${record.name}`];
    case 'nft-chain':
      return nftChainLines(record);
    case 'nft-set':
      return [
        `${record.data === undefined ? 'set' : 'map'} ${record.family} ${record.table} ${record.name}`,
        ...record.elements.map((e) => `${record.name}: ${e.text}`),
      ];
    case 'nft-object':
      return [`${record.type} ${record.family} ${record.table} ${record.name} ${record.text}`];
    case 'nfqueue':
      return [`queue ${record.queue}: ${record.program}`];
    case 'ipvs-service':
      return ipvsLines(record);
    case 'bpf-program':
    case 'bpf-config':
    case 'bpf-service':
    case 'bpf-endpoint':
    case 'bpf-ipcache':
    case 'bpf-policy':
      return bpfLines(record);
    case 'device':
      return deviceLines(record);
    case 'netns':
      return netnsLines(record);
    default:
      return [record.id];
  }
}

function chainLines(chain: Chain): string[] {
  const lines = [chain.policy === undefined ? `:${chain.name} -` : `:${chain.name} ${chain.policy}`];
  for (const rule of chain.rules) lines.push(`-A ${chain.name} ${rule.text}`);
  return lines;
}

function nftChainLines(chain: NftChain): string[] {
  const { hook } = chain;
  const base = hook === undefined ? '' : ` type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${chain.policy ?? 'accept'};`;
  return [`chain ${chain.family} ${chain.table} ${chain.name}${base}`, ...chain.rules.map((r) => `${chain.name}: ${r.text}`)];
}

/** As `ipvsadm -Sn` writes them. */
function ipvsLines(service: IpvsService): string[] {
  const name = ipvsName(service);
  return [ipvsServiceWords(service, name), ...service.destinations.map((d) => ipvsDestinationWords(d, name))];
}

function deviceLines(device: Device): string[] {
  const lines = [
    `${device.name}: ${device.type} ${device.up ? 'up' : 'down'}`,
    `${device.name}: mtu ${device.mtuBytes}`,
    `${device.name}: link/ether ${device.mac}`,
    ...(device.master === undefined ? [] : [`${device.name}: master ${device.master.slice(device.master.lastIndexOf('/') + 1)}`]),
    ...device.addresses.map((a) => `${device.name}: inet ${a.ip}/${a.prefixLength}${a.broadcast === undefined ? '' : ` brd ${a.broadcast}`} scope ${a.scope}`),
    ...(device.qdisc === undefined
      ? []
      : [`qdisc ${device.qdisc.kind} ${device.qdisc.handle.toString(16)}: dev ${device.name} root ${qdiscText(device.qdisc).trim()}`]),
    ...settingLines(device),
  ];
  return lines;
}

const SAID_ABOVE: ReadonlySet<string> = new Set([
  'kind',
  'id',
  'origin',
  'netns',
  'name',
  'index',
  'type',
  'up',
  'mac',
  'mtuBytes',
  'master',
  'addresses',
  'qdisc',
  'neverUp',
]);

/** What the device's kind and its bridge port have beyond that, one setting a line. */
function settingLines(device: Device): string[] {
  const lines: string[] = [];
  for (const [key, value] of Object.entries(device)) {
    if (SAID_ABOVE.has(key)) continue;
    const plain = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value as object) : [[key, value] as const];
    for (const [name, one] of plain) lines.push(`${device.name}: ${name} ${typeof one === 'object' ? JSON.stringify(one) : String(one)}`);
  }
  return lines;
}

function netnsLines(netns: Netns): string[] {
  const lines = Object.entries(netns.sysctls)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name} = ${value}`);
  for (const [path, text] of Object.entries(netns.files)) lines.push(`${path}: ${text.length} bytes`);
  return lines;
}
