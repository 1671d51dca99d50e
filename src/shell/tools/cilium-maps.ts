/** BPF maps and endpoints as `cilium-dbg` prints them. Cilium v1.18: cilium-dbg/cmd/bpf_*.go, service_list.go, endpoint_list.go, pkg/maps */
import { formatIp4 } from '../../net/addr/ip4.ts';
import type { CtEntry } from '../../net/bpf/bpf-conntrack.ts';
import { IDENTITY_KUBE_APISERVER, IDENTITY_REMOTE_NODE } from '../../net/bpf/bpf-records.ts';
import type { BpfState, ServiceState } from '../../net/bpf/bpf-state.ts';
import { frontendText, serviceFlags } from '../../net/bpf/bpf-words.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Invocation } from '../command.ts';
import { renderTabs } from '../kubectl/describe/writer.ts';
import { identityOf } from './cilium-flows.ts';

const NS = 1e9;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP' };
const RESERVED: Readonly<Record<number, string>> = {
  1: 'reserved:host',
  2: 'reserved:world',
  3: 'reserved:unmanaged',
  4: 'reserved:health',
  5: 'reserved:init',
  6: 'reserved:remote-node',
  7: 'reserved:kube-apiserver',
  8: 'reserved:ingress',
};

/** Go's tabwriter with a tab behind every cell: the last one is padded too. */
export const padded = (rows: readonly (readonly string[])[]): string => renderTabs(rows.map((row) => `${row.join('\t')}\t\n`).join(''), 5, 3);

const byId = (state: BpfState): ServiceState[] => [...state.services()].sort((a, b) => a.revNatId - b.revNatId);

/** `ID   Frontend   Service Type   Backend` */
export function serviceList(state: BpfState): string {
  const rows: string[][] = [['ID', 'Frontend', 'Service Type', 'Backend']];
  for (const { record, revNatId } of byId(state)) {
    const lines = record.backends.map((b, i) => `${i + 1} => ${b.ip}:${b.port}/${record.protocol.toUpperCase()} (active)`);
    rows.push([String(revNatId), frontendText(record), record.type, lines[0] ?? '']);
    for (const line of lines.slice(1)) rows.push(['', '', '', line]);
  }
  return padded(rows);
}

export function lbList(state: BpfState, words: readonly string[]): string {
  if (words.includes('--revnat'))
    return padded([
      ['ID', 'BACKEND ADDRESS (REVNAT_ID) (SLOT)'],
      ...byId(state).map(({ record, revNatId }) => [String(revNatId), `${record.ip}:${record.port}`]),
    ]);
  if (words.includes('--backends')) {
    const backends = new Map(
      byId(state).flatMap((s) => s.backends.map((b) => [b.id, `${s.record.protocol.toUpperCase()}://${b.record.ip}:${b.port}`] as const)),
    );
    return padded([['ID', 'BACKEND ADDRESS'], ...[...backends].sort(([a], [b]) => a - b).map(([id, text]) => [String(id), text])]);
  }
  const frontends = words.includes('--frontends');
  const rows: string[][] = [['SERVICE ADDRESS', `BACKEND ${frontends ? 'ID' : 'ADDRESS'} (REVNAT_ID) (SLOT)`]];
  for (const { record, revNatId, backends } of byId(state)) {
    const frontend = frontendText(record);
    rows.push([`${frontend} (0)`, `${frontends ? '0' : '0.0.0.0:0'} (${revNatId}) (0) [${serviceFlags(record)}]`]);
    for (const [i, b] of backends.entries())
      rows.push([`${frontend} (${i + 1})`, `${frontends ? b.id : `${b.record.ip}:${b.port}/${record.protocol.toUpperCase()}`} (${revNatId}) (${i + 1})`]);
  }
  return padded(rows);
}

const hex = (number: number, digits = 2): string => `0x${number.toString(16).padStart(digits, '0')}`;

function flagsText(entry: CtEntry): string {
  const bits: readonly (readonly [boolean, number, string])[] = [
    [entry.rxClosing, 1, 'RxClosing'],
    [entry.txClosing, 2, 'TxClosing'],
    [entry.seenNonSyn, 16, 'SeenNonSyn'],
    [entry.nodePort, 32, 'NodePort'],
  ];
  const set = bits.filter(([on]) => on);
  return `${hex(
    set.reduce((sum, [, bit]) => sum | bit, 0),
    4,
  )} [ ${set.map(([, , name]) => `${name} `).join('')}]`;
}

/** Endpoints of a service entry stand the other way round, since its answers are what is translated. */
function ctLine(entry: CtEntry, state: BpfState): string {
  const client = `${formatIp4(entry.src)}:${entry.sport}`;
  const server = `${formatIp4(entry.dst)}:${entry.dport}`;
  const isService = entry.direction === 'SVC';
  const way = isService ? `OUT ${server} -> ${client} service` : `${entry.direction} ${client} -> ${server}`;
  const backend = isService
    ? state
        .services()
        .flatMap((s) => s.backends)
        .find((b) => b.ip === entry.backendIp && b.port === entry.backendPort)
    : undefined;
  const seconds = (ns: number): number => Math.floor(ns / NS);
  return `${PROTOCOLS[entry.protocol] ?? entry.protocol} ${way} expires=${seconds(entry.expiresNs)} Packets=${entry.packets} Bytes=${entry.bytes} RxFlagsSeen=${hex(entry.rxFlags)} LastRxReport=${seconds(entry.lastRxNs)} TxFlagsSeen=${hex(entry.txFlags)} LastTxReport=${seconds(entry.lastTxNs)} Flags=${flagsText(entry)} RevNAT=${entry.service === '' ? 0 : state.revNatId(entry.service)} SourceSecurityID=${entry.identity} BackendID=${backend?.id ?? 0} NatPort=0\n`;
}

export const ctList = (state: BpfState, nowNs: number): string =>
  state.conntrack
    .list(nowNs)
    .map((entry) => ctLine(entry, state))
    .join('');

export function natList(state: BpfState, nowNs: number): string {
  return state.nat
    .list()
    .map(({ original: o, toIp, toPort, createdNs }) => {
      const protocol = PROTOCOLS[o.protocol] ?? o.protocol;
      const [inside, outside, peer] = [`${formatIp4(o.src)}:${o.sport}`, `${formatIp4(toIp)}:${toPort}`, `${formatIp4(o.dst)}:${o.dport}`];
      const age = `Created=${Math.floor((nowNs - createdNs) / NS)}sec ago NeedsCT=0`;
      return `${protocol} OUT ${inside} -> ${peer} XLATE_SRC ${outside} ${age}\n${protocol} IN ${peer} -> ${outside} XLATE_DST ${inside} ${age}\n`;
    })
    .join('');
}

export function bpfEndpointList(state: BpfState, invocation: Invocation): string {
  const rows = [...state.endpoints()]
    .sort((a, b) => a.ip - b.ip)
    .map(({ record }): string[] => {
      if (record.endpointId === 0) return [`${record.ip}:0`, '(localhost)'];
      const device = invocation.host.engine.records.find(`${record.netns}/device/${record.device}`);
      const [index, nodeMac] = device?.kind === 'device' ? [device.index, device.mac] : [0, '00:00:00:00:00:00'];
      const id = String(record.endpointId).padEnd(5);
      const identity = String(record.identity).padEnd(5);
      return [
        `${record.ip}:0`,
        `id=${id} sec_id=${identity} flags=0x0000 ifindex=${String(index).padEnd(3)} mac=${record.mac.toUpperCase()} nodemac=${nodeMac.toUpperCase()} parent_ifindex=0`,
      ];
    });
  return padded([['IP ADDRESS', 'LOCAL ENDPOINT INFO'], ...rows]);
}

/** Addresses of learned names have the name's identity. */
export function ipcacheList(state: BpfState, nowNs: number): string {
  const learned = [...new Set(state.names.list().map(({ ip }) => ip))]
    .map((ip) => ({ ip, identity: identityOf(state, ip, nowNs) }))
    .filter(({ ip, identity }) => identity !== state.identityOf(ip))
    .map(({ ip, identity }) => [`${formatIp4(ip)}/32`, `identity=${identity} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`]);
  const rows = state
    .ipcacheEntries()
    .map(({ record }) => [
      record.prefix,
      `identity=${record.identity} encryptkey=0 tunnelendpoint=${record.tunnelEndpoint ?? '0.0.0.0'} flags=${record.tunnelEndpoint === undefined ? '<none>' : 'hastunnel'}`,
    ]);
  return padded([['IP PREFIX/ADDRESS', 'IDENTITY'], ...learned, ...rows.reverse()]);
}

/** Labels by identity, for whoever has them. */
export type IdentityLabels = (identity: number) => readonly string[] | undefined;
export const labelsOf = (identity: number, labels: IdentityLabels): readonly string[] => {
  const reserved = RESERVED[identity];
  if (reserved === undefined) return labels(identity) ?? [];
  // The API server's node is one of the others besides.
  return identity === IDENTITY_KUBE_APISERVER ? [reserved, RESERVED[IDENTITY_REMOTE_NODE] ?? ''] : [reserved];
};

export function endpointList(
  state: BpfState,
  labels: IdentityLabels,
  node: KubeObject | undefined,
  enforcement: (state: BpfState, ip: number) => readonly [string, string],
): string {
  const rows: string[][] = [
    ['ENDPOINT', 'POLICY (ingress)', 'POLICY (egress)', 'IDENTITY', 'LABELS (source:key[=value])', 'IPv6', 'IPv4', 'STATUS'],
    ['', 'ENFORCEMENT', 'ENFORCEMENT', '', '', '', '', ''],
  ];
  const add = (id: number, identity: number, words: readonly string[], ip: string, policy: readonly [string, string]): void => {
    rows.push([String(id), ...policy, String(identity), words[0] ?? 'no labels', '', ip, 'ready']);
    for (const word of words.slice(1)) rows.push(['', '', '', '', word, '', '', '']);
  };
  const own = state.endpoints().filter(({ isHost }) => !isHost);
  const hostLabels = Object.entries(node?.metadata.labels ?? {})
    .filter(([key]) => key.startsWith('node-role.kubernetes.io/') || key.startsWith('node.kubernetes.io/'))
    .map(([key, value]) => `k8s:${key}${value === '' ? '' : `=${value}`}`);
  for (const { record, ip } of own.sort((a, b) => a.record.endpointId - b.record.endpointId))
    add(record.endpointId, record.identity, labelsOf(record.identity, labels), record.ip, enforcement(state, ip));
  const used = new Set(own.map(({ record }) => record.endpointId));
  let hostId = 4000;
  while (used.has(hostId)) hostId += 1;
  add(hostId, 1, [...hostLabels, 'reserved:host'], '', ['Disabled', 'Disabled']);
  return padded(rows);
}

export function identityList(state: BpfState, labels: IdentityLabels, known: Iterable<number>): string {
  const numbers = new Set([...state.ipcacheEntries().map(({ identity }) => identity), ...known]);
  for (const reserved of Object.keys(RESERVED)) numbers.add(Number(reserved));
  const rows: string[][] = [['ID', 'LABELS']];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const words = labelsOf(number, labels);
    rows.push([String(number), words[0] ?? '']);
    for (const word of words.slice(1)) rows.push(['', word]);
  }
  return padded(rows);
}

export function ipList(state: BpfState, labels: IdentityLabels): string {
  const rows: string[][] = [['IP', 'IDENTITY', 'SOURCE']];
  for (const { record, identity } of [...state.ipcacheEntries()].reverse()) {
    const [first = '', ...rest] = labelsOf(identity, labels);
    rows.push([record.prefix, first, identity >= 256 ? 'custom-resource' : 'local']);
    for (const word of rest) rows.push(['', word, '']);
  }
  return padded(rows);
}
