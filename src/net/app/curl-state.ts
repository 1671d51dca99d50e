/** What curl remembers of a transfer, as plain data. */
import type { Ip } from '../wire/packet.ts';
import type { CurlConfig, CurlUrl } from './curl-args.ts';
import type { CurlH2 } from './curl-http2.ts';
import type { SocketId } from './definition.ts';
import type { HttpHeader } from './http-message.ts';
import type { Resolving } from './resolver.ts';
import type { TlsSessions } from './tls/sessions.ts';

/** Times in ns since the transfer began, as `-w` reports them; -1 not reached. */
export interface CurlTimes {
  readonly startNs: number;
  readonly resolvedNs: number;
  readonly connectedNs: number;
  /** TLS is there. */
  readonly securedNs: number;
  readonly firstByteNs: number;
}

export interface CurlTransfer {
  readonly url: CurlUrl;
  readonly method: string;
  readonly redirects: number;
  readonly times: CurlTimes;
  readonly code: number;
  readonly version: string;
  readonly headers: readonly HttpHeader[];
  readonly headBytes: number;
  readonly bodyBytes: number;
  readonly localIp: Ip;
  readonly localPort: number;
  readonly remoteIp: Ip;
}

export interface CurlState {
  readonly index: number;
  readonly phase: 'resolving' | 'connecting' | 'tls' | 'head' | 'body' | 'done';
  readonly transfer: CurlTransfer;
  readonly resolving: Resolving | undefined;
  /** Still to be tried when connecting fails: of the family that was tried first, and of the other. */
  readonly addresses: readonly Ip[];
  readonly otherFamily: readonly Ip[];
  /** The second of two attempts that race, one a family; -1 while there is none. */
  readonly rival: SocketId;
  readonly rivalIp: Ip;
  readonly socket: SocketId;
  /** A kept connection of an earlier transfer. */
  readonly kept: { readonly socket: SocketId; readonly host: string; readonly port: number; readonly ip: Ip; readonly scheme: string } | undefined;
  /** Connections since the start, which -v numbers from 0. */
  readonly connection: number;
  readonly buffer: string;
  /** Body bytes still to come; chunked and until-close as in the head. */
  readonly remaining: number | 'chunked' | 'until-close';
  readonly timers: readonly number[];
  readonly exitCode: number;
  /** Changed in place. */
  readonly tls: TlsSessions;
  /** Connections that speak HTTP/2; changed in place. */
  readonly http2: CurlH2;
}

export const NO_TIMES: CurlTimes = { startNs: 0, resolvedNs: -1, connectedNs: -1, securedNs: -1, firstByteNs: -1 };

export function newTransfer(config: CurlConfig, url: CurlUrl, redirects: number): CurlTransfer {
  const method = config.method ?? (config.headOnly ? 'HEAD' : config.data === undefined ? 'GET' : 'POST');
  return { url, method, redirects, times: NO_TIMES, code: 0, version: '0', headers: [], headBytes: 0, bodyBytes: 0, localIp: 0, localPort: 0, remoteIp: 0 };
}

export function firstState(config: CurlConfig): CurlState {
  const url = config.urls[0] as CurlUrl;
  return {
    index: 0,
    phase: 'resolving',
    transfer: newTransfer(config, url, 0),
    resolving: undefined,
    addresses: [],
    otherFamily: [],
    rival: -1,
    rivalIp: 0,
    socket: -1,
    kept: undefined,
    connection: 0,
    buffer: '',
    remaining: 0,
    timers: [],
    exitCode: 0,
    tls: new Map(),
    http2: new Map(),
  };
}
