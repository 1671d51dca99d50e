/** The near end of `kubectl port-forward`: listens on loopback and relays each connection to the pod. Kubernetes: client-go/tools/portforward/portforward.go */
import { LOOPBACK6 } from '../addr/ip6.ts';
import type { Ip } from '../wire/packet.ts';
import { type AppContext, defineApp, type SocketId } from './definition.ts';

export interface PortForwardConfig {
  /** Where it listens; the loopback addresses, unless `--address` said otherwise. */
  readonly addresses: readonly { readonly ip: Ip; readonly title: string }[];
  readonly target: Ip;
  /** `pod default/web`, for the message when nobody listens there. */
  readonly title: string;
  readonly ports: readonly { readonly local: number; readonly remote: number }[];
}

interface Listener {
  readonly socket: SocketId;
  readonly local: number;
  readonly remote: number;
}

/** A connection from outside and the one to the pod; data waits until the second stands. */
interface Relay {
  readonly near: SocketId;
  readonly far: SocketId;
  readonly remote: number;
  readonly local: number;
  readonly halfClosed: boolean;
}

interface PortForwardState {
  readonly listeners: readonly Listener[];
  readonly relays: readonly Relay[];
}

/** Streams that one tunnel carries. */
const MAX_RELAYS = 500;

function listen(context: AppContext, config: PortForwardConfig): readonly Listener[] {
  const listeners: Listener[] = [];
  for (const { local, remote } of config.ports) {
    const problems: string[] = [];
    let opened = false;
    for (const { ip, title } of config.addresses) {
      if (ip === LOOPBACK6 && !context.isLocalAddress(LOOPBACK6)) continue;
      const socket = context.tcpListen(ip, local, 128);
      if (typeof socket === 'string') {
        problems.push(`unable to create listener: Error listen tcp${typeof ip === 'bigint' ? '6' : '4'} ${title}:${local}: bind: address already in use`);
        continue;
      }
      opened = true;
      const port = context.localEndpoint(socket).port;
      context.out(`Forwarding from ${title}:${port} -> ${remote}\n`);
      listeners.push({ socket, local: port, remote });
    }
    if (!opened) {
      const told = problems.length === 1 ? problems[0] : `[${problems.join(' ')}]`;
      context.err(`Unable to listen on port ${local}: Listeners failed to create with the following errors: ${told}\n`);
    }
  }
  if (listeners.length === 0) {
    context.err(`error: unable to listen on any of the requested ports: [${config.ports.map(({ local, remote }) => `{${local} ${remote}}`).join(' ')}]\n`);
    context.exit(1);
  }
  return listeners;
}

export const portForward = defineApp<PortForwardState, PortForwardConfig>({
  name: 'port-forward',
  start: (context, config) => ({ listeners: listen(context, config), relays: [] }),
  handle: (context, state, event, config) => {
    const without = (gone: Relay): PortForwardState => ({ ...state, relays: state.relays.filter((relay) => relay !== gone) });
    const find = (socket: SocketId): Relay | undefined => state.relays.find((relay) => relay.near === socket || relay.far === socket);
    switch (event.kind) {
      case 'accepted': {
        const listener = state.listeners.find((one) => one.socket === event.listener);
        if (listener === undefined || state.relays.length >= MAX_RELAYS) {
          context.abort(event.socket);
          return state;
        }
        context.out(`Handling connection for ${listener.local}\n`);
        const far = context.tcpConnect({ ip: config.target, port: listener.remote });
        if (typeof far === 'string') {
          context.err(failure(config, listener, far));
          context.abort(event.socket);
          return state;
        }
        // What the client says before the pod has answered stays in its socket.
        context.setReading(event.socket, false);
        const relay: Relay = { near: event.socket, far, local: listener.local, remote: listener.remote, halfClosed: false };
        return { ...state, relays: [...state.relays, relay] };
      }
      case 'connected': {
        const relay = find(event.socket);
        if (relay !== undefined) context.setReading(relay.near, true);
        return state;
      }
      case 'connect-failed': {
        const relay = find(event.socket);
        if (relay === undefined) return state;
        context.err(failure(config, relay, event.errno));
        context.err('error: lost connection to pod\n');
        // As the real one: one refused stream ends the whole tunnel.
        context.abort(relay.near);
        context.exit(1);
        return without(relay);
      }
      case 'data': {
        const relay = find(event.socket);
        if (relay !== undefined) context.tcpSend(event.socket === relay.near ? relay.far : relay.near, event.payload);
        return state;
      }
      case 'peer-closed': {
        const relay = find(event.socket);
        if (relay === undefined) return state;
        if (relay.halfClosed) {
          context.close(relay.near);
          context.close(relay.far);
          return without(relay);
        }
        context.shutdown(event.socket === relay.near ? relay.far : relay.near);
        return { ...state, relays: state.relays.map((one) => (one === relay ? { ...relay, halfClosed: true } : one)) };
      }
      case 'aborted': {
        const relay = find(event.socket);
        if (relay === undefined) return state;
        context.abort(event.socket === relay.near ? relay.far : relay.near);
        return without(relay);
      }
      case 'signal':
        context.exit(130);
        return state;
      default:
        return state;
    }
  },
});

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ETIMEDOUT: 'connect: connection timed out',
};

function failure(config: PortForwardConfig, { local, remote }: { readonly local: number; readonly remote: number }, errno: string): string {
  return `an error occurred forwarding ${local} -> ${remote}: error forwarding port ${remote} to ${config.title}: failed to connect to localhost:${remote} inside its network namespace: ${words[errno] ?? errno}\n`;
}
