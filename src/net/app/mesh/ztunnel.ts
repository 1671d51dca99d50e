/**
 * A node's ztunnel in the netns of one pod: what the pod sends (15001) goes to other pods of the mesh through tunnels, and what comes is let in by who sends it
 * (15008 in tunnels, 15006 in the plain). Packets that it sends itself have the mark 0x539. ztunnel: src/proxy/{outbound,inbound,inbound_passthrough}.rs, ARCHITECTURE.md.
 */
import { formatIp, parseIp } from '../../addr/ip.ts';
import { DEFAULT_EPOCH_MS } from '../../wire/calendar.ts';
import type { Payload } from '../../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type Endpoint, type SocketId } from '../definition.ts';
import { listenAddress } from '../listen-address.ts';
import { refusalOf } from '../proxy/authorize.ts';
import { isoTime } from '../proxy/iso-time.ts';
import { copyHboneState, HBONE_PORT, type HboneEvent, HboneLayer, type HboneState, isTunnel, newHboneState } from './hbone.ts';
import type { ZtunnelConfig } from './ztunnel-config.ts';

const OUTBOUND_PORT = 15001;
const PLAIN_PORT = 15006;
const BACKLOG = 1024;
/** Its own packets, which the pod's rules leave alone. */
const MARK = 0x539;
const MAX_WAITING = 1024;
const SPIFFE = 'spiffe://';

interface End {
  readonly other: SocketId;
  readonly flow: number;
  /** The pod's own side, or who came: what is sent is counted from there. */
  readonly first: boolean;
  readonly open: boolean;
  readonly ended: boolean;
  readonly waiting: readonly Payload[];
}
/** One line of the access log. */
interface Flow {
  readonly direction: 'inbound' | 'outbound';
  readonly sinceNs: number;
  readonly from: string;
  readonly to: string;
  readonly inner: string;
  readonly peer: string;
  readonly service: string;
  readonly target: string;
  readonly sent: number;
  readonly received: number;
}

/** Changed in place; what its maps hold is replaced. */
interface State {
  readonly ports: Map<SocketId, number>;
  readonly hbone: HboneState;
  readonly ends: Map<SocketId, End>;
  readonly flows: Map<number, Flow>;
  nextFlow: number;
}

export const ztunnel = defineApp<State, ZtunnelConfig>({
  name: 'ztunnel',
  start: (context) => {
    const ports = new Map<SocketId, number>();
    for (const port of [OUTBOUND_PORT, PLAIN_PORT, HBONE_PORT]) {
      const socket = context.tcpListen(listenAddress(context, undefined), port, BACKLOG, { noDelay: true });
      if (typeof socket !== 'string') ports.set(socket, port);
    }
    return { ports, hbone: newHboneState(), ends: new Map(), flows: new Map(), nextFlow: 1 };
  },
  handle: (context, state, event, config) => {
    new Turn(context, state, config).take(event);
    return state;
  },
  copy: (state) => ({
    ports: new Map(state.ports),
    hbone: copyHboneState(state.hbone),
    ends: new Map(state.ends),
    flows: new Map(state.flows),
    nextFlow: state.nextFlow,
  }),
});

const text = ({ ip, port }: Endpoint): string => {
  const address = formatIp(ip);
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
};

class Turn {
  readonly #context: AppContext;
  readonly #state: State;
  readonly #config: ZtunnelConfig;
  readonly #layer: HboneLayer;

  constructor(context: AppContext, state: State, config: ZtunnelConfig) {
    this.#context = context;
    this.#state = state;
    this.#config = config;
    this.#layer = new HboneLayer(context, state.hbone, this.#nowMs(context));
  }

  #nowMs({ nowNs }: AppContext): number {
    return (this.#config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(nowNs / 1e6);
  }

  take(event: AppEvent): void {
    if (event.kind !== 'accepted') {
      for (const one of this.#layer.open(event)) this.#handle(one);
      return;
    }
    const port = this.#state.ports.get(event.listener);
    if (port === HBONE_PORT) this.#layer.serve(event.socket, this.#server());
    else if (port === OUTBOUND_PORT) this.#outbound(event.socket);
    else this.#plain(event.socket);
  }

  #server() {
    const { identity, ca } = this.#config;
    return {
      identities: [identity],
      names: [{ name: '', identity: 0, why: `${identity.source} is what istiod gave this pod`, clients: { mode: 'require', ca } as const }],
      alpn: ['h2'],
      tickets: 0,
    };
  }

  /** What the pod sends: to whom it was meant, by the Service's endpoints, in a tunnel where the other end has one. */
  #outbound(socket: SocketId): void {
    const { mesh, identity, ca } = this.#config;
    const to = this.#context.originalDestination(socket);
    const own = this.#context.localEndpoint(socket);
    if (to === undefined || (to.port === own.port && to.ip === own.ip)) {
      this.#context.abort(socket);
      return;
    }
    const service = mesh.services[`${formatIp(to.ip)} ${to.port}`];
    const chosen =
      service === undefined
        ? { ip: formatIp(to.ip), port: to.port }
        : service.endpoints[this.#context.prng('endpoint').below(Math.max(1, service.endpoints.length))];
    const from = this.#context.remoteEndpoint(socket);
    if (chosen === undefined) {
      this.#log({ ...this.#flow('outbound', from, to, service?.host ?? ''), inner: '' }, 'no healthy upstream');
      this.#context.abort(socket);
      return;
    }
    const ip = parseIp(chosen.ip);
    const target = mesh.workloads[chosen.ip];
    const way = service?.waypoint;
    if (ip === undefined) return;
    if (way === undefined && target?.hbone !== true) {
      const upstream = this.#context.tcpConnect({ ip, port: chosen.port }, { noDelay: true, mark: MARK });
      this.#join(socket, upstream, { ...this.#flow('outbound', from, { ip, port: chosen.port }, service?.host ?? ''), target: chosen.ip });
      return;
    }
    const outer = way === undefined ? chosen.ip : way.ip;
    const outerIp = parseIp(outer);
    if (outerIp === undefined) return;
    // A waypoint is told the Service, and chooses itself.
    const authority = way === undefined ? text({ ip, port: chosen.port }) : text(to);
    const peer = way === undefined ? (target?.identity ?? '') : way.identity;
    const tls = { identity, ca, alpn: ['h2'], why: way === undefined ? `${chosen.ip} is of the mesh` : `${service?.host} has a waypoint` };
    const source = this.#config.ips.map((one) => parseIp(one)).find((one) => typeof one === typeof outerIp);
    const opened = this.#layer.tunnel({ ip: outerIp, port: HBONE_PORT }, authority, `${outer} ${peer}`, tls, {
      mark: MARK,
      ...(source === undefined ? {} : { ip: source }),
    });
    const flow = {
      ...this.#flow('outbound', from, { ip: outerIp, port: HBONE_PORT }, service?.host ?? ''),
      inner: authority,
      peer,
      target: way === undefined ? chosen.ip : outer,
    };
    this.#join(socket, typeof opened === 'string' ? opened : opened.socket, flow);
  }

  /** What comes in the plain. */
  #plain(socket: SocketId): void {
    const to = this.#context.originalDestination(socket);
    const own = this.#context.localEndpoint(socket);
    const from = this.#context.remoteEndpoint(socket);
    if (to === undefined || (to.port === own.port && to.ip === own.ip)) {
      this.#context.abort(socket);
      return;
    }
    const flow = this.#flow('inbound', from, to, '');
    const why = this.#refusal(from, to, undefined);
    if (why !== undefined) {
      this.#log(flow, `connection closed due to policy rejection: ${why}`);
      this.#context.abort(socket);
      return;
    }
    this.#join(socket, this.#toPod(to, from), flow);
  }

  /** In the name of who asks: the pod sees his address. */
  #toPod(to: Endpoint, from: Endpoint): SocketId | string {
    return this.#context.tcpConnect(to, { noDelay: true, mark: MARK, ip: from.ip, transparent: true });
  }

  #asked(socket: SocketId, outer: SocketId, authority: string): void {
    const from = this.#context.remoteEndpoint(outer);
    const colon = authority.lastIndexOf(':');
    const ip = parseIp(authority.slice(0, colon).replace(/^\[|\]$/g, ''));
    const port = Number(authority.slice(colon + 1));
    if (ip === undefined || !this.#config.ips.includes(formatIp(ip)) || !(port > 0 && port < 65_536)) {
      this.#layer.answer(socket, 400);
      return;
    }
    const uri = this.#layer.tls.facts(outer)?.clientUris.find((one) => one.startsWith(SPIFFE));
    const flow = { ...this.#flow('inbound', from, this.#context.localEndpoint(outer), ''), inner: authority, peer: uri ?? '', target: formatIp(ip) };
    const why = this.#refusal(from, { ip, port }, uri);
    if (why !== undefined) {
      this.#layer.answer(socket, 401);
      this.#log(flow, `connection closed due to policy rejection: ${why}`);
      return;
    }
    this.#join(socket, this.#toPod({ ip, port }, from), flow);
  }

  /** Why a connection is not let in. Layer 4 is all that can be seen here. */
  #refusal(from: Endpoint, { port }: Endpoint, uri: string | undefined): string | undefined {
    const { strict, authorization, nodeIps } = this.#config;
    const address = formatIp(from.ip);
    if (uri === undefined && nodeIps.includes(address)) return undefined;
    if (uri === undefined && (strict.ports[String(port)] ?? strict.all)) {
      this.#context.tell({
        what: 'plain connection refused',
        why: `${strict.why} lets nobody in who does not prove who he is, and this came without a tunnel`,
      });
      return 'explicitly denied by: istio-system/istio_converted_static_strict';
    }
    const refusal = authorization === undefined ? undefined : refusalOf(authorization, { principal: uri?.slice(SPIFFE.length), ip: from.ip, port });
    if (refusal === undefined) return undefined;
    this.#context.tell({ what: 'connection refused', why: refusal.why, objects: refusal.objects });
    const [, namespace = '', name = ''] = /^ns\[(.*?)\]-policy\[(.*?)\]/.exec(refusal.id) ?? [];
    return refusal.id === 'none' ? 'allow policies exist, but none allowed' : `explicitly denied by: ${namespace}/${name}`;
  }

  #flow(direction: Flow['direction'], from: Endpoint, to: Endpoint, service: string): Flow {
    return {
      direction,
      sinceNs: this.#context.nowNs,
      from: text(from),
      to: text(to),
      inner: '',
      peer: '',
      service,
      target: formatIp(to.ip),
      sent: 0,
      received: 0,
    };
  }

  #join(first: SocketId, second: SocketId | string, flow: Flow): void {
    const { ends, flows } = this.#state;
    if (typeof second === 'string') {
      this.#log(flow, `io error: ${second}`);
      this.#end(first);
      return;
    }
    const id = this.#state.nextFlow;
    this.#state.nextFlow += 1;
    flows.set(id, flow);
    // Who asks for a tunnel waits until the pod has answered.
    ends.set(first, { other: second, flow: id, first: true, open: !isTunnel(first), ended: false, waiting: [] });
    ends.set(second, { other: first, flow: id, first: false, open: false, ended: false, waiting: [] });
  }

  #end(socket: SocketId): void {
    if (!isTunnel(socket)) this.#context.abort(socket);
    else if (this.#state.hbone.tunnels.get(socket)?.open === false) this.#layer.answer(socket, 503);
    else this.#layer.close(socket);
  }

  #send(socket: SocketId, payload: Payload): void {
    if (isTunnel(socket)) this.#layer.send(socket, payload);
    else this.#context.tcpSend(socket, payload);
  }

  #handle(event: HboneEvent): void {
    if (!('socket' in event)) return;
    if (event.kind === 'asked') {
      this.#asked(event.socket, event.outer, event.authority);
      return;
    }
    const { ends, flows } = this.#state;
    const end = ends.get(event.socket);
    if (end === undefined) return;
    const other = ends.get(end.other);
    switch (event.kind) {
      case 'connected': {
        ends.set(event.socket, { ...end, open: true });
        if (other === undefined) return;
        if (isTunnel(end.other) && !other.open) this.#layer.answer(end.other, 200);
        for (const payload of other.waiting) this.#send(event.socket, payload);
        ends.set(end.other, { ...other, open: true, waiting: [] });
        if (other.ended) this.#shutdown(event.socket);
        break;
      }
      case 'data': {
        const flow = flows.get(end.flow);
        const { bytes } = event.payload;
        if (flow !== undefined) flows.set(end.flow, end.first ? { ...flow, sent: flow.sent + bytes } : { ...flow, received: flow.received + bytes });
        if (other?.open === true) this.#send(end.other, event.payload);
        else if (end.waiting.length >= MAX_WAITING) this.#over(event.socket, end, 'too much before the connection stood');
        else ends.set(event.socket, { ...end, waiting: [...end.waiting, event.payload] });
        break;
      }
      case 'peer-closed':
        ends.set(event.socket, { ...end, ended: true });
        if (other === undefined || other.ended) this.#over(event.socket, end, '');
        else if (other.open) this.#shutdown(end.other);
        break;
      case 'refused':
        this.#over(event.socket, end, `http status: ${event.status}${event.status === 401 ? ' Unauthorized' : ''}`, true);
        break;
      case 'connect-failed':
        this.#over(event.socket, end, event.errno === 'ECONNREFUSED' ? 'io error: Connection refused (os error 111)' : 'connection timed out', true);
        break;
      case 'aborted':
        this.#over(event.socket, end, 'io error: Connection reset by peer (os error 104)', true);
        break;
    }
  }

  #shutdown(socket: SocketId): void {
    if (isTunnel(socket)) this.#layer.shutdown(socket);
    else this.#context.shutdown(socket);
  }

  /** Both ends are done with; `lost`: this one is gone already, and the other is cut off. */
  #over(socket: SocketId, end: End, error: string, lost = false): void {
    const { ends, flows } = this.#state;
    ends.delete(socket);
    const other = ends.get(end.other);
    ends.delete(end.other);
    const flow = flows.get(end.flow);
    flows.delete(end.flow);
    if (flow !== undefined) this.#log(flow, error);
    if (lost) {
      if (other !== undefined) this.#end(end.other);
      return;
    }
    for (const one of [socket, end.other]) {
      if (error !== '') this.#end(one);
      else if (isTunnel(one)) this.#layer.shutdown(one);
      else this.#context.close(one);
    }
  }

  /** ztunnel: src/proxy/metrics.rs, ConnectionResult::record */
  #log(flow: Flow, error: string): void {
    const { workloads } = this.#config.mesh;
    const at = (address: string) => workloads[address.replace(/^\[|\](?=:)/g, '').replace(/:\d+$/, '')];
    const inbound = flow.direction === 'inbound';
    const [source, target] = [at(flow.from), workloads[flow.target]];
    const quoted = (name: string, value: string | undefined): string => (value === undefined || value === '' ? '' : ` ${name}="${value}"`);
    const inTunnel = flow.inner !== '';
    const own = this.#config.identity.source;
    const service = flow.service !== '' ? flow.service : inbound ? this.#serviceOf(flow) : '';
    const milliseconds = Math.round((this.#context.nowNs - flow.sinceNs) / 1e6);
    const seconds = isoTime(this.#nowMs(this.#context)).replace('Z', '000Z');
    // What is sent is always what the server gets, seen from the client when it goes out and from the server when it comes in.
    const [sent, received] = inbound ? [flow.received, flow.sent] : [flow.sent, flow.received];
    this.#context.out(
      `${seconds}\t${error === '' ? 'info' : 'error'}\taccess\tconnection complete\tsrc.addr=${flow.from}` +
        quoted('src.workload', source?.name) +
        quoted('src.namespace', source?.namespace) +
        quoted('src.identity', inTunnel ? (inbound ? flow.peer : own) : '') +
        ` dst.addr=${flow.to}` +
        (inTunnel ? ` dst.hbone_addr=${flow.inner}` : '') +
        quoted('dst.service', service) +
        quoted('dst.workload', target?.name) +
        quoted('dst.namespace', target?.namespace) +
        quoted('dst.identity', inTunnel ? (inbound ? own : flow.peer) : '') +
        ` direction="${flow.direction}" bytes_sent=${sent} bytes_recv=${received} duration="${milliseconds}ms"${quoted('error', error)}\n`,
    );
  }

  /** A Service that leads to this endpoint, for the log. */
  #serviceOf({ inner, to }: Flow): string {
    const address = inner === '' ? to : inner;
    return Object.values(this.#config.mesh.services).find(({ endpoints }) => endpoints.some((one) => `${one.ip}:${one.port}` === address))?.host ?? '';
  }
}
