/** Configurations of the simulated servers (`http-server`, `tcp-server`, `udp-echo`) as agents write them into Process records. */

import type { ServerTlsConfig } from './tls/config.ts';

/**
 * Whose manners an HTTP server has. The pages are simulated: they name the host that answered, since that is what a network playground must show.
 * Headers, status texts, error pages and access logs follow the real server.
 * - `nginx`, `httpd`: `Hello from <hostname>` at `/` and `/index.html`, 404 for other paths
 * - `whoami` (traefik/whoami): the request and the server's addresses as text
 * - `echo` (hashicorp/http-echo): `text` for every path
 * - `agnhost` (netexec): `/hostname`, `/clientip`, `/echo?msg=`, `/` answers `NOW: …`
 * - `python` (python -m http.server): HTTP/1.0, one request a connection
 * - `echo-basic` (Gateway API's conformance image): the request as JSON, with the pod's name and namespace; `?delay=1s` waits, `/status/503` is that status
 * - `pages`: a Go program that serves the texts of `pages`: the first whose path is the request's, or `*`; 404 without one
 * - `generic`: an image that is not known: the host name for every path
 */
export type HttpServerKind = 'nginx' | 'httpd' | 'whoami' | 'echo' | 'agnhost' | 'python' | 'echo-basic' | 'pages' | 'generic';

export interface HttpServerConfig {
  /** It listens so long after it was started. */
  readonly startSeconds?: number;
  /** 1..65535. */
  readonly port: number;
  /** Absent: all addresses. */
  readonly address?: string;
  readonly server: HttpServerKind;
  /** As in the Server header (`1.27.3`), usually the image's tag; a recent one when absent. */
  readonly version?: string;
  /** It speaks HTTPS. */
  readonly tls?: ServerTlsConfig;
  /** http-echo's `-text`. */
  readonly text?: string;
  /** Its `-status-code`; 200 where absent. */
  readonly status?: number;
  readonly pages?: readonly HttpPage[];
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs?: number;
}

export interface HttpPage {
  readonly path: string;
  readonly code: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** `$NOW` stands for the time as Go prints it. */
  readonly body: string;
}

/** Accepts connections and writes `<hostname>\n` (or `text`); then returns every byte it gets. */
export interface TcpServerConfig {
  readonly port: number;
  readonly address?: string;
  /** Written when a connection is accepted; '' for a server that waits for its client to speak. Absent: `<hostname>\n`. */
  readonly greeting?: string;
  /** False: reads and says nothing (a database that only lets connect). Default true. */
  readonly echo?: boolean;
}

/** The Gateway API's conformance image as a server of bytes or datagrams: `PING`, `IS_TLS` and `TEST` are lines that it answers, datagrams come back as JSON. */
export interface L4EchoConfig {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** SERVICE_NAME, as it says itself. */
  readonly service: string;
  readonly tcpPort: number;
  readonly tlsPort: number;
  readonly tls?: ServerTlsConfig;
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs?: number;
}

/** Answers every datagram: with `text` if set, else with the datagram's own content. */
export interface UdpEchoConfig {
  readonly port: number;
  readonly address?: string;
  readonly text?: string;
  /** Answers with the host's name. */
  readonly ownName?: true;
}

/** SCTP: writes `greeting` and closes, as agnhost's porter does; without one it answers each message with the host's name. */
export interface SctpServerConfig {
  readonly port: number;
  readonly greeting?: string;
}
