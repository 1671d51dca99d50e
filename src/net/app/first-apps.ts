/** Programs that a page has from its first picture on: what the containers of a plain cluster run, and what first requests are made with. */
import { container } from './container.ts';
import { curlProgram, curlWith } from './curl.ts';
import type { App, Program } from './definition.ts';
import { dnsServer } from './dns-server.ts';
import { httpServerWith } from './http-server.ts';
import { busyboxPingProgram, ping, pingProgram } from './ping.ts';
import { proberWith } from './prober.ts';
import { sleep, sleepProgram } from './sleep.ts';
import { tcpServer, udpEcho } from './small-servers.ts';

export const firstApps: readonly App[] = [
  container,
  curlWith(undefined),
  dnsServer,
  httpServerWith(undefined),
  ping,
  proberWith(undefined),
  sleep,
  tcpServer,
  udpEcho,
];

/** Of commands, by name. */
export const firstPrograms: ReadonlyMap<string, Program> = new Map([
  ['busybox-ping', busyboxPingProgram],
  ['curl', curlProgram],
  ['ping', pingProgram],
  ['sleep', sleepProgram],
]);
