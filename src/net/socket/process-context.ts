/** The hands of one running program: what an app's context does, in terms of sockets, kernel and records. */

import type { Prng } from '../../base/prng.ts';
import { parseMac } from '../addr/mac.ts';
import type { AppContext, Endpoint, LocalChoice, SctpCalls, SendOptions, SocketId, TcpSocketOptions, TlsNote, UdpSocketOptions } from '../app/definition.ts';
import type { OutputStream } from '../engine.ts';
import type { Netns, Process } from '../records.ts';
import type { Errno, RouteQuery } from '../stack/userland.ts';
import type { ArpMessage, Ip, Mac, Packet, Payload } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import type { SctpTransport } from './sctp-transport.ts';
import type { Socket } from './sockets.ts';
import { setReading } from './tcp-data.ts';
import { tcpAbort, tcpClose, tcpConnect, tcpListen, tcpSend, tcpShutdown } from './tcp-open.ts';
import { echoOpen, echoSend, type Owner, setUdpReading, udpBind, udpConnect, udpSend } from './udp.ts';

/** What the runtime lends to a context. */
export interface ProcessHost {
  readonly layer: SocketLayer;
  print(processId: string, stream: OutputStream, text: string): void;
  tell(processId: string, note: TlsNote): void;
  requestExit(processId: string, code: number): void;
  /** Loads the kernel module on the process' host (sctp_init()); undefined where the program has not brought it. */
  loadSctp(processId: string): SctpTransport | undefined;
}

const NOWHERE: Endpoint = { ip: 0, port: 0 };

export class ProcessContext implements AppContext {
  readonly processId: string;
  readonly name: string;
  readonly netns: string;
  readonly #host: ProcessHost;
  readonly #owner: Owner;
  readonly #taps = new Set<string>();
  #listens = false;
  readonly #files: Readonly<Record<string, string>> | undefined;
  readonly #libc: 'glibc' | 'musl';

  constructor(host: ProcessHost, { id: processId, name, netns, files, libc, uid }: Process) {
    this.#files = files;
    this.#libc = libc ?? 'glibc';
    this.#host = host;
    this.processId = processId;
    this.name = name;
    this.netns = netns;
    this.#owner = { netns, processId, name, uid };
  }

  get nowNs(): number {
    return this.#host.layer.kernel.nowNs;
  }

  get hostname(): string {
    return this.#netnsRecord()?.hostname ?? '';
  }

  get libc(): 'glibc' | 'musl' {
    return this.#libc;
  }

  file(path: string): string | undefined {
    const own = this.#files;
    if (own !== undefined && Object.hasOwn(own, path)) return own[path];
    const files = this.#netnsRecord()?.files;
    return files !== undefined && Object.hasOwn(files, path) ? files[path] : undefined;
  }

  prng(name: string): Prng {
    return this.#host.layer.kernel.prng(name);
  }

  out(text: string): void {
    if (text !== '') this.#host.print(this.processId, 'stdout', text);
  }

  err(text: string): void {
    if (text !== '') this.#host.print(this.processId, 'stderr', text);
  }

  save(text: string): void {
    if (text !== '') this.#host.print(this.processId, 'file', text);
  }

  tell(note: TlsNote): void {
    this.#host.tell(this.processId, note);
  }

  exit(code: number): void {
    this.#host.requestExit(this.processId, code);
  }

  setTimer(delayNs: number, tag: string, data?: unknown, housekeeping = false): number {
    return this.#host.layer.kernel.setTimer(Math.max(0, Math.round(delayNs)), { kind: 'process', process: this.processId, tag, data }, housekeeping);
  }

  cancelTimer(id: number): void {
    this.#host.layer.kernel.cancelTimer(id);
  }

  udpBind(ip: Ip, port: number, options?: UdpSocketOptions): SocketId | Errno {
    return idOf(udpBind(this.#host.layer, this.#owner, ip, port, options));
  }

  udpConnect(to: Endpoint, from?: LocalChoice): SocketId | Errno {
    return idOf(udpConnect(this.#host.layer, this.#owner, to, from));
  }

  udpSend(id: SocketId, payload: Payload, to?: Endpoint, options?: SendOptions): 'ok' | Errno {
    const socket = this.#find(id);
    return socket?.protocol === 'udp' ? udpSend(this.#host.layer, socket, payload, to, options) : 'EINVAL';
  }

  get sctp(): SctpCalls {
    const layer = this.#host.layer;
    const open = (make: (transport: SctpTransport) => Socket | Errno): SocketId | Errno => {
      const transport = this.#host.loadSctp(this.processId);
      return transport === undefined ? 'EPROTONOSUPPORT' : idOf(make(transport));
    };
    return {
      listen: (ip, port) => open((transport) => transport.listen(layer, this.#owner, ip, port)),
      connect: (to, from) => open((transport) => transport.connect(layer, this.#owner, to, from)),
      send: (id, payload) => {
        const socket = this.#find(id);
        return socket?.protocol === 'sctp' ? (layer.sctp?.send(layer, socket, payload) ?? 'EINVAL') : 'EINVAL';
      },
    };
  }

  tcpListen(ip: Ip, port: number, backlog: number, options?: TcpSocketOptions): SocketId | Errno {
    return idOf(tcpListen(this.#host.layer, this.#owner, ip, port, backlog, options));
  }

  tcpConnect(to: Endpoint, from?: LocalChoice & TcpSocketOptions): SocketId | Errno {
    const owner = from?.netns === undefined ? this.#owner : { ...this.#owner, netns: from.netns };
    return idOf(tcpConnect(this.#host.layer, owner, to, from));
  }

  tcpSend(id: SocketId, payload: Payload): void {
    const socket = this.#find(id);
    if (socket?.protocol === 'tcp') tcpSend(this.#host.layer, socket, payload);
  }

  shutdown(id: SocketId): void {
    const socket = this.#find(id);
    if (socket?.protocol === 'tcp') tcpShutdown(this.#host.layer, socket);
  }

  setReading(id: SocketId, on: boolean): void {
    const socket = this.#find(id);
    if (socket?.protocol === 'tcp') setReading(this.#host.layer, socket, on);
    else if (socket?.protocol === 'udp') setUdpReading(this.#host.layer, socket, on);
  }

  close(id: SocketId): void {
    const socket = this.#find(id);
    if (socket !== undefined) closeSocket(this.#host.layer, socket);
  }

  abort(id: SocketId): void {
    const socket = this.#find(id);
    if (socket?.protocol === 'tcp') tcpAbort(this.#host.layer, socket);
    else if (socket?.protocol === 'sctp') this.#host.layer.sctp?.abort(this.#host.layer, socket);
    else if (socket !== undefined) closeSocket(this.#host.layer, socket);
  }

  localEndpoint(id: SocketId): Endpoint {
    const socket = this.#find(id);
    return socket === undefined ? NOWHERE : { ip: socket.localIp, port: socket.localPort };
  }

  remoteEndpoint(id: SocketId): Endpoint {
    const socket = this.#find(id);
    if (socket === undefined || socket.protocol === 'icmp') return NOWHERE;
    if (socket.protocol === 'sctp') return { ip: socket.remoteIp, port: socket.remotePort };
    const { netns, protocol, remoteIp: ip, remotePort: port } = socket;
    return this.#host.layer.kernel.socketHooks.getpeername({ netns, protocol, ip, port, socket: id });
  }

  originalDestination(id: SocketId): Endpoint | undefined {
    const socket = this.#find(id);
    if (socket?.protocol !== 'tcp') return undefined;
    const { netns, localIp, localPort, remoteIp, remotePort } = socket;
    return this.#host.layer.kernel.originalDestination(netns, { ip: localIp, port: localPort }, { ip: remoteIp, port: remotePort });
  }

  echoOpen(id: number): SocketId | Errno {
    return idOf(echoOpen(this.#host.layer, this.#owner, id));
  }

  echoSend(id: SocketId, to: Ip, sequence: number, bytes: number, options?: SendOptions): 'ok' | Errno {
    const socket = this.#find(id);
    return socket?.protocol === 'icmp' ? echoSend(this.#host.layer, socket, to, sequence, bytes, options) : 'EINVAL';
  }

  rawSend(packet: Packet): 'ok' | Errno {
    return this.#host.layer.kernel.output(this.netns, this.#ownPacket(packet), this.name, undefined, true);
  }

  tap(device: string, on: boolean, promiscuous = true): void {
    if (on === this.#taps.has(device)) return;
    if (on) this.#taps.add(device);
    else this.#taps.delete(device);
    this.#host.layer.kernel.setTap(this.netns, device, this.processId, on, promiscuous);
  }

  listenConnections(on: boolean): void {
    if (on === this.#listens) return;
    this.#listens = on;
    this.#host.layer.kernel.listenConnections(this.netns, this.processId, on);
  }

  collectConnections(): void {
    this.#host.layer.kernel.collectConnections(this.netns);
  }

  /** For the end of the process and for snapshots. */
  get listens(): boolean {
    return this.#listens;
  }

  deviceIndex(device: string): number | undefined {
    const record = this.#host.layer.kernel.records.find(`${this.netns}/device/${device}`);
    return record?.kind === 'device' ? record.index : undefined;
  }

  deviceIsRaw(device: string): boolean {
    const record = this.#host.layer.kernel.records.find(`${this.netns}/device/${device}`);
    return record?.kind === 'device' && (record.type === 'tun' || record.type === 'ipip' || record.type === 'wireguard');
  }

  routeFor(to: Ip, bound?: RouteQuery): { readonly source: Ip; readonly mtuBytes: number; readonly device: string } | Errno {
    return this.#host.layer.kernel.routeFor(this.netns, to, bound);
  }

  findDevice(name: string): { readonly mac: Mac; readonly arp: boolean; readonly up: boolean } | undefined {
    const record = this.#host.layer.kernel.records.find(`${this.netns}/device/${name}`);
    if (record?.kind !== 'device') return undefined;
    return { mac: parseMac(record.mac) ?? 0, arp: record.type !== 'loopback' && record.type !== 'dummy' && !this.deviceIsRaw(name), up: record.up };
  }

  sendArp(device: string, arp: ArpMessage, destination: Mac): 'ok' | Errno {
    return this.#host.layer.kernel.sendArp(this.netns, device, arp, destination, this.name);
  }

  isLocalAddress(ip: Ip): boolean {
    return this.#host.layer.kernel.isLocalAddress(this.netns, ip);
  }

  isBroadcast(ip: Ip): boolean {
    return this.#host.layer.kernel.isBroadcast(this.netns, ip);
  }

  /** Devices that are tapped, for the end of the process and for snapshots. */
  get taps(): readonly string[] {
    return [...this.#taps];
  }

  /** After a restore, when the kernel's taps are back already. */
  adoptTaps(devices: readonly string[], listens: boolean): void {
    this.#listens = listens;
    this.#taps.clear();
    for (const device of devices) this.#taps.add(device);
  }

  /** The engine's own kind of packet with these headers, inner ones too. */
  #ownPacket(packet: Packet): Packet {
    const own = this.#host.layer.kernel.newPacket();
    const { id, causeSeq } = own;
    const inner = packet.inner === undefined ? undefined : Object.assign(this.#ownPacket(packet.inner), { id });
    return Object.assign(own, packet, { id, causeSeq, raw: false, ethSrc: 0, ethDst: 0, inner });
  }

  #find(id: SocketId): Socket | undefined {
    const socket = this.#host.layer.table.find(id);
    return socket !== undefined && socket.processId === this.processId ? socket : undefined;
  }

  #netnsRecord(): Netns | undefined {
    const record = this.#host.layer.kernel.records.find(this.netns);
    return record?.kind === 'netns' ? record : undefined;
  }
}

const idOf = (result: Socket | Errno): SocketId | Errno => (typeof result === 'string' ? result : result.id);

/** What the end of a process does to what it held. */
export function closeSocket(layer: SocketLayer, socket: Socket): void {
  if (socket.protocol === 'tcp') tcpClose(layer, socket);
  else if (socket.protocol === 'sctp') layer.sctp?.close(layer, socket);
  else layer.table.remove(socket);
}
