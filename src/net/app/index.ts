/** The contents page of programs: what can run on a simulated host, and the command lines that start it. */
import { agnhost, agnhostProgram } from './agnhost.ts';
import { arping, arpingProgram } from './arping.ts';
import { bird } from './bird.ts';
import { busyboxNslookup, busyboxNslookupProgram } from './busybox-nslookup.ts';
import { conntrackEvents } from './conntrack-events.ts';
import { curlWith } from './curl.ts';
import { curlHttps } from './curl-https.ts';
import type { App, Program } from './definition.ts';
import { dig, digProgram } from './dig.ts';
import { firstApps, firstPrograms } from './first-apps.ts';
import { getent, getentProgram } from './getent.ts';
import { grpcEcho } from './grpc/grpc-echo.ts';
import { grpcurl, grpcurlProgram } from './grpc/grpcurl.ts';
import { host, hostProgram } from './host.ts';
import { httpServerWith } from './http-server.ts';
import { http2Server } from './http2/http2-server.ts';
import { modelServer } from './inference/model-server.ts';
import { l4Echo } from './l4-echo.ts';
import { load } from './load/load.ts';
import { logLines } from './log-lines.ts';
import { sidecar } from './mesh/sidecar.ts';
import { ztunnel } from './mesh/ztunnel.ts';
import { mtr, mtrProgram } from './mtr.ts';
import { nc, ncProgram } from './nc.ts';
import { nginx } from './nginx/nginx.ts';
import { nslookup, nslookupProgram } from './nslookup.ts';
import { openssl, opensslProgram } from './openssl.ts';
import { packetReplay } from './packet-replay.ts';
import { portForward } from './port-forward.ts';
import { proberWith } from './prober.ts';
import { httpProxy } from './proxy/http-proxy.ts';
import { streamProxy } from './proxy/stream-proxy.ts';
import { udpProxy } from './proxy/udp-proxy.ts';
import { sctpServer } from './sctp-server.ts';
import { tcpdump, tcpdumpProgram } from './tcpdump.ts';
import { tlsLayer } from './tls/layer.ts';
import { tracepath, tracepathProgram } from './tracepath.ts';
import { busyboxTracerouteProgram, traceroute, tracerouteProgram } from './traceroute.ts';
import { webSocketEcho } from './websocket/echo.ts';
import { websocat, websocatProgram } from './websocket/websocat.ts';
import { busyboxWgetProgram, wget, wgetProgram } from './wget.ts';

const all: readonly App[] = [
  ...firstApps,
  curlWith(curlHttps),
  httpServerWith(tlsLayer, webSocketEcho),
  proberWith(tlsLayer),
  agnhost,
  arping,
  bird,
  busyboxNslookup,
  conntrackEvents,
  dig,
  getent,
  grpcEcho,
  grpcurl,
  host,
  http2Server,
  httpProxy,
  modelServer,
  l4Echo,
  load,
  logLines,
  mtr,
  nc,
  nginx,
  nslookup,
  openssl,
  packetReplay,
  portForward,
  sidecar,
  streamProxy,
  sctpServer,
  tcpdump,
  tracepath,
  traceroute,
  udpProxy,
  websocat,
  wget,
  ztunnel,
];

/** By name, as Process records say it. */
export const apps: ReadonlyMap<string, App> = new Map(all.map((app) => [app.name, app]));

/** By the command's name. `busybox-…` is what an image with busybox alone calls by the plain name. */
export const programs: ReadonlyMap<string, Program> = new Map([
  ...firstPrograms,
  ['agnhost', agnhostProgram],
  ['arping', arpingProgram],
  ['busybox-nslookup', busyboxNslookupProgram],
  ['busybox-traceroute', busyboxTracerouteProgram],
  ['busybox-wget', busyboxWgetProgram],
  ['dig', digProgram],
  ['getent', getentProgram],
  ['grpcurl', grpcurlProgram],
  ['host', hostProgram],
  ['mtr', mtrProgram],
  ['nc', ncProgram],
  ['nslookup', nslookupProgram],
  ['openssl', opensslProgram],
  ['tcpdump', tcpdumpProgram],
  ['tracepath', tracepathProgram],
  ['traceroute', tracerouteProgram],
  ['websocat', websocatProgram],
  ['wget', wgetProgram],
]);
