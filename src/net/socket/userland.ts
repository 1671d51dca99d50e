/** Everything that runs on the simulated kernels: sockets and programs behind the kernel's seam (net/stack/userland.ts). */

import type { Change } from '../../base/record-store.ts';
import type { App, AppEvent, TlsNote } from '../app/definition.ts';
import type { Tally } from '../app/load/tally.ts';
import type { ConnectionEvent, OutputStream, ProcessView, SocketView, TapFrame } from '../engine.ts';
import type { NetRecord, Process } from '../records.ts';
import type { MibName } from '../stack/mib.ts';
import type { Kernel, TimerToken, Userland } from '../stack/userland.ts';
import { ICMP6_ECHO_REPLY } from '../wire/icmp6.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Packet } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import type { SocketLayer } from './layer.ts';
import { closeSocket, ProcessContext, type ProcessHost } from './process-context.ts';
import { type PendingEvent, ProcessTable, type ProcessTableSnapshot, type RunningProcess } from './process-table.ts';
import type { SctpTransport } from './sctp-transport.ts';
import { SettingsCache, type TransportSettings } from './settings.ts';
import { SocketTable, type SocketTableSnapshot } from './socket-table.ts';
import { socketView } from './socket-view.ts';
import type { TcpSocket } from './sockets.ts';
import { stopAckTimer } from './tcp-ack-mode.ts';
import { ackTimeout, startAckTimer } from './tcp-delayed-ack.ts';
import { tcpDeliver, tcpError } from './tcp-input.ts';
import { keepAliveFired, timerFired } from './tcp-timer.ts';
import { echoDeliver, echoError, udpDeliver, udpError } from './udp.ts';

/** Events and packets that one entry from the kernel may lead to before it is taken for an endless loop. */
const MAX_ROUNDS = 100_000;

/** A packet that came while another was being worked on (over the loopback device). */
interface WaitingPacket {
  readonly netns: string;
  readonly packet: Packet;
  readonly error: boolean;
}

interface UserlandSnapshot {
  readonly sockets: SocketTableSnapshot;
  readonly processes: ProcessTableSnapshot;
  /** Hosts whose kernel has loaded SCTP. */
  readonly sctpHosts: readonly string[];
}

export function createUserland(kernel: Kernel, programs: ReadonlyMap<string, App>): Userland {
  return new UserlandRuntime(kernel, programs);
}

class UserlandRuntime implements Userland, SocketLayer, ProcessHost {
  readonly kernel: Kernel;
  readonly table = new SocketTable();
  causeSeq = -1;
  readonly cookieSecret: number;
  onOutput: Userland['onOutput'] = undefined;
  readonly #settings: SettingsCache;
  #sctpHosts = new Set<string>();

  readonly #apps: ReadonlyMap<string, App>;
  readonly #processes = new ProcessTable();
  #events: PendingEvent[] = [];
  #inbox: WaitingPacket[] = [];
  #acknowledge: TcpSocket[] = [];
  /** Working on something: whatever comes now waits for its turn. */
  #busy = false;

  constructor(kernel: Kernel, programs: ReadonlyMap<string, App>) {
    this.kernel = kernel;
    this.#apps = programs;
    this.#settings = new SettingsCache(kernel);
    this.cookieSecret = kernel.prng('syn-cookies').uint32() | 0;
  }

  get layer(): SocketLayer {
    return this;
  }

  /** The same code whoever brings it. */
  get sctp(): SctpTransport | undefined {
    if (this.#sctpHosts.size > 0) for (const app of this.#apps.values()) if (app.sctp !== undefined) return app.sctp;
    return undefined;
  }

  loadSctp(processId: string): SctpTransport | undefined {
    const process = this.#processes.find(processId);
    if (process?.app.sctp === undefined) return undefined;
    this.#sctpHosts.add(this.#hostOf(process.record.netns));
    return process.app.sctp;
  }

  /** Modules are the kernel's: all netns of a host have them. */
  #hasSctp(netns: string): boolean {
    return this.#sctpHosts.has(this.#hostOf(netns));
  }

  #hostOf(netns: string): string {
    const record = this.kernel.records.find(netns);
    return record?.kind === 'netns' ? record.hostId : '';
  }

  // ---- from the kernel

  deliver(netns: string, packet: Packet): boolean {
    if (!this.#isWanted(netns, packet)) return false;
    if (this.#busy) {
      this.#inbox.push({ netns, packet, error: false });
      return true;
    }
    this.#busy = true;
    this.#take(netns, packet);
    this.#settle();
    return true;
  }

  icmpError(netns: string, packet: Packet): void {
    if (this.#busy) {
      this.#inbox.push({ netns, packet, error: true });
      return;
    }
    this.#busy = true;
    this.#takeError(netns, packet);
    this.#settle();
  }

  tapped(processId: string, frame: TapFrame): void {
    this.#enter(processId, { kind: 'frame', frame });
  }

  connectionEvent(processId: string, event: ConnectionEvent): void {
    this.#enter(processId, { kind: 'connection', event });
  }

  timer(token: TimerToken): void {
    this.causeSeq = -1;
    if (token.kind === 'process') {
      const process = this.#processes.find(token.process);
      if (process === undefined) return;
      if (process.phase === 'running') this.#enter(token.process, { kind: 'timer', tag: token.tag, data: token.data });
      else this.#begin(process);
      return;
    }
    const socket = this.table.find(token.socket);
    if (socket?.protocol === 'sctp') {
      this.#busy = true;
      this.sctp?.timer(this, socket, token.tag);
      this.#settle();
      return;
    }
    if (socket?.protocol !== 'tcp') return;
    this.#busy = true;
    if (token.tag === 'delayed-ack') {
      if (socket.ackTimer >= 0) ackTimeout(this, socket);
    } else if (token.tag === 'keepalive') {
      if (socket.keepTimer >= 0) keepAliveFired(this, socket);
    } else if (socket.timer >= 0) timerFired(this, socket);
    this.#settle();
  }

  abort(sockets: readonly number[]): void {
    this.causeSeq = -1;
    const wasBusy = this.#busy;
    this.#busy = true;
    for (const id of sockets) {
      const socket = this.table.find(id);
      if (socket?.protocol !== 'udp' || !socket.connected) continue;
      this.table.remove(socket);
      Object.assign(socket, { connected: false, remoteIp: 0, remotePort: 0 });
      this.table.add(socket);
      this.notify(socket.processId, { kind: 'socket-error', socket: id, errno: 'ECONNABORTED' });
    }
    this.#busy = wasBusy;
    if (!wasBusy) this.#settle();
  }

  recordChanged(change: Change<NetRecord>): void {
    const { before, after } = change;
    if (before?.kind === 'netns' && after === undefined) this.#dropNetns(before.id);
    if (before !== undefined && before.kind !== 'process' && after?.kind !== 'process') return;
    const process = this.#processes.find(change.id);
    if (after?.kind !== 'process') {
      if (process !== undefined) this.#stopLater(process);
      return;
    }
    if (process !== undefined && process.record.app === after.app && process.record.netns === after.netns && process.phase !== 'stopping') {
      process.record = after;
      return;
    }
    if (process !== undefined) this.#release(process);
    this.#startLater(after);
  }

  signal(processId: string, signal: 'SIGINT' | 'SIGKILL'): void {
    const process = this.#processes.find(processId);
    if (process === undefined) return;
    if (signal === 'SIGINT' && process.phase === 'running') {
      this.#enter(processId, { kind: 'signal', signal });
      return;
    }
    this.#busy = true;
    process.exitCode = signal === 'SIGINT' ? 130 : 137;
    this.#finish(process);
    this.#settle();
  }

  writeStdin(processId: string, text: string): void {
    const process = this.#processes.find(processId);
    if (process?.phase === 'starting') process.typedAhead += text;
    this.#enter(processId, { kind: 'stdin', text });
  }

  findProcess(processId: string): ProcessView | undefined {
    if (this.#processes.find(processId) !== undefined) return { id: processId, running: true };
    const exitCode = this.#processes.exitCodeOf(processId);
    return exitCode === undefined ? undefined : { id: processId, running: false, exitCode };
  }

  tally(processId: string): Tally | undefined {
    const process = this.#processes.find(processId);
    return process?.phase === 'running' ? process.app.tally?.(process.state) : undefined;
  }

  report(processId: string): unknown {
    const process = this.#processes.find(processId);
    return process?.phase === 'running' ? process.app.report?.(process.state) : undefined;
  }

  sockets(netns: string): SocketView[] {
    this.table.expire(this.kernel.nowNs);
    const views: SocketView[] = [];
    for (const socket of this.table.values()) {
      const view = socket.netns === netns ? socketView(socket, this.kernel.nowNs) : undefined;
      if (view !== undefined) views.push(view);
    }
    return views;
  }

  snapshot(): UserlandSnapshot {
    return { sockets: this.table.snapshot(), processes: this.#processes.snapshot(), sctpHosts: [...this.#sctpHosts] };
  }

  /** What was under way in this instant is forgotten: the kernel's queue comes back with its own timers. */
  restore(snapshot: unknown): void {
    const { sockets, processes, sctpHosts } = snapshot as UserlandSnapshot;
    this.#sctpHosts = new Set(sctpHosts);
    this.#events = [];
    this.#inbox = [];
    this.#acknowledge = [];
    this.#busy = false;
    this.table.restore(sockets);
    this.#processes.restore(processes, (record) => this.#newProcess(record));
  }

  // ---- for sockets and programs

  notify(processId: string, event: AppEvent): void {
    if (processId !== '') this.#events.push({ processId, event, causeSeq: this.causeSeq });
  }

  settings(netns: string): TransportSettings {
    return this.#settings.of(netns);
  }

  count(netns: string, name: MibName, by = 1): void {
    this.kernel.count(netns, name, by);
  }

  acknowledgeLater(socket: TcpSocket): void {
    this.#acknowledge.push(socket);
  }

  print(processId: string, stream: OutputStream, text: string): void {
    const process = this.#processes.find(processId);
    if (process === undefined) return;
    if (stream !== 'file') this.kernel.tracePrinted(process.record.netns, process.record.name, stream, text);
    this.onOutput?.(processId, stream, text, 0);
  }

  tell(processId: string, note: TlsNote): void {
    const process = this.#processes.find(processId);
    if (process !== undefined) this.kernel.traceTls(process.record.netns, process.record.name, note);
  }

  requestExit(processId: string, code: number): void {
    const process = this.#processes.find(processId);
    if (process !== undefined) process.exitCode ??= code;
  }

  // ---- packets

  #isWanted(netns: string, packet: Packet): boolean {
    if (packet.protocol === IP_PROTO_TCP) return packet.tcp !== undefined;
    if (packet.protocol === IP_PROTO_UDP) return this.table.findUdp(netns, packet.dst, packet.dport, packet.src, packet.sport) !== undefined;
    if (packet.protocol === IP_PROTO_SCTP) return packet.sctp !== undefined && this.#hasSctp(netns);
    const echoReply =
      packet.protocol === IP_PROTO_ICMP6 ? packet.icmp?.type === ICMP6_ECHO_REPLY : packet.protocol === IP_PROTO_ICMP && packet.icmp?.type === 0;
    if (echoReply && packet.icmp !== undefined) return this.table.findEcho(netns, packet.icmp.id) !== undefined;
    return false;
  }

  #take(netns: string, packet: Packet): void {
    if (packet.protocol === IP_PROTO_TCP) tcpDeliver(this, netns, packet);
    else if (packet.protocol === IP_PROTO_SCTP) this.sctp?.deliver(this, netns, packet);
    else if (packet.protocol === IP_PROTO_UDP) {
      // The socket may have been closed while the datagram waited.
      if (!udpDeliver(this, netns, packet)) this.kernel.traceDropped(netns, packet, 'NO_SOCKET', 'the socket was closed a moment ago');
    } else if (!echoDeliver(this, netns, packet)) this.kernel.traceDropped(netns, packet, 'NO_SOCKET', 'the socket was closed a moment ago');
  }

  #takeError(netns: string, packet: Packet): void {
    const quoted = packet.icmp?.quoted;
    if (quoted === undefined) return;
    if (quoted.protocol === IP_PROTO_TCP) tcpError(this, netns, packet, quoted);
    else if (quoted.protocol === IP_PROTO_UDP) udpError(this, netns, packet, quoted);
    else if (quoted.protocol === IP_PROTO_SCTP) this.sctp?.error(this, netns, packet, quoted);
    else if (quoted.protocol === IP_PROTO_ICMP || quoted.protocol === IP_PROTO_ICMP6) echoError(this, netns, packet, quoted);
  }

  // ---- one thing at a time

  #enter(processId: string, event: AppEvent): void {
    const process = this.#processes.find(processId);
    if (process === undefined || process.phase !== 'running') return;
    if (this.#busy) {
      this.#events.push({ processId, event, causeSeq: -1 });
      return;
    }
    this.#busy = true;
    this.#events.push({ processId, event, causeSeq: -1 });
    this.#settle();
  }

  /** Hands out the events that have gathered, then pending acknowledgements, then packets that came meanwhile, until nothing is left. */
  #settle(): void {
    for (let round = 0; ; round += 1) {
      if (round > MAX_ROUNDS) throw new Error('programs keep talking to each other without time passing');
      if (this.#events.length > 0) {
        const events = this.#events;
        this.#events = [];
        for (const pending of events) this.#dispatch(pending);
      } else if (this.#acknowledge.length > 0) {
        const sockets = this.#acknowledge;
        this.#acknowledge = [];
        for (const socket of sockets) startAckTimer(this, socket);
      } else {
        const next = this.#inbox.shift();
        if (next === undefined) break;
        if (next.error) this.#takeError(next.netns, next.packet);
        else this.#take(next.netns, next.packet);
      }
    }
    this.causeSeq = -1;
    this.#busy = false;
  }

  #dispatch(pending: PendingEvent): void {
    const process = this.#processes.find(pending.processId);
    if (process === undefined || process.phase !== 'running') return;
    this.causeSeq = pending.causeSeq;
    process.state = process.app.handle(process.context, process.state, pending.event, process.record.config);
    if (process.exitCode !== undefined) this.#finish(process);
  }

  // ---- processes

  #newProcess(record: Process): RunningProcess | undefined {
    const app = this.#apps.get(record.app);
    if (app === undefined) return undefined;
    const context = new ProcessContext(this, record);
    return { id: record.id, record, app, phase: 'starting', state: undefined, typedAhead: '', context, exitCode: undefined };
  }

  /** By a timer of no delay, so that records may change at any moment, also while a snapshot is being put back. */
  #startLater(record: Process): void {
    const process = this.#newProcess(record);
    if (process === undefined) {
      this.onOutput?.(record.id, 'stderr', `${record.app}: no such program\n`, 0);
      this.onOutput?.(record.id, 'exit', '', 127);
      return;
    }
    this.#processes.add(process);
    this.kernel.setTimer(0, { kind: 'process', process: record.id, tag: 'start' });
  }

  #stopLater(process: RunningProcess): void {
    if (process.phase === 'stopping') return;
    process.phase = 'stopping';
    this.kernel.setTimer(0, { kind: 'process', process: process.id, tag: 'stop' });
  }

  #begin(process: RunningProcess): void {
    this.#busy = true;
    if (process.phase === 'stopping') {
      this.#release(process);
      this.#processes.remove(process.id);
    } else {
      process.phase = 'running';
      process.state = process.app.start(process.context, process.record.config);
      if (process.exitCode !== undefined) this.#finish(process);
      else if (process.typedAhead !== '') this.notify(process.id, { kind: 'stdin', text: process.typedAhead });
      process.typedAhead = '';
    }
    this.#settle();
  }

  #finish(process: RunningProcess): void {
    const code = process.exitCode ?? 0;
    this.#release(process);
    this.#processes.end(process.id, code);
    this.onOutput?.(process.id, 'exit', '', code);
  }

  /** Gives back what the process held: sockets and taps. */
  #release(process: RunningProcess): void {
    for (const socket of this.table.ownedBy(process.id)) closeSocket(this, socket);
    for (const device of process.context.taps) process.context.tap(device, false);
    if (process.context.listens) process.context.listenConnections(false);
  }

  /** A netns that is gone takes its sockets with it; nobody is left to send a FIN. */
  #dropNetns(netns: string): void {
    this.#settings.forget(netns);
    for (const socket of this.table.dropNetns(netns)) {
      if (socket.protocol === 'sctp') {
        for (const timer of [socket.timer, socket.sackTimer]) if (timer >= 0) this.kernel.cancelTimer(timer);
        socket.state = 'CLOSED';
      }
      if (socket.protocol !== 'tcp') continue;
      if (socket.timer >= 0) this.kernel.cancelTimer(socket.timer);
      socket.timer = -1;
      stopAckTimer(this, socket);
      socket.state = 'CLOSED';
    }
    for (const process of [...this.#processes.values()]) if (process.record.netns === netns) this.#processes.remove(process.id);
  }
}
