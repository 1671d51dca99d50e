/** Who speaks BGP with whom, and what each has learnt. Calico v3.30: confd/etc/calico/confd/templates/bird.cfg.template; RFC 4271 section 9, RFC 4456 */
import type { BirdConfig } from '../../../net/app/bird.ts';
import type { Api } from '../../../objects/api.ts';
import { defineKind } from '../../../objects/define.ts';
import type { KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { findNode, NETWORK_KINDS, underlayOf } from '../../node/cluster-network.ts';
import { perState } from '../../node/per-state.ts';
import { ROUTER_HOST } from '../../node/record-ids.ts';
import type { Node } from '../../node/types.ts';
import { anything, kindSchema } from '../../schema.ts';
import { daemonNodes, daemonsOf } from '../daemons.ts';
import { pieces } from './pieces.ts';
import { matches, selectorOf } from './selector.ts';
import { AS_NUMBER, CALICO, calicoSettings, DEFAULT_AS_NUMBER, REFLECTOR_ID } from './settings.ts';
import type { CalicoBgpPeer } from './types.ts';

/** The machine between the networks as a speaker, where a BGPPeer names its address. */
export const TOR = '';

export type PeerType = 'node-to-node mesh' | 'node specific' | 'global';

/** A session as one side is configured for it. */
export interface BgpSession {
  /** Node, or `TOR`. */
  readonly peer: string;
  readonly peerIp: string;
  readonly peerAs: number;
  readonly type: PeerType;
  /** Of BIRD: `Mesh_172_30_2_2`, `Node_…`, `Global_…`. */
  readonly name: string;
  readonly objects: readonly ObjectKey[];
}

export interface BgpSpeaker {
  /** Node, or `TOR`. */
  readonly name: string;
  readonly ip: string;
  readonly as: number;
  /** It hands on what it learns in its own AS. RFC 4456 */
  readonly reflectorId: string | undefined;
  readonly sessions: readonly BgpSession[];
}

export interface LearnedRoute {
  readonly destination: string;
  readonly nextHop: string;
  /** Whom it came from. */
  readonly from: string;
  /** AS numbers that it has passed. */
  readonly path: readonly number[];
  readonly objects: readonly ObjectKey[];
}

export const BGP_KINDS = [
  'BgpStatus',
  'Pod',
  'ConfigMap',
  'IPPool',
  'FelixConfiguration',
  'BGPConfiguration',
  'BGPPeer.projectcalico.org',
  'IPAMBlock',
  ...NETWORK_KINDS,
] as const;

const labelled = (node: Node | undefined, selector: string): boolean => {
  const labels = node?.metadata.labels ?? {};
  return node !== undefined && matches(selectorOf(selector), (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined));
};

/** Every speaker with its sessions, in order of name; without BIRD nobody speaks. */
export const bgpSpeakers = perState(BGP_KINDS, (view): ReadonlyMap<string, BgpSpeaker> => {
  const { backend, bgp } = calicoSettings(view);
  const speakers = new Map<string, BgpSpeaker>();
  if (backend !== 'bird') return speakers;
  const names = daemonNodes(CALICO, view).filter((name) => findNode(name, view)?.ip !== undefined);
  const nodeOf = (name: string) => view.find<Node>(`Node/${name}`);
  const ipOf = (name: string) => findNode(name, view)?.ip ?? '';
  const asOf = (name: string) => Number(nodeOf(name)?.metadata.annotations?.[AS_NUMBER] ?? bgp.asNumber ?? DEFAULT_AS_NUMBER);
  const reflectorOf = (name: string) => nodeOf(name)?.metadata.annotations?.[REFLECTOR_ID];
  const { gateway } = underlayOf(view);
  const peers = view.list<CalicoBgpPeer>('BGPPeer.projectcalico.org');
  const [torPeer] = peers.filter((peer) => (peer.spec?.peerIP ?? '').split(':')[0] === gateway);
  const mesh = bgp.nodeToNodeMeshEnabled !== false;
  const tor: BgpSession[] = [];
  const session = (peer: string, peerIp: string, peerAs: number, type: PeerType, objects: readonly ObjectKey[]): BgpSession => {
    const word = type === 'global' ? 'Global' : type === 'node specific' ? 'Node' : 'Mesh';
    return { peer, peerIp, peerAs, type, name: `${word}_${peerIp.replace(/[.:]/g, '_')}`, objects };
  };
  for (const name of names) {
    const sessions = new Map<string, BgpSession>();
    const add = (one: BgpSession): void => {
      if (one.peerIp !== ipOf(name) && !sessions.has(one.peerIp)) sessions.set(one.peerIp, one);
    };
    // A node with a cluster id leaves the mesh.
    if (mesh && reflectorOf(name) === undefined)
      for (const other of names) if (reflectorOf(other) === undefined) add(session(other, ipOf(other), asOf(other), 'node-to-node mesh', []));
    for (const peer of peers) {
      const { spec = {} } = peer;
      const applies = spec.node !== undefined ? spec.node === name : spec.nodeSelector === undefined || labelled(nodeOf(name), spec.nodeSelector);
      const isPeer = spec.peerSelector !== undefined && labelled(nodeOf(name), spec.peerSelector);
      const type: PeerType = spec.node === undefined && spec.nodeSelector === undefined ? 'global' : 'node specific';
      if (applies && spec.peerSelector !== undefined)
        for (const other of names) if (labelled(nodeOf(other), spec.peerSelector)) add(session(other, ipOf(other), asOf(other), type, [objectKey(peer)]));
      // Those that are selected as peers are told of the other side.
      if (isPeer)
        for (const other of names) {
          const there = spec.node !== undefined ? spec.node === other : spec.nodeSelector === undefined || labelled(nodeOf(other), spec.nodeSelector);
          if (there) add(session(other, ipOf(other), asOf(other), type, [objectKey(peer)]));
        }
      const ip = (spec.peerIP ?? '').split(':')[0] ?? '';
      if (applies && ip !== '') {
        const other = names.find((one) => ipOf(one) === ip);
        add(session(other ?? (ip === gateway ? TOR : '?'), ip, spec.asNumber ?? DEFAULT_AS_NUMBER, type, [objectKey(peer)]));
      }
    }
    speakers.set(name, { name, ip: ipOf(name), as: asOf(name), reflectorId: reflectorOf(name), sessions: [...sessions.values()] });
    for (const one of sessions.values()) if (one.peer === TOR) tor.push(session(name, ipOf(name), asOf(name), 'global', one.objects));
  }
  if (torPeer !== undefined && tor.length > 0)
    speakers.set(TOR, { name: TOR, ip: gateway, as: torPeer.spec?.asNumber ?? DEFAULT_AS_NUMBER, reflectorId: undefined, sessions: tor });
  return speakers;
});

/** What a BIRD last said of its sessions by address: absent while nothing was wrong. Named after its node, or `router`. */
export interface BgpStatus extends KubeObject {
  readonly spec: { readonly sessions: Readonly<Record<string, { readonly state: 'up' | 'start'; readonly info: string; readonly since: string }>> };
}

export const bgpStatusKind = defineKind<BgpStatus>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'BgpStatus',
  plural: 'bgpstatuses',
  singular: 'bgpstatus',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('What the BIRD of a node says of its sessions.', { spec: anything('By address of the peer.') }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name }),
});

const statusName = (speaker: string): string => (speaker === TOR ? ROUTER_HOST : speaker);
const reportOf = (speaker: BgpSpeaker, ip: string, view: StoreView) => {
  const sessions = view.find<BgpStatus>(`BgpStatus/${statusName(speaker.name)}`)?.spec.sessions;
  return sessions !== undefined && Object.hasOwn(sessions, ip) ? sessions[ip] : undefined;
};

/** A line of a BIRD on a host: `172.30.2.2 start Active        Error: Hold timer expired`. */
export function reportBgp(api: Api, host: string, text: string, since: string): void {
  const key: ObjectKey = `BgpStatus/${host}`;
  for (const line of text.split('\n')) {
    const match = /^(\S+) (up|start) (.*)$/.exec(line);
    if (match === null) continue;
    const live = api.view.find<BgpStatus>(key);
    const [, ip = '', state = '', info = ''] = match;
    const sessions = { ...live?.spec.sessions, [ip]: { state: state === 'up' ? 'up' : 'start', info, since } };
    const spec = { sessions };
    if (live === undefined) api.create({ apiVersion: 'kubehop.dev/v1alpha1', kind: 'BgpStatus', metadata: { name: host }, spec } as KubeObject);
    else api.update({ ...live, spec } as KubeObject);
  }
}

/** As BIRD shows it. */
export function sessionStatus(
  speaker: BgpSpeaker,
  session: BgpSession,
  view: StoreView,
): { readonly state: string; readonly info: string; readonly since: string } {
  const report = reportOf(speaker, session.peerIp, view);
  if (report !== undefined) return report;
  const started = (speaker.name === TOR ? undefined : daemonsOf(CALICO, view).get(speaker.name)?.pod.status?.startTime) ?? '';
  // Not before it was written down.
  const since = session.objects.map((key) => view.find(key)?.metadata.creationTimestamp ?? '').reduce((a, b) => (a < b ? b : a), started);
  return isConfigured(speaker, session, view) ? { state: 'up', info: 'Established', since } : { state: 'start', info: 'Connect', since };
}

/** Until a BIRD says otherwise a session that both sides are configured for is there: a cluster as it is found has settled. */
export function isEstablished(speaker: BgpSpeaker, session: BgpSession, view: StoreView): boolean {
  return isConfigured(speaker, session, view) && reportOf(speaker, session.peerIp, view)?.state !== 'start';
}

/** What one side tells the other. */
export function toldRoutes(from: BgpSpeaker, session: BgpSession, view: StoreView): BirdConfig['peers'][number]['tells'] {
  const speakers = bgpSpeakers(view);
  const to = speakers.get(session.peer);
  const own = pieces(view).filter((piece) => piece.node === from.name && piece.pool.announced);
  return [
    ...own.map((piece) => ({ prefix: piece.cidr, nextHop: from.ip, path: [] })),
    ...learnedRoutes(from.name, view)
      .filter((route) => to !== undefined && handsOn(from, to, route, speakers))
      .map((route) => ({ prefix: route.destination, nextHop: route.nextHop, path: route.path })),
  ];
}

/** Both sides are configured for each other and agree about their AS numbers. */
function isConfigured(speaker: BgpSpeaker, session: BgpSession, view: StoreView): boolean {
  const other = bgpSpeakers(view).get(session.peer);
  const back = other?.sessions.find((one) => one.peerIp === speaker.ip);
  return other !== undefined && back !== undefined && other.as === session.peerAs && back.peerAs === speaker.as;
}

/** Rounds until everybody knows everything: no path is longer than there are speakers, and than this. */
const MAX_ROUNDS = 64;
type Table = Map<string, LearnedRoute>;

function better(one: LearnedRoute, than: LearnedRoute | undefined): boolean {
  if (than === undefined || one.path.length !== than.path.length) return than === undefined || one.path.length < than.path.length;
  return one.from < than.from;
}

/** What each speaker has learnt, by destination. */
const tables = perState(BGP_KINDS, (view): ReadonlyMap<string, Table> => {
  const speakers = bgpSpeakers(view);
  const own = new Map<string, LearnedRoute[]>();
  for (const piece of pieces(view)) {
    const speaker = speakers.get(piece.node);
    if (speaker === undefined || !piece.pool.announced) continue;
    const route: LearnedRoute = { destination: piece.cidr, nextHop: speaker.ip, from: '', path: [], objects: [piece.block] };
    own.set(piece.node, [...(own.get(piece.node) ?? []), route]);
  }
  const learned = new Map<string, Table>([...speakers.keys()].map((name) => [name, new Map()]));
  const links = [...speakers.values()].flatMap((speaker) =>
    speaker.sessions
      .filter((session) => isEstablished(speaker, session, view))
      .map((session) => ({ to: speaker, session, from: speakers.get(session.peer) as BgpSpeaker })),
  );
  for (let round = 0, changed = true; changed && round < MAX_ROUNDS; round += 1) {
    changed = false;
    for (const { to, session, from } of links) {
      const table = learned.get(to.name) as Table;
      for (const route of [...(own.get(from.name) ?? []), ...(learned.get(from.name)?.values() ?? [])]) {
        if (!handsOn(from, to, route, speakers)) continue;
        if (own.get(to.name)?.some((one) => one.destination === route.destination) === true || route.path.includes(to.as)) continue;
        const outside = from.as !== to.as;
        // All are on one wire: whoever hands a route on names the way that it knows itself (a third party's next hop).
        const told: LearnedRoute = {
          ...route,
          from: session.peerIp,
          path: outside ? [from.as, ...route.path] : route.path,
          objects: [...session.objects, ...route.objects],
        };
        if (told.nextHop === to.ip) continue;
        const known = table.get(told.destination);
        if (!better(told, known)) continue;
        table.set(told.destination, told);
        changed = true;
      }
    }
  }
  return learned;
});

/** RFC 4271 section 9.2: what was learnt inside an AS is not told inside it, but by a reflector. */
function handsOn(from: BgpSpeaker, to: BgpSpeaker, route: LearnedRoute, speakers: ReadonlyMap<string, BgpSpeaker>): boolean {
  if (route.from === '' || from.as !== to.as) return true;
  const teacher = [...speakers.values()].find((one) => one.ip === route.from);
  if (teacher === undefined || teacher.as !== from.as) return true;
  return from.reflectorId !== undefined && teacher.name !== to.name;
}

export const learnedRoutes = (speaker: string, view: StoreView): readonly LearnedRoute[] => [...(tables(view).get(speaker)?.values() ?? [])];
