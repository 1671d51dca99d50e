/** All sockets of one engine and the indexes to find them by address and port; keys are small integers. */
import { ipHash } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { bothMeant, boundDistance } from './bound.ts';
import { copySocket, type EchoSocket, type SctpSocket, type Socket, type TcpSocket, type UdpSocket } from './sockets.ts';

/** One netns' sockets. Buckets hold few entries: those that share ports. */
interface NetnsSockets {
  /** Connections by both ports. */
  readonly connections: Map<number, TcpSocket[]>;
  readonly listeners: Map<number, TcpSocket[]>;
  readonly udp: Map<number, UdpSocket[]>;
  readonly echo: Map<number, EchoSocket>;
  /** Listeners and associations by local port. */
  readonly sctp: Map<number, SctpSocket[]>;
}

const pairKey = (localPort: number, remotePort: number): number => (localPort << 16) | remotePort;

export class SocketTable {
  #sockets = new Map<number, Socket>();
  #netns = new Map<string, NetnsSockets>();
  /** Ids of the sockets that each process holds. */
  #owned = new Map<string, Set<number>>();
  #nextId = 1;
  /** TIME-WAIT and orphaned FIN-WAIT-2, in order of their end; an entry counts only while the socket still has that very end. */
  #expiring: Expiry[] = [];
  #expired = 0;

  /** Where the sequences of ephemeral ports have got to (table_perturb). */
  #perturb = new Map<number, number>();

  portPerturb(index: number, chance: { below(limit: number): number }): number {
    let value = this.#perturb.get(index);
    if (value === undefined) {
      value = chance.below(0x10000);
      this.#perturb.set(index, value);
    }
    return value;
  }

  movePortPerturb(index: number, by: number): void {
    this.#perturb.set(index, ((this.#perturb.get(index) ?? 0) + by) >>> 0);
  }

  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  find(id: number): Socket | undefined {
    return this.#sockets.get(id);
  }

  values(): IterableIterator<Socket> {
    return this.#sockets.values();
  }

  add(socket: Socket): void {
    this.#sockets.set(socket.id, socket);
    if (socket.processId !== '') {
      const owned = this.#owned.get(socket.processId);
      if (owned === undefined) this.#owned.set(socket.processId, new Set([socket.id]));
      else owned.add(socket.id);
    }
    this.#index(socket);
  }

  /** The process lets go of it; the socket may live on for a while. */
  disown(socket: Socket): void {
    const owned = this.#owned.get(socket.processId);
    if (owned !== undefined) {
      owned.delete(socket.id);
      if (owned.size === 0) this.#owned.delete(socket.processId);
    }
    socket.processId = '';
  }

  ownedBy(processId: string): Socket[] {
    const sockets: Socket[] = [];
    for (const id of this.#owned.get(processId) ?? []) {
      const socket = this.#sockets.get(id);
      if (socket !== undefined) sockets.push(socket);
    }
    return sockets;
  }

  remove(socket: Socket): void {
    if (!this.#sockets.delete(socket.id)) return;
    this.#owned.get(socket.processId)?.delete(socket.id);
    const netns = this.#netns.get(socket.netns);
    if (netns === undefined) return;
    if (socket.protocol === 'udp') removeFrom(netns.udp, socket.localPort, socket);
    else if (socket.protocol === 'icmp') netns.echo.delete(socket.localPort);
    else if (socket.protocol === 'sctp') removeFrom(netns.sctp, socket.localPort, socket);
    else {
      if (socket.backlog > 0) removeFrom(netns.listeners, socket.localPort, socket);
      else removeFrom(netns.connections, pairKey(socket.localPort, socket.remotePort), socket);
    }
  }

  /** Everything of a netns that is gone, without a word to anybody. */
  dropNetns(netnsId: string): Socket[] {
    const gone = [...this.#sockets.values()].filter((socket) => socket.netns === netnsId);
    for (const socket of gone) {
      this.#sockets.delete(socket.id);
      this.#owned.get(socket.processId)?.delete(socket.id);
    }
    this.#netns.delete(netnsId);
    return gone;
  }

  findConnection(netnsId: string, localIp: Ip, localPort: number, remoteIp: Ip, remotePort: number): TcpSocket | undefined {
    const bucket = this.#netns.get(netnsId)?.connections.get(pairKey(localPort, remotePort));
    if (bucket === undefined) return undefined;
    for (const socket of bucket) if (socket.remoteIp === remoteIp && socket.localIp === localIp) return socket;
    return undefined;
  }

  /** A socket bound to the very address wins over one bound to all; of several with SO_REUSEPORT the flow's hash chooses one (reuseport_select_sock()). */
  findListener(netnsId: string, localIp: Ip, localPort: number, remoteIp: Ip, remotePort: number): TcpSocket | undefined {
    const bucket = this.#netns.get(netnsId)?.listeners.get(localPort);
    if (bucket === undefined) return undefined;
    const best = bestBound(bucket, localIp);
    if (best === undefined || !best.reusePort || bucket.length === 1) return best;
    return ofGroup(
      bucket.filter((socket) => socket.reusePort && socket.localIp === best.localIp),
      best,
      remoteIp,
      remotePort,
    );
  }

  /** Linux: net/ipv4/udp.c, compute_score: connected sockets hear only from their peer and come first. */
  findUdp(netnsId: string, localIp: Ip, localPort: number, remoteIp: Ip, remotePort: number, device = ''): UdpSocket | undefined {
    const bucket = this.#netns.get(netnsId)?.udp.get(localPort);
    if (bucket === undefined) return undefined;
    let best: UdpSocket | undefined;
    let bestScore = -1;
    for (const socket of bucket) {
      const distance = boundDistance(socket, localIp);
      if (distance < 0) continue;
      if (socket.connected && (socket.remoteIp !== remoteIp || socket.remotePort !== remotePort)) continue;
      if (socket.device !== '' && socket.device !== device) continue;
      const score = 2 - distance + (socket.connected ? 4 : 0) + (socket.device !== '' ? 2 : 0);
      if (score > bestScore) {
        best = socket;
        bestScore = score;
      }
    }
    if (best?.reusePort === true && !best.connected) {
      const { localIp: bound } = best;
      return ofGroup(
        bucket.filter((socket) => socket.reusePort && !socket.connected && socket.localIp === bound),
        best,
        remoteIp,
        remotePort,
      );
    }
    return best;
  }

  findEcho(netnsId: string, id: number): EchoSocket | undefined {
    return this.#netns.get(netnsId)?.echo.get(id);
  }

  /** The association of these two ends, else who listens. */
  findSctp(netnsId: string, localIp: Ip, localPort: number, remoteIp: Ip, remotePort: number): SctpSocket | undefined {
    const bucket = this.#netns.get(netnsId)?.sctp.get(localPort);
    if (bucket === undefined) return undefined;
    for (const socket of bucket)
      if (socket.state !== 'LISTEN' && socket.remotePort === remotePort && socket.remoteIp === remoteIp && socket.localIp === localIp) return socket;
    return bestBound(
      bucket.filter((socket) => socket.state === 'LISTEN'),
      localIp,
    );
  }

  isSctpListening(netnsId: string, ip: Ip, port: number, v6only: boolean): boolean {
    const bucket = this.#netns.get(netnsId)?.sctp.get(port) ?? [];
    return bucket.some((socket) => socket.state === 'LISTEN' && bothMeant(socket, { localIp: ip, v6only }));
  }

  hasSctp(netnsId: string, port: number): boolean {
    return this.#netns.get(netnsId)?.sctp.has(port) ?? false;
  }

  /** Whether binding is refused with EADDRINUSE (udp_lib_lport_inuse()): not where both chose SO_REUSEPORT or are bound to different devices. */
  isUdpBound(netnsId: string, ip: Ip, port: number, device: string, reusePort: boolean, v6only = false): boolean {
    const bucket = this.#netns.get(netnsId)?.udp.get(port) ?? [];
    return bucket.some(
      (socket) =>
        bothMeant(socket, { localIp: ip, v6only }) && (socket.device === '' || device === '' || socket.device === device) && !(reusePort && socket.reusePort),
    );
  }

  /** Servers set SO_REUSEADDR: connections that remain of a former server do not hinder them, another listener does, unless both set SO_REUSEPORT. */
  isListening(netnsId: string, ip: Ip, port: number, reusePort: boolean, v6only = false): boolean {
    const bucket = this.#netns.get(netnsId)?.listeners.get(port) ?? [];
    return bucket.some((socket) => bothMeant(socket, { localIp: ip, v6only }) && !(reusePort && socket.reusePort));
  }

  hasListener(netnsId: string, port: number): boolean {
    return this.#netns.get(netnsId)?.listeners.has(port) ?? false;
  }

  hasEcho(netnsId: string, id: number): boolean {
    return this.#netns.get(netnsId)?.echo.has(id) ?? false;
  }

  /** The socket will end at `socket.expiresNs`. Nearly all waits are equally long, so that a place is found at the end of the list. */
  expireLater(socket: TcpSocket): void {
    const entry = { socket: socket.id, atNs: socket.expiresNs };
    let at = this.#expiring.length;
    while (at > this.#expired && (this.#expiring[at - 1] as Expiry).atNs > entry.atNs) at -= 1;
    if (at === this.#expiring.length) this.#expiring.push(entry);
    else this.#expiring.splice(at, 0, entry);
  }

  /** Removes what has ended by `nowNs`. */
  expire(nowNs: number): void {
    while (this.#expired < this.#expiring.length) {
      const entry = this.#expiring[this.#expired] as Expiry;
      if (entry.atNs > nowNs) break;
      const socket = this.#sockets.get(entry.socket);
      if (socket !== undefined && socket.protocol === 'tcp' && socket.expiresNs === entry.atNs) this.remove(socket);
      this.#expired += 1;
    }
    if (this.#expired > 1024 && this.#expired * 2 > this.#expiring.length) {
      this.#expiring = this.#expiring.slice(this.#expired);
      this.#expired = 0;
    }
  }

  snapshot(): SocketTableSnapshot {
    return {
      perturb: [...this.#perturb],
      nextId: this.#nextId,
      expiring: this.#expiring.slice(this.#expired),
      sockets: [...this.#sockets.values()].map(copySocket),
    };
  }

  restore(snapshot: SocketTableSnapshot): void {
    this.#nextId = snapshot.nextId;
    this.#perturb = new Map(snapshot.perturb);
    this.#expiring = snapshot.expiring.slice();
    this.#expired = 0;
    this.#sockets = new Map();
    this.#netns = new Map();
    this.#owned = new Map();
    for (const socket of snapshot.sockets) this.add(copySocket(socket));
  }

  #index(socket: Socket): void {
    let netns = this.#netns.get(socket.netns);
    if (netns === undefined) {
      netns = { connections: new Map(), listeners: new Map(), udp: new Map(), echo: new Map(), sctp: new Map() };
      this.#netns.set(socket.netns, netns);
    }
    if (socket.protocol === 'udp') addTo(netns.udp, socket.localPort, socket);
    else if (socket.protocol === 'icmp') netns.echo.set(socket.localPort, socket);
    else if (socket.protocol === 'sctp') addTo(netns.sctp, socket.localPort, socket);
    else {
      if (socket.backlog > 0) addTo(netns.listeners, socket.localPort, socket);
      else addTo(netns.connections, pairKey(socket.localPort, socket.remotePort), socket);
    }
  }
}

interface Expiry {
  readonly socket: number;
  readonly atNs: number;
}

export interface SocketTableSnapshot {
  readonly nextId: number;
  readonly perturb: readonly (readonly [number, number])[];
  readonly expiring: readonly Expiry[];
  readonly sockets: readonly Socket[];
}

/** One of the sockets that share a port, always the same for the same peer. */
function ofGroup<S>(group: readonly S[], otherwise: S, remoteIp: Ip, remotePort: number): S {
  let h = Math.imul(ipHash(remoteIp) ^ remotePort, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  return group[Math.floor((h / 2 ** 32) * group.length)] ?? otherwise;
}

function bestBound<S extends { readonly localIp: Ip; readonly v6only?: boolean }>(bucket: readonly S[] | undefined, localIp: Ip): S | undefined {
  let best: S | undefined;
  let least = Number.MAX_SAFE_INTEGER;
  for (const socket of bucket ?? []) {
    const distance = boundDistance(socket, localIp);
    if (distance < 0 || distance >= least) continue;
    best = socket;
    least = distance;
  }
  return best;
}

function addTo<S>(map: Map<number, S[]>, key: number, socket: S): void {
  const bucket = map.get(key);
  if (bucket === undefined) map.set(key, [socket]);
  else bucket.push(socket);
}

function removeFrom<S>(map: Map<number, S[]>, key: number, socket: S): void {
  const bucket = map.get(key);
  if (bucket === undefined) return;
  const at = bucket.indexOf(socket);
  if (at < 0) return;
  if (bucket.length === 1) map.delete(key);
  else bucket.splice(at, 1);
}
