/** The gRPC server of the Gateway API's conformance image, in the plain. sigs.k8s.io/gateway-api: conformance/echo-basic/grpc/grpc.go; grpc-go's words for what it does not have. */
import { DEFAULT_EPOCH_MS } from '../../wire/calendar.ts';
import type { Payload } from '../../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from '../definition.ts';
import type { HttpHeader } from '../http-message.ts';
import { type H2Message, type H2Session, receiveH2, sendH2, startH2 } from '../http2/session.ts';
import { listenAddress } from '../listen-address.ts';
import type { ServerTlsConfig } from '../tls/config.ts';
import { payloadBytes, tlsLayer } from '../tls/layer.ts';
import type { TlsSessions } from '../tls/sessions.ts';
import { ECHO_METHODS, ECHO_SERVICE, encodeEcho } from './echo-service.ts';
import { grpcFrame, readGrpcFrame } from './message.ts';

export interface GrpcEchoConfig {
  readonly port: number;
  /** SERVICE_NAME, as it says itself. */
  readonly service: string;
  readonly tls?: ServerTlsConfig;
  readonly epochMs?: number;
}

/** Changed in place. */
interface State {
  readonly sessions: Map<SocketId, H2Session>;
  readonly tls: TlsSessions;
}

const octets = (text: string): Payload => ({ bytes: text.length, octets: text });

export const grpcEcho = defineApp<State, GrpcEchoConfig>({
  name: 'grpc-echo',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, undefined), config.port, 4096, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`failed to listen: listen tcp 0.0.0.0:${config.port}: bind: address already in use\n`);
      context.exit(1);
    } else context.out(`${config.tls === undefined ? 'plaintext' : 'secure'} server listening at [::]:${config.port}\n`);
    return { sessions: new Map(), tls: new Map() };
  },
  handle: (plain, state, event, config) => {
    if (config.tls === undefined) return handle(plain, state, event, config);
    const context = tlsLayer(plain, state.tls, (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(plain.nowNs / 1e6));
    if (event.kind === 'accepted') context.serve(event.socket, { ...config.tls, alpn: ['h2'] });
    return context.open(event).reduce((current, one) => handle(context, current, one, config), state);
  },
  copy: (state) => ({ sessions: new Map(state.sessions), tls: new Map(state.tls) }),
});

function handle(context: AppContext, state: State, event: AppEvent, config: GrpcEchoConfig): State {
  if (event.kind === 'accepted') {
    const { session, send } = startH2('server');
    state.sessions.set(event.socket, session);
    context.tcpSend(event.socket, octets(send));
  } else if (event.kind === 'data') {
    const session = state.sessions.get(event.socket);
    if (session === undefined) return state;
    const outcome = receiveH2(session, payloadBytes(event.payload));
    let current = outcome.session;
    let { send } = outcome;
    for (const { stream, message } of outcome.messages) {
      const answered = sendH2(current, stream, answer(context, message, config));
      current = answered.session;
      send += answered.send;
    }
    state.sessions.set(event.socket, current);
    if (send !== '') context.tcpSend(event.socket, octets(send));
    if (outcome.failed) {
      state.sessions.delete(event.socket);
      context.close(event.socket);
    }
  } else if (event.kind === 'peer-closed' || event.kind === 'aborted') {
    state.sessions.delete(event.socket);
    if (event.kind === 'peer-closed') context.close(event.socket);
  }
  return state;
}

const GRPC: HttpHeader = { name: 'content-type', value: 'application/grpc' };

/** An answer that has no message: all is said in one block of headers. */
const refusal = (code: number, text: string): H2Message => ({
  headers: [{ name: ':status', value: '200' }, GRPC, { name: 'grpc-status', value: String(code) }, { name: 'grpc-message', value: text }],
  body: '',
  trailers: undefined,
});

function answer(context: AppContext, { headers, body }: H2Message, config: GrpcEchoConfig): H2Message {
  const value = (name: string): string => headers.find((one) => one.name === name)?.value ?? '';
  if (!value('content-type').startsWith('application/grpc'))
    return {
      headers: [
        { name: ':status', value: '415' },
        { name: 'content-type', value: 'application/grpc' },
      ],
      body: '',
      trailers: undefined,
    };
  const [, service = '', method = ''] = /^\/([^/]*)\/(.*)$/.exec(value(':path')) ?? [];
  if (service !== ECHO_SERVICE) return refusal(12, `unknown service ${service}`);
  if (!ECHO_METHODS.includes(method)) return refusal(12, `unknown method ${method} for service ${service}`);
  if (method === 'EchoThree') return refusal(12, 'method EchoThree not implemented');
  if (readGrpcFrame(body) === undefined) return refusal(13, 'grpc: failed to unmarshal the received message');
  context.out(`Received over ${config.tls === undefined ? 'plaintext' : 'TLS'}: \n`);
  const message = encodeEcho({
    method,
    headers: headers.filter(({ name }) => name === ':authority' || (!name.startsWith(':') && name !== 'te')),
    authority: value(':authority'),
    namespace: /\/netns\/.*\.([^./]+)$/.exec(context.netns)?.[1] ?? '',
    service: config.service,
    pod: context.hostname,
  });
  return {
    headers: [{ name: ':status', value: '200' }, GRPC],
    body: grpcFrame(message),
    trailers: [
      { name: 'grpc-status', value: '0' },
      { name: 'grpc-message', value: '' },
    ],
  };
}
