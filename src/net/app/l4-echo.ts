/** The servers for byte streams and datagrams of the Gateway API's conformance image, which say in which pod they are. sigs.k8s.io/gateway-api: conformance/echo-basic/{tcpserver,udpechoserver}. */
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { type AppContext, defineApp, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { listenAddress } from './listen-address.ts';
import type { L4EchoConfig } from './server-config.ts';
import { tlsLayer } from './tls/layer.ts';
import { cipherName } from './tls/schedule.ts';
import type { TlsContext, TlsSessions } from './tls/sessions.ts';

/** Changed in place. */
interface State {
  readonly socket: SocketId;
  /** Lines that are not whole yet, by connection. */
  readonly lines: Map<SocketId, string>;
  readonly tls: TlsSessions;
}

const WELCOME = 'Gateway API Test TCP Server\n';
/** bufio.MaxScanTokenSize */
const MAX_LINE = 65_536;
const DATAGRAM_BYTES = 1024;

const podOf = (context: AppContext, service: string) => ({
  namespace: /\/netns\/.*\.([^./]+)$/.exec(context.netns)?.[1] ?? '',
  ingress: '',
  service,
  pod: context.hostname,
});

export const l4Echo = defineApp<State, L4EchoConfig>({
  name: 'l4-echo',
  start: (context, config) => {
    const ip = listenAddress(context, undefined);
    const socket = config.protocol === 'udp' ? context.udpBind(ip, config.port) : context.tcpListen(ip, config.port, 128, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`listen ${config.protocol} :${config.port}: bind: address already in use\n`);
      context.exit(1);
    }
    return { socket: typeof socket === 'string' ? -1 : socket, lines: new Map(), tls: new Map() };
  },
  handle: (plain, state, event, config) => {
    if (event.kind === 'datagram') {
      const request = (event.payload.text ?? '').slice(0, DATAGRAM_BYTES);
      plain.udpSend(state.socket, textPayload(JSON.stringify({ request, ...podOf(plain, config.service) })), event.from);
      return state;
    }
    const context = tlsLayer(plain, state.tls, (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(plain.nowNs / 1e6));
    if (event.kind === 'accepted') {
      state.lines.set(event.socket, '');
      if (config.tls !== undefined) context.serve(event.socket, config.tls);
    }
    for (const one of context.open(event)) {
      if (one.kind === (config.tls === undefined ? 'accepted' : 'connected')) context.tcpSend(one.socket, textPayload(WELCOME));
      else if (one.kind === 'data') receive(context, state, one.socket, one.payload.text ?? '', config);
      else if (one.kind === 'peer-closed' || one.kind === 'aborted') {
        state.lines.delete(one.socket);
        if (one.kind === 'peer-closed') context.close(one.socket);
      }
    }
    return state;
  },
  copy: (state) => ({ socket: state.socket, lines: new Map(state.lines), tls: new Map(state.tls) }),
});

function receive(context: TlsContext, state: State, socket: SocketId, text: string, config: L4EchoConfig): void {
  const before = state.lines.get(socket);
  if (before === undefined) return;
  const lines = (before + text).split('\n');
  const rest = lines.pop() ?? '';
  if (rest.length > MAX_LINE) {
    state.lines.delete(socket);
    context.close(socket);
    return;
  }
  state.lines.set(socket, rest);
  const isTLS = config.tls !== undefined;
  for (const line of lines) {
    const asked = line.replace(/\r$/, '');
    if (asked === 'PING') context.tcpSend(socket, textPayload('PONG\n'));
    else if (asked === 'IS_TLS') context.tcpSend(socket, textPayload(`${isTLS}\n`));
    else if (asked === 'TEST') {
      const { namespace, ingress, service, pod } = podOf(context, config.service);
      const facts = context.facts(socket);
      const { version = 0x0304, suite = 0 } = context.connection(socket) ?? {};
      // By Go's names.
      const cipherSuite = cipherName(suite).replace(/^ECDHE-(\w+)-AES(\d+)-GCM-/, 'TLS_ECDHE_$1_WITH_AES_$2_GCM_');
      const tls = isTLS ? { tls: { version: `TLS 1.${version - 0x0301}`, serverName: facts?.serverName ?? '', cipherSuite } } : {};
      context.tcpSend(
        socket,
        textPayload(
          `${JSON.stringify({ namespace, ingress, service, pod, tcpport: String(config.tcpPort), tlsport: String(config.tlsPort), isTLS, ...tls })}\n`,
        ),
      );
    }
  }
}
