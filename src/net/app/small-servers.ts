/** Two servers for ports without a protocol of their own: TCP that greets and echoes, UDP that answers. */

import { defineApp, type SocketId } from './definition.ts';
import { textPayload } from './http-message.ts';
import { listenAddress } from './listen-address.ts';
import type { TcpServerConfig, UdpEchoConfig } from './server-config.ts';

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
    const text = config.ownName === true ? context.hostname : config.text;
    if (event.kind === 'datagram') context.udpSend(state.socket, text === undefined ? event.payload : textPayload(text), event.from);
    return state;
  },
});
