/**
 * `kubectl port-forward`: listens on loopback and relays each connection to the pod's own loopback, where the container runtime connects from inside the pod's
 * netns. Kubernetes: client-go/tools/portforward/portforward.go; containerd: internal/cri/server/sandbox_portforward_linux.go
 */

import { formatRfc3339 } from '../../base/time.ts';
import { parseIp } from '../addr/ip.ts';
import { LOOPBACK6 } from '../addr/ip6.ts';
import type { Ip } from '../wire/packet.ts';
import { type AppContext, defineApp, type SocketId } from './definition.ts';

export interface PortForwardConfig {
  /** Where it listens; the loopback addresses, unless `--address` said otherwise. */
  readonly addresses: readonly { readonly ip: Ip; readonly title: string }[];
  /** The pod's. */
  readonly netns: string;
  /** For the messages: the pod's sandbox, the file of its netns, kubectl's process id and the time at which the world began. */
  readonly sandbox: string;
  readonly netnsFile: string;
  readonly pid: number;
  readonly epochMs: number;
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
  /** Why 127.0.0.1 did not answer; [::1] is asked then. */
  readonly refused: string | undefined;
}

interface PortForwardState {
  readonly listeners: readonly Listener[];
  readonly relays: readonly Relay[];
}

const LOOPBACK4 = parseIp('127.0.0.1') ?? 0;
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
        // What the client says before the pod has answered stays in its socket.
        context.setReading(event.socket, false);
        const { local, remote } = listener;
        const far = context.tcpConnect({ ip: LOOPBACK4, port: remote }, { netns: config.netns });
        const relay: Relay = { near: event.socket, far: typeof far === 'string' ? -1 : far, local, remote, halfClosed: false, refused: undefined };
        return typeof far === 'string' ? tryNext(context, state, relay, far, config) : { ...state, relays: [...state.relays, relay] };
      }
      case 'connected': {
        const relay = find(event.socket);
        if (relay !== undefined) context.setReading(relay.near, true);
        return state;
      }
      case 'connect-failed': {
        const relay = find(event.socket);
        return relay === undefined ? state : tryNext(context, without(relay), relay, event.errno, config);
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
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  EADDRNOTAVAIL: 'cannot assign requested address',
};
const said = (errno: string): string => `connect: ${words[errno] ?? errno}`;

/** `localhost` has two addresses. */
function tryNext(context: AppContext, state: PortForwardState, relay: Relay, errno: string, config: PortForwardConfig): PortForwardState {
  let second = errno;
  if (relay.refused === undefined) {
    const far = context.tcpConnect({ ip: LOOPBACK6, port: relay.remote }, { netns: config.netns });
    if (typeof far !== 'string') return { ...state, relays: [...state.relays, { ...relay, far, refused: errno }] };
    second = far;
  }
  context.err(failure(context, config, relay, relay.refused ?? errno, second));
  context.err('error: lost connection to pod\n');
  // As the real one: one refused stream ends the whole tunnel.
  context.abort(relay.near);
  context.exit(1);
  return state;
}

/** An error of a stream, as klog prints what nobody handles. */
function failure(context: AppContext, config: PortForwardConfig, { local, remote }: Relay, first: string, second: string): string {
  const { sandbox } = config;
  const time = formatRfc3339(config.epochMs + context.nowNs / 1e6);
  const micros = String(Math.floor(context.nowNs / 1e3) % 1_000_000).padStart(6, '0');
  const dials = `IPv4: dial tcp4 127.0.0.1:${remote}: ${said(first)} IPv6 dial tcp6 [::1]:${remote}: ${said(second)} `;
  const why = `failed to execute portforward in network namespace "${config.netnsFile}": failed to connect to localhost:${remote} inside namespace "${sandbox}", ${dials}`;
  const whole = `an error occurred forwarding ${local} -> ${remote}: error forwarding port ${remote} to pod ${sandbox}, uid : ${why}`;
  return `E${time.slice(5, 7)}${time.slice(8, 10)} ${time.slice(11, 19)}.${micros} ${String(config.pid).padStart(7)} portforward.go:424] "Unhandled Error" err=${JSON.stringify(whole)}\n`;
}
