/** The matrix of who reaches whom without its drawing: lines of single peers or of groups, what to try in a cell, and what a cell says. */
import type { ProbeOutcome, ProbeSpec, ReachPeer } from '../../world/reach/reach-views.ts';

export type Grouping = 'none' | 'app' | 'namespace';

export interface Line {
  readonly key: string;
  readonly title: string;
  /** Of a group, and of a peer that is listed under it. */
  readonly group: string;
  readonly members: readonly ReachPeer[];
  readonly isGroup: boolean;
}

/** What a cell tries of two groups: more pairs would tell little more. */
const PAIRS_OF_GROUPS = 4;
/** Lines that are drawn. */
export const MAX_LINES = 48;
/** From so many peers on they are grouped at first. */
export const GROUP_FROM = 20;

/** The application of a peer, by the labels that people use for it. */
function appOf({ labels, title, end }: ReachPeer): string {
  const label = ['app.kubernetes.io/name', 'app', 'k8s-app']
    .map((key) => (Object.hasOwn(labels, key) ? labels[key] : undefined))
    .find((value) => value !== undefined);
  if (label !== undefined) return label;
  return end.startsWith('pod/') ? title.replace(/-[a-z0-9]{8,10}-[a-z0-9]{5}$|-[a-z0-9]{5}$/, '') : title;
}

const kindOf = (peer: ReachPeer): string => (peer.end.startsWith('host/') ? 'machines' : peer.end.startsWith('service/') ? 'Services' : 'pods');

function groupOf(peer: ReachPeer, grouping: Grouping): string {
  if (grouping === 'none') return '';
  const space = peer.namespace === '' ? '' : peer.namespace;
  if (grouping === 'namespace') return space === '' ? 'machines' : `${space} ${kindOf(peer)}`;
  return kindOf(peer) === 'pods' ? `${space}/${appOf(peer)}` : kindOf(peer) === 'Services' ? `${space} Services` : 'machines';
}

/** Groups of one are single lines. `open`: groups whose members are listed behind them. */
export function linesOf(peers: readonly ReachPeer[], grouping: Grouping, open: ReadonlySet<string>): readonly Line[] {
  const groups = new Map<string, ReachPeer[]>();
  const lines: Line[] = [];
  const single = (peer: ReachPeer, group: string): Line => ({ key: peer.end, title: peer.title, group, members: [peer], isGroup: false });
  if (grouping === 'none') return peers.map((peer) => single(peer, ''));
  for (const peer of peers) {
    const group = groupOf(peer, grouping);
    const list = groups.get(group);
    if (list === undefined) groups.set(group, [peer]);
    else list.push(peer);
  }
  for (const [group, members] of groups) {
    const [only] = members;
    if (members.length === 1 && only !== undefined) lines.push(single(only, ''));
    else {
      lines.push({ key: `group ${group}`, title: group, group, members, isGroup: true });
      if (open.has(group)) lines.push(...members.map((peer) => single(peer, group)));
    }
  }
  return lines;
}

export type Way = { readonly kind: 'ports' } | { readonly kind: 'icmp' } | { readonly kind: 'port'; readonly port: number };

/** Where a peer is tried: its first TCP port, else its first. `80/TCP` */
export const portOf = (to: ReachPeer): string | undefined => to.ports.find((one) => one.endsWith('/TCP')) ?? to.ports[0];

/** The attempt from one peer to another; undefined where there is none to make. */
export function specOf(from: ReachPeer, to: ReachPeer, way: Way): ProbeSpec | undefined {
  if (from.netns === '' || to.ip === '' || from.end === to.end) return undefined;
  if (way.kind === 'icmp') return to.netns === '' ? undefined : { from: from.netns, protocol: 'ICMP', target: to.ip, port: 0 };
  if (way.kind === 'port') return { from: from.netns, protocol: 'TCP', target: to.ip, port: way.port };
  const port = portOf(to);
  if (port === undefined) return undefined;
  const [number = '', protocol] = port.split('/');
  return { from: from.netns, protocol: protocol === 'UDP' ? 'UDP' : 'TCP', target: to.ip, port: Number(number) };
}

export const specKey = (spec: ProbeSpec): string => `${spec.from} ${spec.protocol} ${spec.target} ${spec.port}`;

/** All pairs of single peers; of groups the first and last of each side, and those next to them. */
export function cellSpecs(row: Line, column: Line, way: Way): readonly ProbeSpec[] {
  const specs: ProbeSpec[] = [];
  const limit = row.isGroup || column.isGroup ? PAIRS_OF_GROUPS : 1;
  const total = row.members.length * column.members.length;
  // Spread over the whole of it, always the same ones.
  const step = Math.max(1, Math.floor(total / limit));
  for (let at = 0; at < total && specs.length < limit; at += step) {
    for (let shift = 0; shift < step; shift += 1) {
      const index = at + shift;
      const from = row.members[Math.floor(index / column.members.length)];
      const to = column.members[index % column.members.length];
      const spec = from === undefined || to === undefined ? undefined : specOf(from, to, way);
      if (spec === undefined) continue;
      specs.push(spec);
      break;
    }
  }
  return specs;
}

export interface Cell {
  /** `none`: nothing to try. `waiting`: not yet tried. `mixed`: some are open. */
  readonly state: 'none' | 'waiting' | 'mixed' | ProbeOutcome;
  readonly open: number;
  readonly tried: number;
  /** Against the results before. */
  readonly change: 'opened' | 'closed' | undefined;
}

export type Outcomes = ReadonlyMap<string, ProbeOutcome>;

export function cellOf(specs: readonly ProbeSpec[], outcomes: Outcomes, before: Outcomes): Cell {
  if (specs.length === 0) return { state: 'none', open: 0, tried: 0, change: undefined };
  const found = specs.map((spec) => outcomes.get(specKey(spec)));
  const tried = found.filter((one) => one !== undefined);
  const open = tried.filter((one) => one === 'open').length;
  if (tried.length < specs.length) return { state: 'waiting', open, tried: tried.length, change: undefined };
  const was = specs.map((spec) => before.get(specKey(spec)));
  const wasOpen = was.filter((one) => one === 'open').length;
  const change = was.includes(undefined) || wasOpen === open ? undefined : open > wasOpen ? 'opened' : 'closed';
  const [first] = tried;
  const state = open === tried.length ? 'open' : open > 0 ? 'mixed' : (first ?? 'waiting');
  return { state, open, tried: tried.length, change };
}
