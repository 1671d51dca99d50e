/** What a program is: a plain-data state machine that sees events and acts through a context. One file a program, one line in index.ts. */
import type { Prng } from '../../base/prng.ts';
import type { ConnectionEvent, TapFrame } from '../engine.ts';
import type { SctpTransport } from '../socket/sctp-transport.ts';
import type { Errno } from '../stack/userland.ts';
import type { ArpMessage, Ip, Mac, Packet, Payload } from '../wire/packet.ts';
import type { Tally } from './load/tally.ts';

/** A socket of the running process. */
export type SocketId = number;

export interface Endpoint {
  readonly ip: Ip;
  readonly port: number;
}

/** How a datagram or echo request is sent where it differs from the socket's defaults. */
export interface SendOptions {
  /** 64 if absent. */
  readonly ttl?: number;
  /**
   * IP_MTU_DISCOVER: true is IP_PMTUDISC_DO (EMSGSIZE for what is larger than the path's MTU), false IP_PMTUDISC_DONT. Absent is IP_PMTUDISC_WANT: what fits
   * goes whole and must not be cut, what does not is cut here.
   */
  readonly dontFragment?: boolean;
  /** SO_BINDTODEVICE and bind(), for this one datagram. */
  readonly device?: string;
  readonly source?: Ip;
  /** Why it is sent, for the log: few different texts. */
  readonly why?: string;
}

export type AppEvent =
  /** UDP. */
  | { readonly kind: 'datagram'; readonly socket: SocketId; readonly payload: Payload; readonly from: Endpoint; readonly ttl: number }
  /** A pending error of a UDP or echo socket; `icmp` is the message behind it. */
  | { readonly kind: 'socket-error'; readonly socket: SocketId; readonly errno: Errno; readonly icmp?: IcmpReport }
  /** TCP: a connection that a listening socket took. */
  | { readonly kind: 'accepted'; readonly socket: SocketId; readonly listener: SocketId; readonly from: Endpoint }
  | { readonly kind: 'connected'; readonly socket: SocketId }
  | { readonly kind: 'connect-failed'; readonly socket: SocketId; readonly errno: Errno }
  | { readonly kind: 'data'; readonly socket: SocketId; readonly payload: Payload }
  /** The peer sent FIN: reading returns 0. */
  | { readonly kind: 'peer-closed'; readonly socket: SocketId }
  /** The connection is gone: reset, or timed out. The socket no longer exists. */
  | { readonly kind: 'aborted'; readonly socket: SocketId; readonly errno: Errno }
  | { readonly kind: 'echo-reply'; readonly socket: SocketId; readonly sequence: number; readonly from: Ip; readonly ttl: number; readonly bytes: number }
  | { readonly kind: 'timer'; readonly tag: string; readonly data: unknown }
  | { readonly kind: 'frame'; readonly frame: TapFrame }
  | { readonly kind: 'connection'; readonly event: ConnectionEvent }
  | { readonly kind: 'signal'; readonly signal: 'SIGINT' }
  | { readonly kind: 'stdin'; readonly text: string };

export interface IcmpReport {
  readonly from: Ip;
  readonly type: number;
  readonly code: number;
  readonly mtu?: number;
  /** A redirect's better next hop. */
  readonly gateway?: Ip;
  /** TTL with which the error came. */
  readonly ttl: number;
  /** Destination and, for UDP, ports of the packet the error is about; `sequence` of an echo request. */
  readonly quoted: { readonly dst: Ip; readonly sport: number; readonly dport: number; readonly sequence: number; readonly ttl: number };
}

/** bind() before connect(): what is absent the kernel chooses. */
export interface LocalChoice {
  readonly ip?: Ip;
  readonly port?: number;
}

/** setsockopt() of TCP sockets; what a listening one has, its connections inherit. */
export interface TcpSocketOptions {
  /** SO_REUSEPORT */
  readonly reusePort?: boolean;
  /** TCP_NODELAY: small segments do not wait for the acknowledgement of other small ones. */
  readonly noDelay?: boolean;
  /** Whom the log names as the maker of the packets of this connection; the kernel's TCP when absent. */
  readonly maker?: string;
  /** The socket is opened in another netns, as after setns(); connections only. */
  readonly netns?: string;
  /** SO_MARK: packets leave with it, and routing rules see it; connections only. */
  readonly mark?: number;
  /** IP_TRANSPARENT: it may come from an address that is none of this netns'; connections only. */
  readonly transparent?: boolean;
  /** SO_KEEPALIVE; what is absent the sysctls say. */
  readonly keepAlive?: { readonly idleSeconds?: number; readonly intervalSeconds?: number; readonly probes?: number };
}

/** setsockopt() of UDP sockets. */
export interface UdpSocketOptions {
  /** SO_REUSEPORT */
  readonly reusePort?: boolean;
  /** SO_BINDTODEVICE */
  readonly device?: string;
  /** IP_RECVERR: errors come to it although it is not connected. */
  readonly wantsErrors?: boolean;
}

/** What one end of a TLS connection did, in words for the log. */
export interface TlsNote {
  /** Few words: `shows Secret/default/web-tls`. */
  readonly what: string;
  readonly why: string;
  /** What decided, as object keys. */
  readonly objects?: readonly string[];
  /** What it is about; TLS where absent. */
  readonly about?: 'HTTP';
  /** Lines of an SSLKEYLOGFILE, once there are secrets. */
  readonly keys?: string;
  readonly warning?: TlsWarning;
}

/** What a client held against a server, or a server against it: the facts that a browser's warning goes by. */
export interface TlsWarning {
  /** X509_V_ERR_… of the certificate; 0 where it was not about the certificate. */
  readonly code: number;
  /** Of the alert that ended it, 255 where what came is no TLS; undefined where nothing ended. */
  readonly alert?: number;
  /** The name that was asked for. */
  readonly asked?: string;
  readonly nowMs: number;
  /** Of the certificate that is at fault. */
  readonly subject?: string;
  readonly issuer?: string;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Those of the subjectAltName. */
  readonly names?: readonly string[];
}

/** A program's hands. Everything takes effect at once in virtual time; results come as events. */
/** `accepted`, `connected` or `connect-failed`, `data` (one message each), `peer-closed` and `aborted` follow, as for TCP. */
export interface SctpCalls {
  listen(ip: Ip, port: number): SocketId | Errno;
  connect(to: Endpoint, from?: LocalChoice): SocketId | Errno;
  /** One message; EMSGSIZE where it does not fit into a packet. */
  send(socket: SocketId, payload: Payload): 'ok' | Errno;
}

export interface AppContext {
  readonly nowNs: number;
  readonly processId: string;
  /** The process' name, as `ps` shows it. */
  readonly name: string;
  readonly netns: string;
  readonly hostname: string;
  /** The C library that the program is linked with. */
  readonly libc: 'glibc' | 'musl';

  /** A file of the netns (`/etc/resolv.conf`). */
  file(path: string): string | undefined;
  prng(name: string): Prng;
  out(text: string): void;
  err(text: string): void;
  /** To the file that `Program.savesTo` has named. */
  save(text: string): void;
  /** A step of a TLS handshake, for the log. */
  tell(note: TlsNote): void;
  /** Ends the process: its sockets are closed, nothing more is called. */
  exit(code: number): void;

  /** Comes back as a `timer` event. House-keeping timers do not keep the world awake. */
  setTimer(delayNs: number, tag: string, data?: unknown, housekeeping?: boolean): number;
  cancelTimer(id: number): void;

  /** `ip` 0: any address; `port` 0: an ephemeral one. */
  udpBind(ip: Ip, port: number, options?: UdpSocketOptions): SocketId | Errno;
  /** A UDP socket that talks to one peer and hears only from it. */
  udpConnect(to: Endpoint, from?: LocalChoice): SocketId | Errno;
  /** `to` is for unconnected sockets. */
  udpSend(socket: SocketId, payload: Payload, to?: Endpoint, options?: SendOptions): 'ok' | Errno;

  /** Of programs that brought SCTP with them; EPROTONOSUPPORT from all others. */
  readonly sctp: SctpCalls;

  tcpListen(ip: Ip, port: number, backlog: number, options?: TcpSocketOptions): SocketId | Errno;
  /** `connected` or `connect-failed` follows. */
  tcpConnect(to: Endpoint, from?: LocalChoice & TcpSocketOptions): SocketId | Errno;
  /** Queues bytes; they leave as window and congestion allow. Nothing happens on a socket that is gone. */
  tcpSend(socket: SocketId, payload: Payload): void;
  /** shutdown(SHUT_WR): FIN behind what is queued; data still comes. */
  shutdown(socket: SocketId): void;
  /**
   * Whether data is taken from the socket as it comes (as it is at first). Of TCP what is not taken closes the window in time; of UDP it waits in the socket
   * while there is room (net.core.rmem_default), and comes at once when the program reads again.
   */
  setReading(socket: SocketId, on: boolean): void;
  /** UDP, echo: gone. TCP: FIN after what is queued. */
  close(socket: SocketId): void;
  /** TCP: RST. */
  abort(socket: SocketId): void;
  localEndpoint(socket: SocketId): Endpoint;
  remoteEndpoint(socket: SocketId): Endpoint;
  /** getsockopt(SO_ORIGINAL_DST) of a TCP connection that came in: where it was sent before destination NAT. Undefined (ENOENT) where nobody tracks it. */
  originalDestination(socket: SocketId): Endpoint | undefined;

  /** A ping socket; `id` as ping takes it from its process id. */
  echoOpen(id: number): SocketId | Errno;
  echoSend(socket: SocketId, to: Ip, sequence: number, bytes: number, options?: SendOptions): 'ok' | Errno;

  /** A raw socket with IP_HDRINCL: the packet leaves as it is, by its destination's route. */
  rawSend(packet: Packet): 'ok' | Errno;

  /** Starts or stops seeing the frames of a device (`any`: all of the netns). Promiscuous unless said otherwise: a bridge then hands up what it only passes on. */
  tap(device: string, on: boolean, promiscuous?: boolean): void;
  /** A device whose packets have no Ethernet header (tun, ipip, wireguard). */
  deviceIsRaw(device: string): boolean;
  /** Starts or stops hearing of this netns' connections as they come, change and go. */
  listenConnections(on: boolean): void;
  /** Takes out connections whose time is over, as the kernel's collector does now and then. */
  collectConnections(): void;
  /** ifindex of a device here, or undefined if there is none. */
  deviceIndex(device: string): number | undefined;
  /** The source address and path MTU for a destination. */
  routeFor(
    to: Ip,
    bound?: { readonly device?: string; readonly source?: Ip },
  ): { readonly source: Ip; readonly mtuBytes: number; readonly device: string } | Errno;
  /** A device here: its MAC address, and whether it asks by ARP at all. */
  findDevice(name: string): { readonly mac: Mac; readonly arp: boolean; readonly up: boolean } | undefined;
  /** A packet socket sends an ARP message out of a device, as it is. */
  sendArp(device: string, arp: ArpMessage, destination: Mac): 'ok' | Errno;
  isLocalAddress(ip: Ip): boolean;
  /** The last address of a subnet here, or 255.255.255.255. */
  isBroadcast(ip: Ip): boolean;
}

/** `State` is plain data that is replaced, never changed, unless `copy` says how to copy it. */
export interface AppDefinition<State, Config> {
  readonly name: string;
  readonly start: (context: AppContext, config: Config) => State;
  readonly handle: (context: AppContext, state: State, event: AppEvent, config: Config) => State;
  /** For states that are changed in place: a copy that running on does not change. */
  readonly copy?: (state: State) => State;
  /** What it has counted of its requests, for programs that do. */
  readonly tally?: (state: State) => Tally;
  /** What its admin interface would tell, for tools. */
  readonly report?: (state: State) => unknown;
  /** The kernel module behind `context.sctp`, for programs that open such sockets (net/socket/sctp.ts). */
  readonly sctp?: SctpTransport;
}

/** A program with its types forgotten, as the process table runs it. */
export interface App {
  readonly name: string;
  readonly start: (context: AppContext, config: unknown) => unknown;
  readonly handle: (context: AppContext, state: unknown, event: AppEvent, config: unknown) => unknown;
  readonly copy: ((state: unknown) => unknown) | undefined;
  readonly tally?: (state: unknown) => Tally;
  readonly report?: (state: unknown) => unknown;
  readonly sctp?: SctpTransport;
}

/** The one place where a program's own types are forgotten: its state comes back from the table it was put into, its config was written for it. */
export function defineApp<State, Config>(definition: AppDefinition<State, Config>): App {
  const { copy, tally, report, sctp } = definition;
  return {
    name: definition.name,
    start: (context, config) => definition.start(context, config as Config),
    handle: (context, state, event, config) => definition.handle(context, state as State, event, config as Config),
    copy: copy === undefined ? undefined : (state) => copy(state as State),
    ...(tally === undefined ? {} : { tally: (state: unknown) => tally(state as State) }),
    ...(report === undefined ? {} : { report: (state: unknown) => report(state as State) }),
    ...(sctp === undefined ? {} : { sctp }),
  };
}

/** What a terminal knows when it starts a program. */
export interface ProgramEnvironment {
  /** Standard output is a terminal. */
  readonly tty: boolean;
  /** The container image or `host`: some tools differ by image (busybox). */
  readonly image: string;
  /** Virtual time 0 as Unix milliseconds, for programs that print a clock. */
  readonly epochMs?: number;
  /** Files where the command runs. */
  readonly readFile?: (path: string) => string | undefined;
}

export type ParseResult<Config> =
  | { readonly ok: true; readonly config: Config }
  /** Printed as it is; the program does not start. `--version` and `--help` come this way too, with text on stdout. */
  | { readonly ok: false; readonly stdout?: string; readonly stderr: string; readonly exitCode: number };

/** A file that a program saves to, relative to where it is started, and what it says, before it ends with `exitCode`, where the system refuses to open it. */
export interface Saving {
  readonly file: string;
  /** One that is there already stays as it is (O_EXCL). */
  readonly exclusive?: boolean;
  readonly refused: (why: string) => string;
  readonly exitCode: number;
}

/** A command line's way to a running program. */
export interface Program {
  /** Name of the app that runs it. */
  readonly app: string;
  readonly parse: (argv: readonly string[], environment: ProgramEnvironment) => ParseResult<unknown>;
  /** Runs until it is interrupted. */
  readonly endless: (config: unknown) => boolean;
  /** The file that it writes what it gets to. */
  readonly savesTo: (config: unknown) => Saving | undefined;
}

export function defineProgram<Config>(program: {
  readonly app: string;
  readonly parse: (argv: readonly string[], environment: ProgramEnvironment) => ParseResult<Config>;
  readonly endless?: (config: Config) => boolean;
  readonly savesTo?: (config: Config) => Saving | undefined;
}): Program {
  const { endless, savesTo } = program;
  return {
    app: program.app,
    parse: program.parse,
    endless: (config) => endless?.(config as Config) ?? false,
    savesTo: (config) => savesTo?.(config as Config),
  };
}
