/** Servers for ports without a protocol of their own: TCP that greets and echoes, UDP and SCTP that answer. */

import { defineApp, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { listenAddress } from './listen-address.ts';
import type { SctpServerConfig, TcpServerConfig, UdpEchoConfig } from './server-config.ts';

export const tcpServer = defineApp<null, TcpServerConfig>({
  name: 'tcp-server',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, config.address), config.port, 128);
    if (typeof socket === 'string') {
      context.err(`bind: ${config.address ?? '0.0.0.0'}:${config.port}: Address already in use\n`);
      context.exit(1);
    }
    return null;
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'accepted') context.tcpSend(event.socket, textPayload(config.greeting ?? `${context.hostname}\n`));
    else if (event.kind === 'data' && config.echo !== false) context.tcpSend(event.socket, event.payload);
    else if (event.kind === 'peer-closed') context.close(event.socket);
    return state;
  },
});

export const udpEcho = defineApp<{ readonly socket: SocketId }, UdpEchoConfig>({
  name: 'udp-echo',
  start: (context, config) => {
    const socket = context.udpBind(listenAddress(context, config.address), config.port);
    if (typeof socket === 'number') return { socket };
    context.err(`bind: ${config.address ?? '0.0.0.0'}:${config.port}: Address already in use\n`);
    context.exit(1);
    return { socket: -1 };
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'datagram') context.udpSend(state.socket, config.text === undefined ? event.payload : textPayload(config.text), event.from);
    return state;
  },
});

export const sctpServer = defineApp<null, SctpServerConfig>({
  name: 'sctp-server',
  start: (context, config) => {
    if (typeof context.sctpListen(listenAddress(context, undefined), config.port) === 'string') {
      context.err(`bind: 0.0.0.0:${config.port}: Address already in use\n`);
      context.exit(1);
    }
    return null;
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'accepted' && config.greeting !== undefined) {
      context.sctpSend(event.socket, textPayload(config.greeting));
      context.close(event.socket);
    } else if (event.kind === 'data') context.sctpSend(event.socket, textPayload(context.hostname));
    else if (event.kind === 'peer-closed') context.close(event.socket);
    return state;
  },
});
