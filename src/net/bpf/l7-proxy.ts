/**
 * The proxy that reads what passes where a policy has rules about names or requests: Cilium's DNS proxy and its Envoy. Both stand in the way of the connection
 * itself; Envoy's second connection is not simulated, so that a refused request ends the client's. Cilium: pkg/fqdn/dnsproxy, pkg/envoy
 */
import { formatIp4, ip4 } from '../addr/ip4.ts';
import type { Skb } from '../stack/skb.ts';
import { emitCreated, emitDelivered } from '../trace/emit.ts';
import { DEFAULT_EPOCH_MS, formatHttpDate } from '../wire/calendar.ts';
import { dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsMessage } from '../wire/dns-message.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP, type Ip4, type Payload, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST } from '../wire/packet.ts';
import type { CtEntry } from './bpf-conntrack.ts';
import type { BpfL7Rules } from './bpf-records.ts';
import type { EndpointState } from './bpf-state.ts';
import { restoreFrontend } from './frontend-answer.ts';
import { matchesHttp, matchesName, plainName, requestHead } from './l7-rules.ts';
import { fibRedirect, note, type TcRun, toEndpoint, toStackOf } from './tc-actions.ts';
import type { Looked } from './track.ts';

const ENVOY = 'cilium-envoy';
const DNS_PROXY = 'cilium-agent (DNS proxy)';
const DENIED_BODY = 'Access denied\r\n';
/** Answers whose addresses are remembered, of one message. */
const MAX_ADDRESSES = 64;

export interface ProxyCall {
  /** Of the endpoint whose policy sends the connection here. */
  readonly way: 'ingress' | 'egress';
  readonly endpoint: EndpointState;
  /** Of the packet's sender. */
  readonly identity: number;
  readonly entry: CtEntry;
  readonly looked: Looked;
  readonly rules: BpfL7Rules | undefined;
  /** How packets of the proxy's own go on; false: they are the host's. */
  readonly forward: (run: TcRun, identity: number) => boolean;
}

/** True: the proxy has kept the packet. */
export function readByProxy(run: TcRun, call: ProxyCall): boolean {
  const { entry, looked } = call;
  if (entry.proxyPort === 0) return false;
  // An endpoint's own proxy reads its side: what comes back to it, or what it sends back.
  if (looked.result === 'reply') {
    if (entry.proxySeq >= 0) return keep(run, ENVOY);
    learn(run, call);
    return false;
  }
  if (entry.proxySeq >= 0) return refused(run, call);
  const { packet } = run;
  if (packet.protocol === IP_PROTO_UDP && packet.payload?.dns !== undefined) return askForName(run, call, packet.payload.dns);
  if (packet.protocol === IP_PROTO_TCP && packet.payload?.text !== undefined && call.rules?.http !== undefined)
    return readRequest(run, call, packet.payload.text);
  return false;
}

/** The proxy is where the packet ends. */
function keep(run: TcRun, process: string): true {
  emitDelivered(run.core, run.device.place, run.packet, 'proxy', process);
  return true;
}

// ---- names

function askForName(run: TcRun, call: ProxyCall, message: DnsMessage): boolean {
  const allowed = call.rules?.dns;
  if (message.response || allowed === undefined) return false;
  const name = plainName(message.question.name);
  const rcode = run.hook.state.config?.record.dnsReject ?? 'REFUSED';
  const pattern = allowed.find((one) => matchesName(one, name));
  const what = `${message.question.type} ${name}`;
  if (pattern !== undefined) {
    note(run, 'dns-request FORWARDED', `DNS Query ${name}. ${message.question.type}: the rule ${pattern} lets it pass`);
    return false;
  }
  note(run, 'dns-request DROPPED', `DNS Query ${name}. ${message.question.type}: no rule of the policy has this name, the proxy answers ${rcode} to ${what}`);
  const answer: DnsMessage = { ...message, response: true, recursionAvailable: true, rcode, answers: [], authorities: [], additionals: [] };
  reply(run, call, DNS_PROXY, { bytes: dnsMessageBytes(answer), dns: answer }, undefined);
  return keep(run, DNS_PROXY);
}

/** Addresses of an answer belong to the name that was asked for. */
function learn(run: TcRun, call: ProxyCall): void {
  const { packet, core, hook } = run;
  const message = packet.payload?.dns;
  if (message === undefined || !message.response || call.way !== 'ingress') return;
  const name = plainName(message.question.name);
  const addresses = message.answers.filter(({ type }) => type === 'A').slice(0, MAX_ADDRESSES);
  for (const { data, ttlSeconds } of addresses) {
    const ip = ip4(data);
    hook.state.names.learn({ ip, name, ttlSeconds, expiresNs: core.nowNs + ttlSeconds * 1e9, endpointId: call.endpoint.record.endpointId });
  }
  if (addresses.length > 0)
    note(run, 'dns-response FORWARDED', `DNS Answer ${addresses.map(({ data }) => `"${data}"`).join(',')}: the ipcache now knows them as ${name}`);
}

// ---- requests

function readRequest(run: TcRun, call: ProxyCall, text: string): boolean {
  const request = requestHead(text);
  if (request === undefined) return false;
  const what = `HTTP/1.1 ${request.method} http://${request.host}${request.path}`;
  if (call.rules?.http?.some((rule) => matchesHttp(rule, request)) === true) {
    note(run, 'http-request FORWARDED', what);
    return false;
  }
  note(run, 'http-request DROPPED', `${what}: no rule of the policy allows it, ${ENVOY} answers 403 and ends the connection`);
  const { packet, core } = run;
  const { tcp } = packet;
  if (tcp === undefined) return false;
  const head = [
    'HTTP/1.1 403 Forbidden',
    `content-length: ${DENIED_BODY.length}`,
    'content-type: text/plain',
    `date: ${formatHttpDate(DEFAULT_EPOCH_MS + Math.floor(core.nowNs / 1e6))}`,
    'server: envoy',
    'connection: close',
  ];
  const answer = `${head.join('\r\n')}\r\n\r\n${DENIED_BODY}`;
  const next = (tcp.seq + (packet.payload?.bytes ?? 0)) >>> 0;
  const seq = tcp.ack;
  call.entry.proxySeq = (seq + answer.length + 1) >>> 0;
  reply(run, call, ENVOY, { bytes: answer.length, text: answer }, { flags: TCP_ACK | TCP_PSH | TCP_FIN, seq, ack: next });
  // The server has seen a connection and no request: it is ended too.
  const reset = blank(run, packet.src as Ip4, packet.sport, packet.dst as Ip4, packet.dport);
  reset.tcp = { flags: TCP_RST, seq: tcp.seq, ack: 0, window: 0, options: {} };
  emitCreated(core, run.device.netns, reset, ENVOY);
  const onward: TcRun = { ...run, packet: reset };
  if (call.way === 'ingress') toEndpoint(onward, call.endpoint);
  else send(onward, call, call.identity);
  return keep(run, ENVOY);
}

/** What a refused client still sends: its end of the connection is acknowledged. */
function refused(run: TcRun, call: ProxyCall): true {
  const { packet } = run;
  const { tcp } = packet;
  if (tcp !== undefined && (tcp.flags & TCP_RST) === 0) {
    const bytes = packet.payload?.bytes ?? 0;
    const ends = (tcp.flags & TCP_FIN) !== 0 ? 1 : 0;
    if (bytes + ends > 0) reply(run, call, ENVOY, undefined, { flags: TCP_ACK, seq: call.entry.proxySeq, ack: (tcp.seq + bytes + ends) >>> 0 });
  }
  return keep(run, ENVOY);
}

// ---- sending

function blank(run: TcRun, src: Ip4, sport: number, dst: Ip4, dport: number): Skb {
  const { core, packet } = run;
  const made = core.newSkb();
  made.causeSeq = core.log.length - 1;
  made.protocol = packet.protocol;
  made.src = src;
  made.sport = sport;
  made.dst = dst;
  made.dport = dport;
  made.dontFragment = packet.dontFragment;
  return made;
}

/** To the client, from the address that it spoke to. */
function reply(
  run: TcRun,
  call: ProxyCall,
  by: string,
  payload: Payload | undefined,
  tcp: { readonly flags: number; readonly seq: number; readonly ack: number } | undefined,
): void {
  const { packet, core } = run;
  const { entry, endpoint } = call;
  const made = blank(run, packet.dst as Ip4, packet.dport, packet.src as Ip4, packet.sport);
  made.payload = payload;
  if (tcp !== undefined) made.tcp = { ...tcp, window: 65535, options: {} };
  emitCreated(core, run.device.netns, made, by);
  const back: TcRun = { ...run, packet: made };
  if (call.way === 'egress') {
    if (entry.service !== '' && !entry.nodePort) {
      made.src = entry.serviceIp;
      made.sport = entry.servicePort;
    }
    toEndpoint(back, endpoint);
    return;
  }
  if (restoreFrontend(back)) {
    if (!fibRedirect(back)) toHost(back);
    return;
  }
  send(back, call, endpoint.record.identity);
}

function send(run: TcRun, call: ProxyCall, identity: number): void {
  if (!call.forward(run, identity)) toHost(run);
}

function toHost(run: TcRun): void {
  const { hook, core, packet } = run;
  const name = hook.state.config?.record.hostDevice;
  const device = name === undefined ? undefined : core.netns.get(hook.program.netns)?.deviceByName(name);
  if (device === undefined) note(run, 'lost', `no way to ${formatIp4(packet.dst as Ip4)}`);
  else toStackOf(run, device);
}
