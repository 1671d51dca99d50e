/** A server for SCTP ports: it greets and closes, as agnhost's porter does, or answers each message. Kubernetes: test/images/agnhost/porter, netexec */
import { sctpTransport } from '../socket/sctp.ts';
import { defineApp } from './definition.ts';
import { textPayload } from './http-message.ts';
import { listenAddress } from './listen-address.ts';
import type { SctpServerConfig } from './server-config.ts';

export const sctpServer = defineApp<null, SctpServerConfig>({
  name: 'sctp-server',
  sctp: sctpTransport,
  start: (context, config) => {
    const ip = listenAddress(context, undefined);
    if (typeof context.sctp.listen(ip, config.port) === 'string') {
      context.err(`bind: port ${config.port}: address already in use\n`);
      context.exit(1);
    }
    return null;
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'accepted' && config.greeting !== undefined) {
      context.sctp.send(event.socket, textPayload(config.greeting));
      context.close(event.socket);
    } else if (event.kind === 'data') context.sctp.send(event.socket, textPayload(context.hostname));
    else if (event.kind === 'peer-closed') context.close(event.socket);
    return state;
  },
});
